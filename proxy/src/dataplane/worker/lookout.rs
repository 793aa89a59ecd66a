//! Watches the sockets of a worker's sessions, by an epoll of the worker's own that tokio watches in turn. Registered with
//! tokio each socket would take 256 bytes (its `ScheduledIo` has cache lines of its own), two of them more than all else of an
//! idle session; here what is known of a socket is three bits at its session's place. What is read and written when is the
//! driver's.

use std::cell::Cell;
use std::future::poll_fn;
use std::io;
use std::net::TcpStream;
use std::task;
use std::time::Duration;

use mio::event::Event;
use mio::{Events, Interest, Poll, Registry, Token};
use tokio::io::unix::AsyncFd;

/// See the module.
pub(super) struct Lookout {
    registry: Registry,
    /// Until it is run.
    poll: Cell<Option<Poll>>,
}

/// Which of a session's two connections.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Leg {
    /// To the client.
    Client = 0,
    /// To the backend.
    Upstream = 1,
}

/// What a socket was found ready for, until it turns out not to be any more.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Readiness(u8);

/// What was found of both sockets of a session since it last asked.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct News {
    /// Of its client's.
    pub client: Readiness,
    /// Of its upstream's.
    pub upstream: Readiness,
}

/// Sockets that are told of at a time. More are asked for at once.
const EVENTS_MAX: usize = 1024;
/// When so many sessions were woken at a time, there will be more to tell after their turns: that is asked for at once, and not
/// by tokio's epoll first, which halves the asking under load.
const CROWD: usize = 4;

impl Lookout {
    pub(super) fn new() -> io::Result<Self> {
        let poll = Poll::new()?;
        Ok(Self { registry: poll.registry().try_clone()?, poll: Cell::new(Some(poll)) })
    }

    /// From now on what becomes of the socket is told under this key, first of all how it is. Closing it ends that.
    pub(super) fn watch(&self, stream: TcpStream, key: usize, leg: Leg) -> io::Result<mio::net::TcpStream> {
        let mut stream = mio::net::TcpStream::from_std(stream);
        self.registry.register(&mut stream, Token(key * 2 + leg as usize), Interest::READABLE | Interest::WRITABLE)?;
        Ok(stream)
    }

    /// Tells what becomes of sockets, for ever, to somebody who says whether a session was woken by it. Once.
    ///
    /// # Errors
    /// The system has no room for the watch, or takes none of it: nothing is told any more.
    pub(super) async fn run(&self, mut tell: impl FnMut(usize, Leg, Readiness) -> bool) -> io::Result<()> {
        let Some(poll) = self.poll.take() else { return Ok(()) };
        let mut watched = watched_by_tokio(poll)?;
        let mut events = Events::with_capacity(EVENTS_MAX);
        loop {
            let mut ready = watched.readable_mut().await?;
            let is_all_told = loop {
                let (told, woken) = look(ready.get_inner_mut(), &mut events, &mut tell)?;
                if woken < CROWD {
                    break told < EVENTS_MAX;
                }
                after_those_who_were_woken().await;
            };
            if is_all_told {
                ready.clear_ready();
            }
        }
    }
}

/// Asks once: of so many sockets something was told, and so many sessions were woken by it.
fn look(
    poll: &mut Poll,
    events: &mut Events,
    tell: &mut impl FnMut(usize, Leg, Readiness) -> bool,
) -> io::Result<(usize, usize)> {
    match poll.poll(events, Some(Duration::ZERO)) {
        Err(error) if error.kind() == io::ErrorKind::Interrupted => return Ok((EVENTS_MAX, 0)),
        outcome => outcome?,
    }
    let (mut told, mut woken) = (0, 0);
    for event in &*events {
        let (key, leg) = (event.token().0 / 2, event.token().0 % 2);
        told += 1;
        woken += usize::from(tell(key, if leg == 0 { Leg::Client } else { Leg::Upstream }, Readiness::of(event)));
    }
    Ok((told, woken))
}

/// Goes to the end of the queue. Tokio's `yield_now` would have its epoll asked before.
async fn after_those_who_were_woken() {
    let mut is_first = true;
    poll_fn(|cx| {
        if !std::mem::take(&mut is_first) {
            return task::Poll::Ready(());
        }
        cx.waker().wake_by_ref();
        task::Poll::Pending
    })
    .await;
}

#[expect(unsafe_code, reason = "tokio asks for a promise about the descriptor that its types cannot ask for")]
fn watched_by_tokio(poll: Poll) -> io::Result<AsyncFd<Poll>> {
    // SAFETY: a `Poll` owns its descriptor from its beginning to its end and never another, and `AsyncFd` owns the `Poll`.
    Ok(unsafe { AsyncFd::register_with_interest(poll, tokio::io::Interest::READABLE) }?)
}

impl Readiness {
    const READABLE: u8 = 1;
    const WRITABLE: u8 = 2;
    /// No more comes after what can be read, and no other event will say so.
    const ENDS: u8 = 4;

    /// A new socket can be written to, and is heard of when there is something to read.
    pub const NEW: Self = Self(Self::WRITABLE);

    fn of(event: &Event) -> Self {
        let bit = |is: bool, bit: u8| if is { bit } else { 0 };
        let ends = event.is_read_closed() || event.is_error();
        Self(
            bit(event.is_readable() || ends, Self::READABLE)
                | bit(event.is_writable() || event.is_write_closed() || event.is_error(), Self::WRITABLE)
                | bit(ends, Self::ENDS),
        )
    }

    /// It was found ready for this too.
    pub fn add(&mut self, more: Self) {
        self.0 |= more.0;
    }

    /// Whether reading may bring something.
    pub fn is_readable(self) -> bool {
        self.0 & Self::READABLE != 0
    }

    /// Whether writing may be possible.
    pub fn is_writable(self) -> bool {
        self.0 & Self::WRITABLE != 0
    }

    /// All there was has been read; more will be told of. The end would not be told of again, so it stays readable then.
    pub fn was_emptied(&mut self) {
        if self.0 & Self::ENDS == 0 {
            self.0 &= !Self::READABLE;
        }
    }

    /// It takes no more; that it does will be told.
    pub fn was_filled(&mut self) {
        self.0 &= !Self::WRITABLE;
    }
}

impl News {
    /// Adds what was found of one socket.
    pub(super) fn with(mut self, leg: Leg, found: Readiness) -> Self {
        match leg {
            Leg::Client => self.client.add(found),
            Leg::Upstream => self.upstream.add(found),
        }
        self
    }
}
