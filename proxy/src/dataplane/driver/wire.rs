//! One of a session's two connections: a socket that the worker watches, or TLS over one that tokio does. What is read and
//! written when is the driver's.

use std::io::{self, ErrorKind};
use std::net::{Shutdown, SocketAddr};
use std::pin::Pin;
use std::task::{Context, Poll, Waker, ready};

use rustix::io::Errno;
use rustix::net::{RecvFlags, SendFlags};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio_rustls::TlsStream;

use crate::dataplane::session::Ending;
use crate::dataplane::worker::{Leg, Readiness, SessionKey, Worker};
use crate::tls::Stream;

/// See the module.
pub(super) enum Wire {
    /// TCP alone.
    Plain(Socket),
    /// TLS over it.
    Tls(Box<TlsStream<TcpStream>>),
    /// The system would not watch it.
    Lost,
}

/// A socket, and what it was last found ready for.
pub(super) struct Socket {
    stream: mio::net::TcpStream,
    ready: Readiness,
}

impl Wire {
    /// Has the worker watch the connection, for this session.
    pub(super) fn new(stream: Stream, worker: &Worker, key: SessionKey, leg: Leg) -> Self {
        let stream = match stream {
            Stream::Tls(stream) => return Self::Tls(stream),
            Stream::Plain(stream) => stream.into_std().and_then(|stream| worker.watch(stream, key, leg)),
        };
        match stream {
            Ok(stream) => Self::Plain(Socket { stream, ready: Readiness::NEW }),
            Err(error) => {
                tracing::warn!(%error, "a connection is lost, for the system does not watch it");
                Self::Lost
            }
        }
    }

    /// What the worker has found of it.
    pub(super) fn hear(&mut self, found: Readiness) {
        if let Self::Plain(socket) = self {
            socket.ready.add(found);
        }
    }

    /// Reads into `buffer`. After an ending nothing more will come.
    pub(super) fn poll_read<'a>(
        &mut self,
        cx: &mut Context<'_>,
        buffer: &'a mut [u8],
    ) -> Poll<Result<&'a mut [u8], Ending>> {
        let outcome = match self {
            Self::Plain(socket) => ready!(socket.poll_read(buffer)),
            Self::Tls(stream) => {
                let mut into = ReadBuf::new(buffer);
                let outcome = ready!(Pin::new(stream).poll_read(cx, &mut into));
                outcome.map(|()| into.filled().len())
            }
            Self::Lost => Err(ErrorKind::NotConnected.into()),
        };
        Poll::Ready(match outcome {
            Ok(0) => Err(Ending::Eof),
            Ok(read) => Ok(&mut buffer[..read]),
            Err(_) => Err(Ending::Broken),
        })
    }

    pub(super) fn poll_write(&mut self, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        match self {
            Self::Plain(socket) => socket.poll_write(bytes),
            Self::Tls(stream) => Pin::new(stream).poll_write(cx, bytes),
            Self::Lost => Poll::Ready(Err(ErrorKind::NotConnected.into())),
        }
    }

    /// Has what TLS made of written bytes go on to the socket, now or when it takes them.
    pub(super) fn flush(&mut self, cx: &mut Context<'_>) {
        if let Self::Tls(stream) = self {
            // As in `end`.
            let _ = Pin::new(stream).poll_flush(cx);
        }
    }

    /// Sends the FIN behind what was written, with TLS its closing word before that; the other direction stays open. Once
    /// more is harmless.
    pub(super) fn end(&mut self, cx: &mut Context<'_>) {
        // A connection that is broken is found so by who reads it or when the closing's time is up.
        match self {
            Self::Plain(socket) => drop(socket.stream.shutdown(Shutdown::Write)),
            Self::Tls(stream) => drop(Pin::new(stream).poll_shutdown(cx)),
            Self::Lost => {}
        }
    }

    /// Says a last thing, as far as the socket takes it at once.
    pub(super) fn say_farewell(&mut self, bytes: &[u8]) {
        let mut cx = Context::from_waker(Waker::noop());
        // The other end may not listen any more, and nothing depends on it.
        let _ = self.poll_write(&mut cx, bytes);
        if let Self::Tls(_) = self {
            self.end(&mut cx);
        }
    }

    /// Our own end.
    pub(super) fn local_addr(&self) -> Option<SocketAddr> {
        match self {
            Self::Plain(socket) => socket.stream.local_addr().ok(),
            Self::Tls(stream) => stream.get_ref().0.local_addr().ok(),
            Self::Lost => None,
        }
    }
}

/// Asks the kernel itself: libc's own `recv` and `send` first see, in a process of several threads, whether theirs is to be
/// cancelled, which takes a fiftieth of an echo.
impl Socket {
    fn poll_read(&mut self, buffer: &mut [u8]) -> Poll<io::Result<usize>> {
        while self.ready.is_readable() {
            let outcome = rustix::net::recv(&self.stream, &mut *buffer, RecvFlags::empty()).map(|(read, _)| read);
            match outcome {
                Err(Errno::INTR) => continue,
                Err(Errno::AGAIN) => {
                    self.ready.was_emptied();
                    return Poll::Pending;
                }
                // It had no more at that moment, and what comes later is told.
                Ok(read) if (1..buffer.len()).contains(&read) => self.ready.was_emptied(),
                _ => {}
            }
            return Poll::Ready(outcome.map_err(Into::into));
        }
        Poll::Pending
    }

    fn poll_write(&mut self, bytes: &[u8]) -> Poll<io::Result<usize>> {
        while self.ready.is_writable() {
            let outcome = rustix::net::send(&self.stream, bytes, SendFlags::NOSIGNAL);
            match outcome {
                Err(Errno::INTR) => continue,
                Err(Errno::AGAIN) => {
                    self.ready.was_filled();
                    return Poll::Pending;
                }
                // As with reading.
                Ok(written) if (1..bytes.len()).contains(&written) => self.ready.was_filled(),
                _ => {}
            }
            return Poll::Ready(outcome.map_err(Into::into));
        }
        Poll::Pending
    }
}
