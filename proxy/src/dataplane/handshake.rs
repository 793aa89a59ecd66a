//! What a client asked for when it connected, kept for as long as its session: every later handshake with the backend says
//! it again. One allocation, since an idle session pays for it.

use std::net::SocketAddr;

use http::{HeaderName, HeaderValue};

use super::trace::TraceContext;
use crate::id::SessionId;

/// The client's request, reduced to what a backend or a filter may want to hear again.
#[derive(Clone, Debug)]
pub struct Handshake {
    /// The session that it opens.
    pub session: SessionId,
    /// Where it came from.
    pub peer: SocketAddr,
    /// The span that it is told of in, for what comes later to refer to.
    pub trace: TraceContext,
    /// Target and headers, each ended by a line feed, names and values parted by the first colon. Neither may hold a line
    /// feed, so the text needs no escapes; it is bytes because header values need not be UTF-8.
    head: Box<[u8]>,
}

/// A line of the log about a session, with its id and its trace's: `about!(debug, handshake, code, "closing the session")`.
macro_rules! about {
    ($level:ident, $handshake:expr, $($line:tt)+) => {{
        let handshake: &$crate::dataplane::handshake::Handshake = &$handshake;
        tracing::$level!(session = %handshake.session, trace_id = handshake.trace.logged(), $($line)+)
    }};
}
pub(super) use about;

impl Handshake {
    /// Keeps the target (path and query) and the headers; hop-by-hop headers and those of the WebSocket handshake itself
    /// are for the caller to leave out.
    pub fn new<'a>(
        session: SessionId,
        peer: SocketAddr,
        target: &str,
        headers: impl Iterator<Item = (&'a HeaderName, &'a HeaderValue)>,
    ) -> Self {
        let mut head = Vec::with_capacity(512);
        head.extend_from_slice(target.as_bytes());
        head.push(b'\n');
        for (name, value) in headers {
            head.extend_from_slice(name.as_str().as_bytes());
            head.push(b':');
            head.extend_from_slice(value.as_bytes());
            head.push(b'\n');
        }
        Self { session, peer, trace: TraceContext::NONE, head: head.into_boxed_slice() }
    }

    /// Path and query as the client wrote them.
    pub fn target(&self) -> &str {
        let line = self.head.split(|&b| b == b'\n').next().unwrap_or_default();
        std::str::from_utf8(line).unwrap_or("/")
    }

    /// Without the query.
    pub fn path(&self) -> &str {
        self.target().split_once('?').map_or(self.target(), |(path, _)| path)
    }

    /// Without the question mark; empty if there is none.
    pub fn query(&self) -> &str {
        self.target().split_once('?').map_or("", |(_, query)| query)
    }

    /// Names (in lower case) and values, in the client's order.
    pub fn headers(&self) -> impl Iterator<Item = (&str, &[u8])> {
        self.head.split(|&b| b == b'\n').skip(1).filter_map(|line| {
            let colon = line.iter().position(|&b| b == b':')?;
            Some((std::str::from_utf8(&line[..colon]).ok()?, &line[colon + 1..]))
        })
    }

    /// The first value of that name (in lower case), if it is UTF-8.
    pub fn header(&self, name: &str) -> Option<&str> {
        let (_, value) = self.headers().find(|(n, _)| *n == name)?;
        std::str::from_utf8(value).ok()
    }

    /// What the client offers in Sec-WebSocket-Protocol, in its order.
    pub fn subprotocols(&self) -> impl Iterator<Item = &str> {
        self.headers()
            .filter(|(name, _)| *name == "sec-websocket-protocol")
            .filter_map(|(_, value)| std::str::from_utf8(value).ok())
            .flat_map(|value| value.split(','))
            .map(str::trim)
            .filter(|name| !name.is_empty())
    }
}
