//! A client that asks for a page and does not read it: hyper would wait for it for ever. The longest that a write may wait is
//! the route's, which is known when the request is; until then it is the default.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Sleep, sleep};

use crate::dataplane::route::SlowClient;
use crate::tls::Stream;

/// How long a client may take nothing, for one connection and whoever serves it.
#[derive(Clone, Debug)]
pub struct Patience(Arc<AtomicU64>);

/// A connection that fails when nothing was taken for so long. Without a timer while all is taken.
#[derive(Debug)]
pub struct Patient {
    stream: Stream,
    patience: Patience,
    stalled: Option<Pin<Box<Sleep>>>,
}

impl Patience {
    /// From now on so long; what waits already is not given more.
    pub fn set(&self, stall_timeout: Duration) {
        self.0.store(u64::try_from(stall_timeout.as_millis()).unwrap_or(u64::MAX), Relaxed);
    }

    fn timeout(&self) -> Duration {
        Duration::from_millis(self.0.load(Relaxed))
    }
}

impl Default for Patience {
    fn default() -> Self {
        let patience = Self(Arc::default());
        patience.set(SlowClient::default().stall_timeout);
        patience
    }
}

impl Patient {
    pub(super) fn new(stream: Stream, patience: Patience) -> Self {
        Self { stream, patience, stalled: None }
    }

    /// As it was, for who has patience of its own.
    pub fn into_inner(self) -> Stream {
        self.stream
    }

    /// Lets time run while a write waits.
    fn time<T>(&mut self, cx: &mut Context<'_>, outcome: Poll<io::Result<T>>) -> Poll<io::Result<T>> {
        if outcome.is_ready() {
            self.stalled = None;
            return outcome;
        }
        let patience = &self.patience;
        let stalled = self.stalled.get_or_insert_with(|| Box::pin(sleep(patience.timeout())));
        stalled.as_mut().poll(cx).map(|()| Err(io::Error::new(io::ErrorKind::TimedOut, "the client takes nothing")))
    }
}

impl AsyncRead for Patient {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_read(cx, buffer)
    }
}

impl AsyncWrite for Patient {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let outcome = Pin::new(&mut this.stream).poll_write(cx, bytes);
        this.time(cx, outcome)
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let outcome = Pin::new(&mut this.stream).poll_flush(cx);
        this.time(cx, outcome)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let outcome = Pin::new(&mut this.stream).poll_shutdown(cx);
        this.time(cx, outcome)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let outcome = Pin::new(&mut this.stream).poll_write_vectored(cx, bytes);
        this.time(cx, outcome)
    }
}
