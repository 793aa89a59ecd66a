//! Reloads the configuration and its filters while they serve: when a file changes, on SIGHUP, and when the admin port asks.
//! On a thread of its own, one reload after the other: what takes time (reading, compiling, configuring) is done here, and
//! workers are told when it is.

mod config;
mod difference;
mod requests;

use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, sync_channel};
use std::time::Duration;

use http::StatusCode;
use tokio::sync::watch;
use tracing::{info, warn};

use self::config::{Origin, Running};
pub(super) use self::requests::Requests;
use self::requests::{REQUESTS_MAX, Request};
use super::filters::{Filters, Served, describe};
use super::workers::Changer;
use crate::admin::{Answered, ConfigStatus, Readiness};
use crate::clients::Routed;
use crate::config::Config;
use crate::dataplane::route::FilterSource;
use crate::stamp::Stamp;
use crate::telemetry::LogControl;
use crate::tls::{Watched as WatchedCertificates, Watcher};

/// Each file is looked at this often. It is reloaded when it has changed since it was last read, and has stood still from one
/// look to the next: a file that is being written is not read yet.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// A third of a worker's share of a processor that both want. Not less: a thread that is left waiting while it holds the
/// kernel's lock of our memory keeps workers waiting too.
const NICE: i32 = 5;

/// What a reload acts on.
pub(super) struct Parts {
    pub(super) filters: Filters,
    pub(super) changer: Changer,
    pub(super) log: LogControl,
    pub(super) certificates: Watcher,
    /// What is looked at besides those of the configuration that serves.
    pub(super) lasting: Vec<Arc<dyn WatchedCertificates>>,
    pub(super) routed: Routed,
    pub(super) readiness: Readiness,
    pub(super) status: Arc<ConfigStatus>,
    /// Changed whenever workers are to look for newer versions of their filters.
    pub(super) renew: watch::Sender<u64>,
}

/// Starts the thread. It ends with the last of its requests' makers. `origin` is where the configuration that serves came
/// from.
pub(super) fn start(origin: Origin, parts: Parts) -> std::io::Result<Requests> {
    let (requests, asked) = sync_channel(REQUESTS_MAX);
    let room = Room::new(origin, parts);
    std::thread::Builder::new().name("belay-reloads".into()).spawn(move || room.run(&asked))?;
    Ok(Requests(requests))
}

/// Where a configuration came from, and what it said.
pub(super) fn origin(config: &Config) -> Origin {
    Origin::of(config)
}

/// What the thread has.
struct Room {
    parts: Parts,
    running: Running,
    watched: Vec<Watched>,
}

/// A filter whose file is looked at.
struct Watched {
    filter: Arc<Served>,
    file: WatchedFile,
}

/// A file that is looked at.
struct WatchedFile {
    /// Of the content that was last read, well or not.
    read: Option<Stamp>,
    /// At the last look.
    seen: Option<Stamp>,
}

impl Room {
    fn new(origin: Origin, parts: Parts) -> Self {
        let watched = parts.filters.served().into_iter().map(Watched::new).collect();
        Self { running: Running::new(origin), parts, watched }
    }

    fn run(mut self, asked: &Receiver<Request>) {
        // Of this thread alone. Compiling may take what workers leave; where that cannot be had it competes with them.
        if let Err(error) = rustix::process::setpriority_process(None, NICE) {
            tracing::debug!(%error, "filters are compiled at the workers' priority");
        }
        loop {
            match asked.recv_timeout(LOOK_EVERY) {
                // An error means that whoever asked has gone.
                Ok(Request::Filter { name, answer }) => drop(answer.send(self.reload_named(&name))),
                Ok(Request::Config { trigger, answer }) => {
                    let acted = self.reload_config(trigger);
                    drop(answer.map(|answer| answer.send(acted)));
                }
                Err(RecvTimeoutError::Timeout) => self.look(),
                Err(RecvTimeoutError::Disconnected) => return,
            }
        }
    }

    /// At the YAML first: what it says of filters may have changed with their files.
    fn look(&mut self) {
        if self.running.has_changed() {
            self.reload_config("file");
        }
        for index in 0..self.watched.len() {
            let watched = &mut self.watched[index];
            // While workers still take up the version before, a change waits for a later look.
            if watched.has_changed() && watched.filter.loaded.view().workers_behind == 0 {
                self.reload(index, Trigger::Change);
            }
        }
    }

    fn reload_named(&mut self, name: &str) -> Answered {
        let Some(index) = self.watched.iter().position(|watched| *watched.filter.spec.name == *name) else {
            return Answered::problem(StatusCode::NOT_FOUND, &format!("there is no filter '{name}'"));
        };
        let status = match self.reload(index, Trigger::Request) {
            Outcome::Replaced | Outcome::Same => StatusCode::OK,
            Outcome::Refused => StatusCode::CONFLICT,
        };
        Answered::outcome(status, describe(&self.watched[index].filter))
    }

    fn reload(&mut self, index: usize, trigger: Trigger) -> Outcome {
        let Watched { filter, file } = &mut self.watched[index];
        let (name, loaded) = (&*filter.spec.name, &filter.loaded);
        file.read = filter.stamp();
        let component = match filter.component() {
            Ok(component) => component,
            Err(error) => {
                loaded.refused(&error);
                warn!(filter = name, error, "a filter was not reloaded, and goes on as it was");
                return Outcome::Refused;
            }
        };
        if trigger == Trigger::Change && loaded.is_of(&component) {
            return Outcome::Same;
        }
        match self.parts.filters.host.reload(loaded, &component) {
            Ok(generation) => {
                let sha256 = &*loaded.view().sha256;
                info!(filter = name, generation, sha256, "a filter was reloaded");
                self.parts.renew.send_modify(|count| *count += 1);
                Outcome::Replaced
            }
            Err(error) => {
                warn!(filter = name, %error, "a filter was not reloaded, and goes on as it was");
                Outcome::Refused
            }
        }
    }
}

/// Why a filter is reloaded.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Trigger {
    /// Its file has changed.
    Change,
    /// Somebody asked, and gets what they ask for: the same component is configured anew.
    Request,
}

/// What came of it.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Outcome {
    Replaced,
    Same,
    Refused,
}

impl Watched {
    fn new(filter: Arc<Served>) -> Self {
        let file = WatchedFile::read(filter.loaded_from);
        Self { filter, file }
    }

    fn has_changed(&mut self) -> bool {
        match self.filter.spec.source {
            FilterSource::File(_) => self.file.has_changed(self.filter.stamp()),
            FilterSource::Shipped(_) | FilterSource::Registry(_) => false,
        }
    }
}

impl WatchedFile {
    fn read(stamp: Option<Stamp>) -> Self {
        Self { read: stamp, seen: stamp }
    }

    fn has_changed(&mut self, now: Option<Stamp>) -> bool {
        let stands_still = now == self.seen;
        self.seen = now;
        // A file that is away for a moment, between a rename and the next, is not a change yet.
        stands_still && now.is_some() && now != self.read
    }
}
