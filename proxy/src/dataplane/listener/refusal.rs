//! Clients that are not let in: what they are told, what is counted, and what the log says once in a while. It is made to
//! cost less than it costs them: nothing of theirs is read to answer it, TLS is not even begun, and of those who are answered
//! few at a time are given the time to read it.

use std::fs::File;
use std::future::poll_fn;
use std::io::{Read, Write};
use std::net::Shutdown;
use std::rc::Rc;
use std::task::Poll;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::{sleep, timeout};
use tracing::warn;

use crate::dataplane::complaints::Complaints;
use crate::dataplane::ledger::Counters;

/// Why a connection is closed before anything of it is looked at.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Refused {
    /// As many are open as the listener may have.
    Connections,
    /// They come faster than the listener takes them.
    Rate,
    /// As many of its peer are open as one may have.
    PeerConnections,
    /// Its peer's come faster than one's may.
    PeerRate,
    /// The process uses all of its memory budget.
    Memory,
    /// The process may open no more files.
    Files,
}

impl Refused {
    /// Every reason, in the order of [`Counters::connections_refused`].
    pub const ALL: [Self; 6] =
        [Self::Connections, Self::Rate, Self::PeerConnections, Self::PeerRate, Self::Memory, Self::Files];

    /// As metrics and logs say it.
    pub fn label(self) -> &'static str {
        match self {
            Self::Connections => "connections",
            Self::Rate => "rate",
            Self::PeerConnections => "peer_connections",
            Self::PeerRate => "peer_rate",
            Self::Memory => "memory",
            Self::Files => "files",
        }
    }

    /// What an HTTP client is told.
    fn answer(self) -> &'static [u8] {
        /// Its body ends with the connection.
        macro_rules! answer {
            ($status:literal, $retry_after:literal, $text:literal) => {
                concat!(
                    "HTTP/1.1 ",
                    $status,
                    "\r\nRetry-After: ",
                    $retry_after,
                    "\r\nConnection: close\r\nContent-Type: text/plain\r\n\r\n",
                    $text,
                    "\n"
                )
                .as_bytes()
            };
        }
        match self {
            Self::Connections => answer!("503 Service Unavailable", "5", "too many connections"),
            Self::Rate => answer!("503 Service Unavailable", "1", "too many connections at once"),
            Self::PeerConnections => answer!("429 Too Many Requests", "5", "too many connections from this address"),
            Self::PeerRate => answer!("429 Too Many Requests", "1", "too many connections at once from this address"),
            Self::Memory => answer!("503 Service Unavailable", "5", "no memory for another connection"),
            Self::Files => answer!("503 Service Unavailable", "5", "no file for another connection"),
        }
    }

    /// What whoever runs us can do.
    fn help(self) -> &'static str {
        match self {
            Self::Connections => {
                "the listener's connections are all taken: raise its limits.connections, or run more of us"
            }
            Self::Rate => "clients come faster than the listener's limits.accept_rate",
            Self::PeerConnections => {
                "one address has as many connections as limits.peer.connections allows; is it a proxy or a load balancer?"
            }
            Self::PeerRate => {
                "one address connects faster than limits.peer.accept_rate allows; is it a proxy or a load balancer?"
            }
            Self::Memory => {
                "the memory budget is used: raise limits.memory and the container's limit with it, or run more of us"
            }
            Self::Files => {
                "this process may open no more files: raise its limit (ulimit -n, LimitNOFILE), or lower the listener's limits.connections"
            }
        }
    }
}

/// Whether a listener's clients can be told why.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Manners {
    /// They understand an answer of HTTP.
    Answer,
    /// They would not, or not before they were paid the handshake of TLS.
    Hang,
}

/// Turns clients away, for one listener on one worker.
pub(super) struct Refuser {
    manners: Manners,
    complaints: [Complaints; Refused::ALL.len()],
    /// Each who lingers has one.
    lingering: Rc<()>,
    /// Closed when no other file is to be had, so that a client can be taken off the kernel's queue to be turned away.
    reserve: Option<File>,
}

/// So many at a time of those who were answered may take their time to read it: beyond that they are closed at once, which may
/// take the answer from them.
const LINGERING_MAX: usize = 64;
/// What they have, and how much of what they send is thrown away meanwhile.
const LINGERING_TIME: Duration = Duration::from_secs(1);
const LINGERING_BYTES_MAX: usize = 16 * 1024;
/// Files are closing meanwhile, and asking again at once would only burn the core.
const OUT_OF_FILES_PAUSE: Duration = Duration::from_millis(50);

impl Refuser {
    pub(super) fn new(manners: Manners) -> Self {
        Self { manners, complaints: Default::default(), lingering: Rc::default(), reserve: reserve() }
    }

    /// Says so, where it can be said, and closes.
    pub(super) fn refuse(&self, why: Refused, counters: &Counters, stream: TcpStream) {
        self.note(why, counters);
        if self.manners == Manners::Hang {
            return;
        }
        if Rc::strong_count(&self.lingering) <= LINGERING_MAX {
            tokio::task::spawn_local(linger(stream, why.answer(), Rc::clone(&self.lingering)));
        } else {
            say(stream, why.answer());
        }
    }

    /// The kernel has no file for the next client: it is turned away with the one in reserve, for if it were left waiting it
    /// would wait for ever, and so would we be told of it for ever.
    pub(super) async fn refuse_next(&mut self, counters: &Counters, socket: &TcpListener) {
        self.reserve = None;
        let next = poll_fn(|cx| Poll::Ready(socket.poll_accept(cx))).await;
        let Poll::Ready(Ok((stream, _))) = next else {
            // Another thread was faster.
            self.complain(Refused::Files);
            self.reserve = reserve();
            return sleep(OUT_OF_FILES_PAUSE).await;
        };
        counters.connections_accepted.add(1);
        self.note(Refused::Files, counters);
        match self.manners {
            Manners::Answer => say(stream, Refused::Files.answer()),
            Manners::Hang => drop(stream),
        }
        self.reserve = reserve();
        if self.reserve.is_none() {
            sleep(OUT_OF_FILES_PAUSE).await;
        }
    }

    fn note(&self, why: Refused, counters: &Counters) {
        counters.refused(why).add(1);
        self.complain(why);
    }

    fn complain(&self, why: Refused) {
        if self.complaints[why as usize].is_due() {
            warn!(reason = why.label(), "refusing clients: {}", why.help());
        }
    }
}

fn reserve() -> Option<File> {
    File::open("/dev/null").ok()
}

/// What is closed with bytes that nobody read is reset, and a reset may overtake what was said: so what comes is read.
async fn linger(mut stream: TcpStream, answer: &'static [u8], _place: Rc<()>) {
    let farewell = async {
        stream.write_all(answer).await?;
        stream.shutdown().await?;
        let (mut thrown_away, mut buffer) = (0, [0; 512]);
        while thrown_away < LINGERING_BYTES_MAX {
            match stream.read(&mut buffer).await? {
                0 => break,
                bytes => thrown_away += bytes,
            }
        }
        std::io::Result::Ok(())
    };
    // The client may be gone already, and nothing depends on its hearing this.
    drop(timeout(LINGERING_TIME, farewell).await);
}

/// At once or not at all; of what the client sent, what is there is read.
fn say(stream: TcpStream, answer: &[u8]) {
    if let Ok(mut stream) = stream.into_std() {
        // As above.
        let _ = stream.write(answer).and_then(|_| stream.shutdown(Shutdown::Write));
        let _ = stream.read(&mut [0; 4096]);
    }
}
