//! One connection of either end, without anything that it does not need while idle: what was read in part, and what could
//! not be written yet.

use std::io::{Error, ErrorKind, Read, Result, Write};
use std::time::Duration;

use mio::net::TcpStream;

use crate::wire::{self, Frame, Role};

pub(crate) struct Link {
    pub(crate) stream: TcpStream,
    role: Role,
    stage: Stage,
    /// Read, and not yet whole.
    partial: Vec<u8>,
    /// Not yet taken by the socket.
    pending: Vec<u8>,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Stage {
    /// The head of the handshake is awaited.
    Handshake,
    Open,
    Closed,
}

/// How far to read.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Until {
    /// Until the socket is empty.
    Empty,
    /// The peer will send no more, and no other event will say so.
    End,
}

impl From<&mio::event::Event> for Until {
    fn from(event: &mio::event::Event) -> Self {
        if event.is_read_closed() || event.is_error() { Self::End } else { Self::Empty }
    }
}

impl Link {
    pub(crate) fn new(stream: TcpStream, role: Role) -> Self {
        let _ = stream.set_nodelay(true);
        Self { stream, role, stage: Stage::Handshake, partial: Vec::new(), pending: Vec::new() }
    }

    pub(crate) fn stage(&self) -> Stage {
        self.stage
    }

    /// Writes what it can at once and keeps the rest.
    pub(crate) fn write(&mut self, bytes: &[u8]) -> Result<()> {
        let mut rest = bytes;
        if self.pending.is_empty() {
            while !rest.is_empty() {
                match self.stream.write(rest) {
                    Ok(count) => rest = &rest[count..],
                    Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                    Err(error) if error.kind() == ErrorKind::Interrupted => (),
                    Err(error) => return Err(error),
                }
            }
        }
        self.pending.extend_from_slice(rest);
        Ok(())
    }

    /// The socket can take more.
    pub(crate) fn flush(&mut self) -> Result<()> {
        if self.pending.is_empty() {
            return Ok(());
        }
        let pending = std::mem::take(&mut self.pending);
        self.write(&pending)
    }

    /// Reads all there is, or up to the end. The head of the handshake is given to `opened`, each later frame to `heard`; what they append to
    /// their buffer is written.
    pub(crate) fn read(
        &mut self,
        scratch: &mut Scratch,
        until: Until,
        opened: impl Fn(&[u8], &mut Vec<u8>) -> Result<()>,
        mut heard: impl FnMut(u8, &[u8], &mut Vec<u8>) -> Result<()>,
    ) -> Result<()> {
        loop {
            let room = scratch.input.len();
            let count = match self.stream.read(&mut scratch.input) {
                Ok(0) => {
                    self.stage = Stage::Closed;
                    return Ok(());
                }
                Ok(count) => count,
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(()),
                Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                Err(error) => return Err(error),
            };
            scratch.output.clear();
            if self.partial.is_empty() {
                let used = self.take(&mut scratch.input[..count], &mut scratch.output, &opened, &mut heard)?;
                self.partial.extend_from_slice(&scratch.input[used..count]);
            } else {
                let mut partial = std::mem::take(&mut self.partial);
                partial.extend_from_slice(&scratch.input[..count]);
                let used = self.take(&mut partial, &mut scratch.output, &opened, &mut heard)?;
                if used < partial.len() {
                    partial.drain(..used);
                    self.partial = partial;
                }
            }
            if !scratch.output.is_empty() {
                self.write(&scratch.output)?;
            }
            // A short read emptied the socket; the next bytes bring a new event.
            if (count < room && until == Until::Empty) || self.stage == Stage::Closed {
                return Ok(());
            }
        }
    }

    fn take(
        &mut self,
        bytes: &mut [u8],
        output: &mut Vec<u8>,
        opened: &impl Fn(&[u8], &mut Vec<u8>) -> Result<()>,
        heard: &mut impl FnMut(u8, &[u8], &mut Vec<u8>) -> Result<()>,
    ) -> Result<usize> {
        let mut used = 0;
        if self.stage == Stage::Handshake {
            let Some(end) = wire::head_end(bytes) else { return Ok(0) };
            opened(&bytes[..end], output)?;
            self.stage = Stage::Open;
            used = end;
        }
        while let Some(Frame { opcode, payload }) = wire::first_frame(&mut bytes[used..])? {
            let frame_end = used + payload.end;
            let payload = &bytes[used + payload.start..frame_end];
            match opcode {
                wire::PING => wire::write_frame(output, self.role, wire::PONG, payload),
                wire::PONG => (),
                wire::CLOSE => {
                    wire::write_frame(output, self.role, wire::CLOSE, payload);
                    self.stage = Stage::Closed;
                }
                wire::TEXT | wire::BINARY => heard(opcode, payload, output)?,
                unknown => return Err(Error::other(format!("opcode {unknown}"))),
            }
            used = frame_end;
        }
        Ok(used)
    }

    /// Ends it by a reset, which leaves no port waiting behind.
    pub(crate) fn reset(self) {
        let _ = socket2::SockRef::from(&self.stream).set_linger(Some(Duration::ZERO));
    }
}

/// Buffers that all connections of a process share.
pub(crate) struct Scratch {
    input: Box<[u8]>,
    output: Vec<u8>,
}

impl Scratch {
    pub(crate) fn new() -> Self {
        Self { input: vec![0; 64 * 1024].into_boxed_slice(), output: Vec::new() }
    }
}
