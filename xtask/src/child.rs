//! Programs that xtask starts and that must not outlive it: each is in a process group of its own, so that a Ctrl-C at
//! the terminal reaches xtask alone, which then ends them in order; and where the system can, it ends them itself when
//! xtask is killed.

use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, ExitStatus};
use std::time::{Duration, Instant};

use crate::{Outcome, workspace};

/// The task by which xtask starts itself to become another program.
pub(crate) const TASK: &str = "as-child";

/// How often something that cannot be waited for is looked at.
pub(crate) const LOOK_EVERY: Duration = Duration::from_millis(50);

/// A program that ends with its owner.
pub(crate) struct Program(Child);

impl Program {
    /// Starts it. What it says goes to `log`, after what is there.
    ///
    /// The parent of a process that asks to die with it is a thread, and not a process: call this from the main thread.
    pub(crate) fn start(program: &Path, arguments: &[&OsStr], log: &Path) -> io::Result<Self> {
        let log = File::options().create(true).append(true).open(log)?;
        let child = Command::new(workspace::ourselves()?)
            .arg(TASK)
            .arg(std::process::id().to_string())
            .arg(program)
            .args(arguments)
            .stdin(std::process::Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log)
            .process_group(0)
            .spawn()?;
        Ok(Self(child))
    }

    /// How it ended, if it has.
    pub(crate) fn ended(&mut self) -> io::Result<Option<ExitStatus>> {
        self.0.try_wait()
    }

    /// Asks it to end, waits, and ends it if it does not.
    pub(crate) fn stop(mut self, patience: Duration) {
        if let Some(pid) = i32::try_from(self.0.id()).ok().and_then(rustix::process::Pid::from_raw) {
            // It may have gone by itself.
            let _ = rustix::process::kill_process(pid, rustix::process::Signal::TERM);
        }
        let until = Instant::now() + patience;
        while Instant::now() < until {
            if !matches!(self.0.try_wait(), Ok(None)) {
                return;
            }
            std::thread::sleep(LOOK_EVERY);
        }
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        if matches!(self.0.try_wait(), Ok(None)) {
            let _ = self.0.kill();
            let _ = self.0.wait();
        }
    }
}

/// `as-child PARENT PROGRAM ARGUMENTS…`: becomes the program, having asked to be killed when its parent ends.
pub(crate) fn become_program(mut arguments: impl Iterator<Item = OsString>) -> Outcome {
    let parent = arguments.next().and_then(|pid| pid.to_str()?.parse::<i32>().ok());
    let program = arguments.next().ok_or("as-child is for xtask itself")?;
    die_with(parent)?;
    let error = Command::new(&program).args(arguments).exec();
    Err(format!("cannot run {}: {error}", Path::new(&program).display()))
}

#[cfg(target_os = "linux")]
fn die_with(parent: Option<i32>) -> Outcome {
    use rustix::process::{Signal, getppid, set_parent_process_death_signal};

    set_parent_process_death_signal(Some(Signal::KILL)).map_err(|error| error.to_string())?;
    // It may have ended before we asked.
    match getppid() {
        Some(pid) if Some(pid.as_raw_nonzero().get()) == parent => Ok(()),
        _ => Err("the parent is gone".into()),
    }
}

#[cfg(not(target_os = "linux"))]
fn die_with(_parent: Option<i32>) -> Outcome {
    Ok(())
}
