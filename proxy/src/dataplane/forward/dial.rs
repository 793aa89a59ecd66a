//! Connections to backends for plain requests, each knowing whether it was used before.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::task::{Context, Poll};

use http::Uri;
use hyper::rt::{Read, ReadBufCursor, Write};
use hyper_util::client::legacy::connect::{Connected, Connection};
use hyper_util::rt::TokioIo;
use tower_service::Service;

use crate::tls::{self, Dialling, Stream};

/// Whether a connection has carried an answer.
#[derive(Clone, Debug, Default)]
pub(super) struct Uses(Arc<AtomicBool>);

impl Uses {
    pub(super) fn count(&self) {
        self.0.store(true, Relaxed);
    }

    pub(super) fn any(&self) -> bool {
        self.0.load(Relaxed)
    }
}

/// Connections that know whether they were used.
#[derive(Clone, Debug)]
pub(super) struct Dialer(pub(super) tls::Dialer);

impl Service<Uri> for Dialer {
    type Response = Dialled;
    type Error = io::Error;
    type Future = Dialling<Dialled>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, uri: Uri) -> Self::Future {
        let dial = self.0.clone().dial(uri);
        Box::pin(async move { Ok(Dialled { stream: TokioIo::new(dial.await?), uses: Uses::default() }) })
    }
}

/// A connection to a backend.
#[derive(Debug)]
pub(super) struct Dialled {
    stream: TokioIo<Stream>,
    uses: Uses,
}

impl Connection for Dialled {
    fn connected(&self) -> Connected {
        Connected::new().extra(self.uses.clone())
    }
}

impl Read for Dialled {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: ReadBufCursor<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(cx, buf)
    }
}

impl Write for Dialled {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, buf)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(cx, bufs)
    }
}
