//! The number of files that the process may open: raised as far as it goes, and kept to. A session takes two.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use tracing::{info, warn};

use crate::dataplane::route::Dataplane;

/// Listening sockets, epolls, pipes, log, filters' files, admin clients and dialling: what is open besides sessions.
const FILES_FOR_OURSELVES: u64 = 256;
/// A client's socket and an upstream's.
const FILES_A_CONNECTION: u64 = 2;

/// Lowers what the listeners let in to what the files allow, so that a client too many is told so in HTTP and not left
/// to the kernel.
pub(super) fn within_the_limit(mut dataplane: Dataplane) -> Dataplane {
    let Some(files) = raise() else { return dataplane };
    let fits = usize::try_from(files.saturating_sub(FILES_FOR_OURSELVES) / FILES_A_CONNECTION).unwrap_or(usize::MAX);
    let share = fits / dataplane.listeners.len().max(1);
    for listener in &mut dataplane.listeners {
        let wanted = listener.limits.connections_max;
        if wanted > share {
            listener.limits.connections_max = share;
            info!(
                address = %listener.address, wanted, connections = share, files,
                "this process may open too few files for the listener's connections: raise its limit (ulimit -n), or set the listener's limits.connections"
            );
        }
    }
    dataplane
}

/// The soft limit, made as large as the hard one. Nothing: unlimited.
fn raise() -> Option<u64> {
    let limit = getrlimit(Resource::Nofile);
    let raised = Rlimit { current: limit.maximum, maximum: limit.maximum };
    match setrlimit(Resource::Nofile, raised) {
        Ok(()) => limit.maximum,
        Err(error) => {
            warn!(%error, "cannot raise the limit of open files");
            limit.current
        }
    }
}
