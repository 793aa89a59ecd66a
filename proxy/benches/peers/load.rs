//! The load generator: many clients in one thread.

use std::io::{Error, ErrorKind, Result};
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use mio::net::TcpStream;
use mio::{Events, Interest, Poll, Token};

use crate::Outcome;
use crate::link::{Link, Scratch, Stage};
use crate::wire::{self, Role};

/// Handshakes at a time; more would measure the length of accept queues.
const OPENING_MAX: usize = 128;
/// For a handshake, and for an answer that has to come.
pub(crate) const PATIENCE: Duration = Duration::from_secs(15);

pub(crate) struct Load {
    poll: Poll,
    events: Events,
    scratch: Scratch,
    /// Nothing where a client was dropped.
    links: Vec<Option<Link>>,
}

/// What clients do.
pub(crate) trait Script {
    /// A message came; what is appended to `reply` (frames) is sent.
    fn heard(&mut self, client: usize, payload: &[u8], reply: &mut Vec<u8>) -> Result<()>;

    /// The connection ended, and not by us.
    fn dropped(&mut self, client: usize) -> Result<()>;

    /// Called at least every 10 ms; says whether that was all.
    fn tick(&mut self, clients: &mut Clients<'_>) -> Result<Progress>;
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Progress {
    GoOn,
    Done,
}

/// The clients, to send by.
pub(crate) struct Clients<'a> {
    links: &'a mut [Option<Link>],
    frame: Vec<u8>,
}

impl Clients<'_> {
    /// To a client that was dropped nothing is sent.
    pub(crate) fn send(&mut self, client: usize, opcode: u8, payload: &[u8]) {
        if let Some(link) = &mut self.links[client] {
            self.frame.clear();
            wire::write_frame(&mut self.frame, Role::Client, opcode, payload);
            // A dead connection is found by its event.
            let _ = link.write(&self.frame);
        }
    }

    pub(crate) fn is_connected(&self, client: usize) -> bool {
        self.links[client].is_some()
    }
}

impl Load {
    /// Opens that many connections, and fails if one of them does not open.
    pub(crate) fn open(address: SocketAddr, count: usize, headers: &str) -> Outcome<Self> {
        let poll = Poll::new().map_err(|error| error.to_string())?;
        let links = std::iter::repeat_with(|| None).take(count).collect();
        let mut load = Self { poll, events: Events::with_capacity(1024), scratch: Scratch::new(), links };
        let mut opened = 0;
        let outcome = load.open_all(address, headers, &mut opened);
        outcome.map_err(|error| format!("session {} of {count} did not open: {error}", opened + 1))?;
        Ok(load)
    }

    fn open_all(&mut self, address: SocketAddr, headers: &str, opened: &mut usize) -> Result<()> {
        let request = format!(
            "GET / HTTP/1.1\r\nHost: {address}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
             Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n{headers}\r\n"
        );
        let (mut begun, mut progress) = (0, Instant::now());
        while *opened < self.links.len() {
            while begun < self.links.len() && begun - *opened < OPENING_MAX {
                self.links[begun] = Some(self.dial(address, begun, &request)?);
                begun += 1;
            }
            self.poll.poll(&mut self.events, Some(Duration::from_millis(100)))?;
            for event in &self.events {
                let Some(link) = &mut self.links[event.token().0] else { continue };
                if event.is_writable() {
                    link.flush()?;
                }
                if event.is_readable() && link.stage() == Stage::Handshake {
                    link.read(&mut self.scratch, event.into(), check_answer, |_, _, _| Ok(()))?;
                    match link.stage() {
                        Stage::Handshake => (),
                        Stage::Open => (*opened, progress) = (*opened + 1, Instant::now()),
                        Stage::Closed => return Err(ErrorKind::ConnectionReset.into()),
                    }
                }
            }
            if progress.elapsed() > PATIENCE {
                return Err(ErrorKind::TimedOut.into());
            }
        }
        Ok(())
    }

    /// The request waits in the link until the connection is made.
    fn dial(&self, address: SocketAddr, client: usize, request: &str) -> Result<Link> {
        let socket = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None)?;
        socket.set_nonblocking(true)?;
        // Not bound: a port that is bound is lost to all who only connect, on every loopback address, and the proxies of the
        // scale test connect too. Unbound, each address that is connected to has 28,000 of its own.
        match socket.connect(&address.into()) {
            Ok(()) => (),
            Err(error) if error.raw_os_error() == Some(rustix::io::Errno::INPROGRESS.raw_os_error()) => (),
            Err(error) => return Err(error),
        }
        let mut stream = TcpStream::from_std(socket.into());
        self.poll.registry().register(&mut stream, Token(client), Interest::READABLE | Interest::WRITABLE)?;
        let mut link = Link::new(stream, Role::Client);
        link.write(request.as_bytes())?;
        Ok(link)
    }

    /// Plays a script until it is done.
    pub(crate) fn play(&mut self, script: &mut impl Script) -> Outcome<()> {
        loop {
            let mut clients = Clients { links: &mut self.links, frame: Vec::new() };
            if script.tick(&mut clients).map_err(|error| error.to_string())? == Progress::Done {
                return Ok(());
            }
            let polled = self.poll.poll(&mut self.events, Some(Duration::from_millis(10)));
            match polled {
                Err(error) if error.kind() != ErrorKind::Interrupted => return Err(error.to_string()),
                _ => self.handle_events(script).map_err(|error| error.to_string())?,
            }
        }
    }

    fn handle_events(&mut self, script: &mut impl Script) -> Result<()> {
        for event in &self.events {
            let client = event.token().0;
            let Some(link) = &mut self.links[client] else { continue };
            let mut outcome = if event.is_writable() { link.flush() } else { Ok(()) };
            if outcome.is_ok() && event.is_readable() {
                outcome = link.read(&mut self.scratch, event.into(), check_answer, |_, payload, reply| {
                    script.heard(client, payload, reply)
                });
            }
            match outcome {
                Ok(()) if link.stage() == Stage::Open => (),
                // The script's own complaint; an error of the socket has a number.
                Err(error) if error.raw_os_error().is_none() => return Err(error),
                _ => {
                    self.links[client] = None;
                    script.dropped(client)?;
                }
            }
        }
        Ok(())
    }

    pub(crate) fn len(&self) -> usize {
        self.links.len()
    }

    /// Ends all connections at once.
    pub(crate) fn reset(self) {
        self.links.into_iter().flatten().for_each(Link::reset);
    }
}

fn check_answer(head: &[u8], _: &mut Vec<u8>) -> Result<()> {
    if head.starts_with(b"HTTP/1.1 101 ") {
        return Ok(());
    }
    let line = head.split(|&byte| byte == b'\r').next().unwrap_or_default();
    Err(Error::other(format!("not let in: {}", String::from_utf8_lossy(line))))
}
