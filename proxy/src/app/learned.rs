//! Keeps what was learned of networks in a file: read at the start, written from time to time and at the end. What is in it
//! is the data path's.

use std::fs::File;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::thread::JoinHandle;
use std::time::Duration;

use tracing::{info, warn};

use crate::dataplane::probe::Networks;
use crate::time::Instant;

/// What is lost if the process dies.
const WRITTEN_EVERY: Duration = Duration::from_secs(300);
/// As many networks as may be known are less.
const FILE_BYTES_MAX: u64 = 32 * 1024 * 1024;

/// A thread that writes the file; once more when dropped.
pub(super) struct Learned {
    stop: Option<Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Learned {
    /// Reads the file, if it is there. One that is damaged is said to be, and written over later.
    pub(super) fn start(file: PathBuf, networks: Arc<Networks>) -> io::Result<Self> {
        read(&file, &networks);
        let (stop, stopped) = channel();
        let thread = std::thread::Builder::new().name("learned".into()).spawn(move || {
            let mut written = String::new();
            let mut is_running = true;
            while is_running {
                is_running = stopped.recv_timeout(WRITTEN_EVERY) == Err(RecvTimeoutError::Timeout);
                let text = networks.to_text(Instant::now());
                if text == written {
                    continue;
                }
                match write(&file, &text) {
                    Ok(()) => written = text,
                    Err(error) => warn!(file = %file.display(), %error, "what was learned of networks cannot be kept"),
                }
            }
        })?;
        Ok(Self { stop: Some(stop), thread: Some(thread) })
    }
}

impl Drop for Learned {
    fn drop(&mut self) {
        drop(self.stop.take());
        if self.thread.take().is_some_and(|thread| thread.join().is_err()) {
            tracing::error!("the thread that keeps what was learned had panicked");
        }
    }
}

fn read(file: &Path, networks: &Networks) {
    let size = std::fs::metadata(file).map_or(0, |metadata| metadata.len());
    if size > FILE_BYTES_MAX {
        return warn!(file = %file.display(), size, "what was learned of networks is ignored: the file is too large");
    }
    match std::fs::read_to_string(file) {
        Ok(text) => match networks.learn(Instant::now(), &text) {
            Ok(count) => info!(file = %file.display(), networks = count, "networks are known from an earlier run"),
            Err(error) => warn!(file = %file.display(), %error, "what was learned of networks is ignored"),
        },
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(error) => warn!(file = %file.display(), %error, "what was learned of networks cannot be read"),
    }
}

/// Beside it first, so that the file is whole at all times.
fn write(file: &Path, text: &str) -> io::Result<()> {
    let mut beside = file.as_os_str().to_owned();
    beside.push(".new");
    let mut new = File::create(&beside)?;
    new.write_all(text.as_bytes())?;
    new.sync_all()?;
    std::fs::rename(&beside, file)
}
