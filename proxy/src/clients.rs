//! Who is connected: follows every session and every client identity, says when clients come back in a storm, and hands
//! what changes to the report. On a thread of its own; workers only put notes into its [`mailbox`]. How a change reaches
//! the world outside is [`crate::report`]'s.

mod arrivals;
mod identities;
mod mailbox;
mod metrics;
mod presence;
mod query;
mod roster;
mod storm;
#[cfg(test)]
mod tests;
mod tracker;

use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::watch;

use self::arrivals::Arrivals;
use self::mailbox::{Mailbox, Note};
use self::roster::Roster;
use crate::admin;
use crate::dataplane::route::{Dataplane, Route};
use crate::dataplane::state::{StateChange, StateSink};
use crate::report::Reporter;

pub(crate) use self::metrics::FAMILIES;
pub use self::presence::{ClientChange, ClientReason, Presence, Standing, Survivor};
pub use self::roster::{Happening, SessionChange, Survivors};

/// How clients are told apart.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Settings {
    /// The attribute whose value is a client's identity. Default `user`, which `auth-jwt` sets. A session without it is
    /// followed by itself alone.
    pub attribute: Box<str>,
    /// A client that is gone is `reconnecting` for so long, then `disconnected`. Default 30 s.
    pub grace: Duration,
    /// Identities that are remembered. Default 100,000, some 30 MB if they are as short as names are; an attribute has at
    /// most 4 KiB. Of those that are disconnected, the one that has been so
    /// longest makes room; a new one that finds no room is not followed, and counted.
    pub entries_max: usize,
}

impl Default for Settings {
    fn default() -> Self {
        Self { attribute: "user".into(), grace: Duration::from_secs(30), entries_max: 100_000 }
    }
}

/// Follows the process's clients. Ends when dropped, or better by [`Clients::finish`].
pub struct Clients {
    shared: Arc<Shared>,
    end: watch::Sender<Option<Duration>>,
    thread: std::thread::JoinHandle<()>,
}

/// Keeps those who count clients by route to the routes that there are.
pub struct Routed(Arc<Shared>);

impl Routed {
    /// There are these from now on.
    pub fn change(&self, routes: &[Arc<Route>]) {
        self.0.arrivals.change(routes);
    }
}

/// What the workers, the admin port and the thread share.
struct Shared {
    arrivals: Arrivals,
    following: Option<Following>,
}

/// There where sessions are followed at all.
struct Following {
    attribute: Box<str>,
    mailbox: Mailbox,
    roster: Mutex<Roster>,
}

impl Following {
    fn roster(&self) -> MutexGuard<'_, Roster> {
        self.roster.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl StateSink for Shared {
    fn on_state(&self, change: &StateChange<'_>) {
        self.arrivals.on_state(change);
        if let Some(following) = &self.following {
            following.mailbox.put(Note::of(change, &following.attribute));
        }
    }
}

impl Clients {
    /// Starts the thread. Without settings only arrivals are counted, for the signals of storms.
    ///
    /// # Errors
    /// The system gives no thread.
    pub fn start(
        settings: Option<&Settings>,
        dataplane: &Dataplane,
        reporter: Option<(Reporter, Survivors)>,
    ) -> io::Result<Self> {
        let following = settings.map(|settings| Following {
            attribute: settings.attribute.clone(),
            mailbox: Mailbox::default(),
            roster: Mutex::new(Roster::new(settings)),
        });
        let shared = Arc::new(Shared { arrivals: Arrivals::new(&dataplane.routes.0), following });
        let (end, ended) = watch::channel(None);
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let thread = std::thread::Builder::new().name("clients".into()).spawn({
            let shared = Arc::clone(&shared);
            move || runtime.block_on(tracker::run(shared, reporter, ended))
        })?;
        Ok(Self { shared, end, thread })
    }

    /// What workers tell.
    pub fn sink(&self) -> Arc<dyn StateSink> {
        Arc::clone(&self.shared) as Arc<dyn StateSink>
    }

    /// For who changes the routes.
    pub fn routed(&self) -> Routed {
        Routed(Arc::clone(&self.shared))
    }

    /// Its numbers.
    pub fn source(&self) -> admin::Source {
        metrics::source(Arc::clone(&self.shared))
    }

    /// `GET /clients`.
    pub fn endpoint(&self) -> admin::Endpoint {
        query::endpoint(Arc::clone(&self.shared))
    }

    /// No session is left: the last changes are told, for at most `within`. Blocks.
    pub fn finish(self, within: Duration) {
        self.end.send_replace(Some(within));
        if self.thread.join().is_err() {
            tracing::error!("the thread that follows clients had panicked");
        }
    }
}
