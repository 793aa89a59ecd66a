//! Accepts connections and reads their requests, within the listener's limits. What a request means is [`serve`]'s, and so
//! is a connection without any. TLS comes first, in [`welcome`].

mod welcome;

use std::cell::Cell;
use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;
use std::pin::pin;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::time::Duration;

use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::AsyncWriteExt;
use tokio::net::{TcpListener, TcpStream};
use tracing::{debug, warn};

use self::welcome::Doorman;
use super::complaints::Complaints;
use super::route::{Listener, ListenerLimits, Protocol};
use super::serve::{self, Door, Entrance};
use super::worker::Worker;

/// Connections that are open, over all workers, and how many may be.
#[derive(Clone, Debug)]
pub struct Connections {
    open: Arc<AtomicUsize>,
    open_max: usize,
}

/// A connection's place among the open ones. Given back when dropped.
#[derive(Debug)]
pub struct ConnectionSlot(Arc<AtomicUsize>);

impl Connections {
    /// So many at a time, shared by all clones.
    pub fn new(open_max: usize) -> Self {
        Self { open: Arc::default(), open_max }
    }

    /// From now on so many. Those that are open count.
    #[must_use]
    pub fn limited_to(&self, open_max: usize) -> Self {
        Self { open: Arc::clone(&self.open), open_max }
    }

    /// How many there are now.
    pub fn open(&self) -> usize {
        self.open.load(Relaxed)
    }

    fn take(&self) -> Option<ConnectionSlot> {
        let slot = ConnectionSlot(Arc::clone(&self.open));
        // Counted before it is compared, so that two workers cannot both take the last place.
        (self.open.fetch_add(1, Relaxed) < self.open_max).then_some(slot)
    }
}

impl Drop for ConnectionSlot {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Relaxed);
    }
}

/// What a client over the limit is told, without reading its request.
const FULL: &[u8] = b"HTTP/1.1 503 Service Unavailable\r\nRetry-After: 5\r\nConnection: close\r\nContent-Type: text/plain\r\nContent-Length: 21\r\n\r\ntoo many connections\n";
/// The kernel has no file for us: connections are closing meanwhile, and asking again at once would only burn the core.
const OUT_OF_FILES_PAUSE: Duration = Duration::from_millis(50);

/// What becomes of connections.
enum Service {
    Http(Rc<http1::Builder>),
    Raw,
}

/// Accepts for ever.
pub async fn run(worker: Rc<Worker>, socket: Rc<TcpListener>, listener: Listener, connections: Connections) {
    let listener = Rc::new(listener);
    let service = match listener.protocol {
        Protocol::Http => Service::Http(Rc::new(http(&listener.limits))),
        Protocol::Tcp => Service::Raw,
    };
    let doorman = Rc::new(Doorman::default());
    let complaints = Complaints::default();
    loop {
        match socket.accept().await {
            Ok((stream, peer)) => {
                worker.counters.connections_accepted.add(1);
                match connections.take() {
                    Some(slot) => serve(&service, &worker, &listener, &doorman, Arrival { stream, peer, slot }),
                    None => {
                        worker.counters.connections_refused.add(1);
                        if complaints.is_due() {
                            warn!(
                                limit = connections.open_max,
                                "refusing clients: the listener's connections are all taken"
                            );
                        }
                        if let (Service::Http(_), None) = (&service, &listener.tls) {
                            tokio::task::spawn_local(refuse(stream));
                        }
                    }
                }
            }
            Err(error) if is_out_of_files(&error) => {
                if complaints.is_due() {
                    warn!(%error, "cannot accept: this process may open no more files; raise its limit (ulimit -n) or lower the listener's connections");
                }
                tokio::time::sleep(OUT_OF_FILES_PAUSE).await;
            }
            // The client gave up between connecting and being accepted.
            Err(error) => debug!(%error, "cannot accept a connection"),
        }
    }
}

/// A connection that was accepted.
struct Arrival {
    stream: TcpStream,
    peer: SocketAddr,
    slot: ConnectionSlot,
}

fn serve(service: &Service, worker: &Rc<Worker>, listener: &Rc<Listener>, doorman: &Rc<Doorman>, arrival: Arrival) {
    let (worker, listener, doorman) = (Rc::clone(worker), Rc::clone(listener), Rc::clone(doorman));
    match service {
        Service::Http(http) => {
            tokio::task::spawn_local(serve_requests(worker, Rc::clone(http), listener, doorman, arrival));
        }
        Service::Raw => {
            tokio::task::spawn_local(serve_connection(worker, listener, doorman, arrival));
        }
    }
}

async fn serve_connection(worker: Rc<Worker>, listener: Rc<Listener>, doorman: Rc<Doorman>, arrival: Arrival) {
    let Arrival { stream, peer, slot } = arrival;
    let Some((stream, tls)) = doorman.welcome(&listener, &worker.counters, stream, peer).await else { return };
    let name = listener.name.as_deref().unwrap_or_default();
    let table = worker.table();
    let route = table.dataplane.routes.of_listener(name, tls.server_name.as_deref());
    let Some(route) = route.and_then(|route| table.route(route)).cloned() else {
        worker.counters.handshakes_refused.add(1);
        return debug!(%peer, "no route takes this connection");
    };
    serve::raw::connection(worker, route, stream, Entrance { peer, tls, slot }).await;
}

/// The head must come within the handshake's time, and within its bounds; hyper answers 408 or 431 by itself.
fn http(limits: &ListenerLimits) -> http1::Builder {
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new())
        .header_read_timeout(limits.handshake_timeout)
        .max_header_size(limits.header_bytes_max)
        .max_buf_size(limits.header_bytes_max.max(8 * 1024))
        .max_headers(limits.headers_max);
    http
}

async fn serve_requests(
    worker: Rc<Worker>,
    http: Rc<http1::Builder>,
    listener: Rc<Listener>,
    doorman: Rc<Doorman>,
    arrival: Arrival,
) {
    let Arrival { stream, peer, slot } = arrival;
    let Some((stream, tls)) = doorman.welcome(&listener, &worker.counters, stream, peer).await else { return };
    let door = Door { listener, peer, tls, slot: Rc::new(Cell::new(Some(slot))) };
    let service = service_fn(|request| {
        let (worker, door) = (Rc::clone(&worker), &door);
        async move { Ok::<_, Infallible>(serve::request(worker, request, door).await) }
    });
    let mut connection = pin!(http.serve_connection(TokioIo::new(stream), service).with_upgrades());
    let outcome = tokio::select! {
        outcome = connection.as_mut() => outcome,
        // The request that is under way is answered, and no other.
        () = worker.departs() => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = outcome {
        // A client's mistake or its leaving: hyper has answered it as far as it can be answered.
        debug!(%peer, %error, "a connection ended badly");
        if error.is_parse() {
            doorman.tell_of_nonsense(&door.listener, peer);
        }
    }
}

async fn refuse(mut stream: TcpStream) {
    // The client may be gone already, and nothing depends on its hearing this.
    drop(stream.write_all(FULL).await);
    drop(stream.shutdown().await);
}

fn is_out_of_files(error: &io::Error) -> bool {
    use rustix::io::Errno;
    matches!(Errno::from_io_error(error), Some(Errno::MFILE | Errno::NFILE | Errno::NOBUFS | Errno::NOMEM))
}
