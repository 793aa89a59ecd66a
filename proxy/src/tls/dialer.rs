//! Connections for hyper's client: to the authority of a URI, with TLS or without.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use http::Uri;
use hyper_util::client::legacy::connect::{Connected, Connection};
use hyper_util::rt::TokioIo;
use tower_service::Service;

use super::{ClientTls, Stream};
use crate::dial;

/// Dials the authority of a URI; names are resolved each time. With a [`ClientTls`] all that it dials speaks TLS, and without
/// one nothing does, whatever the URI's scheme says.
#[derive(Clone, Debug)]
pub struct Dialer {
    tls: Option<Arc<ClientTls>>,
    alpn: &'static [&'static [u8]],
}

/// A future of a connection.
pub type Dialling<T> = Pin<Box<dyn Future<Output = io::Result<T>> + Send>>;

impl Dialer {
    /// For HTTP/1.1.
    pub fn new(tls: Option<Arc<ClientTls>>) -> Self {
        Self { tls, alpn: &[] }
    }

    /// For HTTP/2, which a server wants to be asked for by name.
    pub fn http2(tls: Option<Arc<ClientTls>>) -> Self {
        Self { tls, alpn: &[b"h2"] }
    }

    /// Dials.
    ///
    /// # Errors
    /// What the system said, or a [`super::HandshakeError`].
    pub async fn dial(self, uri: Uri) -> io::Result<Stream> {
        let authority = uri.authority().ok_or(io::ErrorKind::InvalidInput)?;
        let port = if self.tls.is_some() { 443 } else { 80 };
        let stream = match authority.port() {
            Some(_) => dial::connect(authority.as_str()).await?,
            None => dial::connect((authority.host().trim_matches(['[', ']']), port)).await?,
        };
        // Events of a stream are small and each is for somebody who waits.
        stream.set_nodelay(true)?;
        match &self.tls {
            None => Ok(Stream::Plain(stream)),
            Some(tls) => tls.connect_for(self.alpn, stream, authority.host()).await,
        }
    }
}

impl Service<Uri> for Dialer {
    type Response = TokioIo<Stream>;
    type Error = io::Error;
    type Future = Dialling<Self::Response>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, uri: Uri) -> Self::Future {
        let dial = self.clone().dial(uri);
        Box::pin(async move { dial.await.map(TokioIo::new) })
    }
}

impl Connection for Stream {
    fn connected(&self) -> Connected {
        Connected::new()
    }
}
