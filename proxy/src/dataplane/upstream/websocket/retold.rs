//! A connection on which the request has been said and an answer has begun, made to look to hyper's client as if neither had
//! happened: what hyper writes is its request, which goes nowhere; what it reads begins with what was read before.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, Waker};

use bytes::Bytes;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use crate::dataplane::rewound::Rewound;
use crate::tls::Stream;

/// See the module.
pub(super) struct Retold {
    stream: Rewound<Stream>,
    request: Request,
}

enum Request {
    /// Nothing can be heard before it is said: hyper takes an answer to nothing for an error. Who asked for it is woken.
    Unsaid(Option<Waker>),
    Said,
}

impl Retold {
    pub(super) fn new(stream: Stream, heard: Bytes) -> Self {
        Self { stream: Rewound::new(stream, heard), request: Request::Unsaid(None) }
    }

    /// The connection, and what was heard and not read again.
    pub(super) fn into_parts(self) -> (Stream, Bytes) {
        self.stream.into_parts()
    }
}

impl AsyncRead for Retold {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        if let Request::Unsaid(reader) = &mut this.request {
            *reader = Some(cx.waker().clone());
            return Poll::Pending;
        }
        Pin::new(&mut this.stream).poll_read(cx, buffer)
    }
}

impl AsyncWrite for Retold {
    fn poll_write(self: Pin<&mut Self>, _: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        if let Request::Unsaid(Some(reader)) = std::mem::replace(&mut self.get_mut().request, Request::Said) {
            reader.wake();
        }
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_shutdown(cx)
    }
}
