//! The echo backend: one thread, every message back to its sender. A text message `ping` is answered by `pong`, for the
//! proxies that pass heartbeats on.

use std::io::{Error, ErrorKind, Result};
use std::net::SocketAddr;

use base64::Engine as _;
use mio::net::TcpListener;
use mio::{Events, Interest, Poll, Token};
use sha1::{Digest as _, Sha1};
use slab::Slab;

use crate::link::{Link, Scratch, Stage};
use crate::wire::{self, Role};

const LISTENER: Token = Token(usize::MAX - 1);

pub(crate) fn run(address: SocketAddr) -> Result<()> {
    crate::process::raise_file_limit().map_err(Error::other)?;
    let mut poll = Poll::new()?;
    let mut listener = listen(address)?;
    poll.registry().register(&mut listener, LISTENER, Interest::READABLE)?;
    let mut links: Slab<Link> = Slab::new();
    let mut events = Events::with_capacity(1024);
    let mut scratch = Scratch::new();
    loop {
        if let Err(error) = poll.poll(&mut events, None)
            && error.kind() != ErrorKind::Interrupted
        {
            return Err(error);
        }
        for event in &events {
            if event.token() == LISTENER {
                accept(&poll, &listener, &mut links)?;
                continue;
            }
            let key = event.token().0;
            let Some(link) = links.get_mut(key) else { continue };
            if event.is_writable() && link.flush().is_err() {
                links.remove(key);
                continue;
            }
            if event.is_readable() {
                let read = link.read(&mut scratch, event.into(), answer_handshake, answer);
                if read.is_err() || link.stage() == Stage::Closed {
                    links.remove(key);
                }
            }
        }
    }
}

/// A long queue, since thousands connect at a time.
fn listen(address: SocketAddr) -> Result<TcpListener> {
    let socket = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None)?;
    socket.set_reuse_address(true)?;
    socket.set_nonblocking(true)?;
    socket.bind(&address.into())?;
    socket.listen(4_096)?;
    Ok(TcpListener::from_std(socket.into()))
}

fn accept(poll: &Poll, listener: &TcpListener, links: &mut Slab<Link>) -> Result<()> {
    loop {
        match listener.accept() {
            Ok((mut stream, _)) => {
                let entry = links.vacant_entry();
                let interest = Interest::READABLE | Interest::WRITABLE;
                poll.registry().register(&mut stream, Token(entry.key()), interest)?;
                entry.insert(Link::new(stream, Role::Server));
            }
            Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(()),
            Err(error) if error.kind() == ErrorKind::ConnectionAborted => (),
            Err(error) => return Err(error),
        }
    }
}

fn answer_handshake(head: &[u8], output: &mut Vec<u8>) -> Result<()> {
    let head = std::str::from_utf8(head).map_err(Error::other)?;
    let key = head
        .lines()
        .filter_map(|line| line.split_once(':'))
        .find(|(name, _)| name.eq_ignore_ascii_case("sec-websocket-key"))
        .ok_or_else(|| Error::other("no WebSocket handshake"))?
        .1
        .trim();
    let digest = Sha1::new().chain_update(key).chain_update("258EAFA5-E914-47DA-95CA-C5AB0DC85B11").finalize();
    let accept = base64::engine::general_purpose::STANDARD.encode(digest);
    output.extend_from_slice(
        b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Accept: ",
    );
    output.extend_from_slice(accept.as_bytes());
    output.extend_from_slice(b"\r\n\r\n");
    Ok(())
}

fn answer(opcode: u8, payload: &[u8], output: &mut Vec<u8>) -> Result<()> {
    let payload = if opcode == wire::TEXT && payload == b"ping" { b"pong" } else { payload };
    wire::write_frame(output, Role::Server, opcode, payload);
    Ok(())
}
