//! Reloads filters while they serve: when a component's file changes, and when the admin port asks. On a thread of its own:
//! what takes time (reading, compiling, configuring) is done here, and workers are told when it is.

use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::time::Duration;

use http::StatusCode;
use serde_json::{Value, json};
use tokio::sync::{oneshot, watch};
use tracing::{info, warn};

use super::filters::{Served, describe};
use crate::admin::{Acted, Action};
use crate::dataplane::route::FilterSource;
use crate::stamp::Stamp;
use crate::wasm::Host;

/// Each component's file is looked at this often. It is reloaded when it has changed since it was last read, and has stood
/// still from one look to the next: a file that is being written is not read yet.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// A third of a worker's share of a processor that both want. Not less: a thread that is left waiting while it holds the
/// kernel's lock of our memory keeps workers waiting too.
const NICE: i32 = 5;
/// Requests of the admin port that wait for one that is under way.
const REQUESTS_MAX: usize = 16;
/// The admin port answers that it is not done yet after so long; compiling goes on.
const ANSWER_AFTER: Duration = Duration::from_secs(8);

/// The thread's owner. It ends with this.
pub(super) struct Reloader {
    requests: SyncSender<Request>,
    renewed: watch::Receiver<u64>,
}

/// What the admin port asks for.
struct Request {
    filter: Box<str>,
    answer: oneshot::Sender<Acted>,
}

impl Reloader {
    /// Starts the thread.
    pub(super) fn start(host: Arc<Host>, filters: Vec<Arc<Served>>) -> std::io::Result<Self> {
        let (requests, asked) = sync_channel(REQUESTS_MAX);
        let (renewed, watched) = watch::channel(0);
        let watched_filters = filters.into_iter().map(Watched::new).collect();
        let room = Room { host, filters: watched_filters, renewed };
        std::thread::Builder::new().name("belay-reloads".into()).spawn(move || room.run(&asked))?;
        Ok(Self { requests, renewed: watched })
    }

    /// Changes whenever workers are to look for newer versions of their filters.
    pub(super) fn renewed(&self) -> watch::Receiver<u64> {
        self.renewed.clone()
    }

    /// `POST /filters/NAME/reload`.
    pub(super) fn action(&self) -> Action {
        let requests = self.requests.clone();
        Action {
            before: "/filters/",
            after: "/reload",
            act: Box::new(move |filter| {
                let (answer, answered) = oneshot::channel();
                let sent = requests.try_send(Request { filter: filter.into(), answer });
                Box::pin(async move {
                    if sent.is_err() {
                        return acted(
                            StatusCode::SERVICE_UNAVAILABLE,
                            json!({ "error": "too many reloads at a time" }),
                        );
                    }
                    match tokio::time::timeout(ANSWER_AFTER, answered).await {
                        Ok(Ok(answer)) => answer,
                        Ok(Err(_)) => acted(StatusCode::SERVICE_UNAVAILABLE, json!({ "error": "going away" })),
                        Err(_) => acted(StatusCode::ACCEPTED, json!({ "state": "compiling; see /filters" })),
                    }
                })
            }),
        }
    }
}

/// What the thread has.
struct Room {
    host: Arc<Host>,
    filters: Vec<Watched>,
    renewed: watch::Sender<u64>,
}

/// A filter whose file is looked at.
struct Watched {
    filter: Arc<Served>,
    /// Of the content that was last read, well or not.
    read: Option<Stamp>,
    /// At the last look.
    seen: Option<Stamp>,
}

impl Room {
    fn run(mut self, asked: &Receiver<Request>) {
        // Of this thread alone. Compiling may take what workers leave; where that cannot be had it competes with them.
        if let Err(error) = rustix::process::setpriority_process(None, NICE) {
            tracing::debug!(%error, "filters are compiled at the workers' priority");
        }
        loop {
            match self.wait(asked) {
                Ok(request) => {
                    let answer = self.reload_named(&request.filter);
                    // An error means that whoever asked has gone.
                    let _ = request.answer.send(answer);
                }
                Err(RecvTimeoutError::Timeout) => self.look(),
                Err(RecvTimeoutError::Disconnected) => return,
            }
        }
    }

    /// For a request, or until it is time to look at files. Asleep for good where there are none.
    fn wait(&self, asked: &Receiver<Request>) -> Result<Request, RecvTimeoutError> {
        if self.filters.iter().any(Watched::has_file) {
            asked.recv_timeout(LOOK_EVERY)
        } else {
            asked.recv().map_err(RecvTimeoutError::from)
        }
    }

    fn look(&mut self) {
        for index in 0..self.filters.len() {
            let watched = &mut self.filters[index];
            // While workers still take up the version before, a change waits for a later look.
            if watched.has_changed() && watched.filter.loaded.view().workers_behind == 0 {
                self.reload(index, Trigger::Change);
            }
        }
    }

    fn reload_named(&mut self, name: &str) -> Acted {
        let Some(index) = self.filters.iter().position(|watched| *watched.filter.spec.name == *name) else {
            return acted(StatusCode::NOT_FOUND, json!({ "error": format!("there is no filter '{name}'") }));
        };
        let status = match self.reload(index, Trigger::Request) {
            Outcome::Replaced | Outcome::Same => StatusCode::OK,
            Outcome::Refused => StatusCode::CONFLICT,
        };
        acted(status, describe(&self.filters[index].filter))
    }

    fn reload(&mut self, index: usize, trigger: Trigger) -> Outcome {
        let Watched { filter, read, .. } = &mut self.filters[index];
        let (name, loaded) = (&*filter.spec.name, &filter.loaded);
        *read = filter.stamp();
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
        match self.host.reload(loaded, &component) {
            Ok(generation) => {
                let sha256 = &*loaded.view().sha256;
                info!(filter = name, generation, sha256, "a filter was reloaded");
                self.renewed.send_modify(|count| *count += 1);
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
        let read = filter.loaded_from;
        Self { filter, read, seen: read }
    }

    fn has_file(&self) -> bool {
        matches!(self.filter.spec.source, FilterSource::File(_))
    }

    fn has_changed(&mut self) -> bool {
        let now = self.filter.stamp();
        let stands_still = now == self.seen;
        self.seen = now;
        // A file that is away for a moment, between a rename and the next, is not a change yet.
        stands_still && now.is_some() && now != self.read
    }
}

fn acted(status: StatusCode, body: Value) -> Acted {
    Acted { status, body }
}
