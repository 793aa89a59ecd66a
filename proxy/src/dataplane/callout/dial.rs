//! Connections to the services that a filter asks.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use http::Uri;
use hyper_util::rt::TokioIo;
use tower_service::Service;

use super::Origin;
use crate::dial;
use crate::tls::{ClientTls, Stream};

/// Dials the origin of a URL; names are resolved each time.
#[derive(Clone, Debug)]
pub(super) struct Dialer(pub(super) Option<Arc<ClientTls>>);

impl Service<Uri> for Dialer {
    type Response = TokioIo<Stream>;
    type Error = io::Error;
    type Future = Pin<Box<dyn Future<Output = io::Result<TokioIo<Stream>>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, url: Uri) -> Self::Future {
        let tls = self.0.clone();
        Box::pin(async move {
            let origin = Origin::of(&url).map_err(|error| io::Error::new(io::ErrorKind::InvalidInput, error))?;
            let stream = dial::connect((origin.host(), origin.port())).await?;
            stream.set_nodelay(true)?;
            let stream = match tls.filter(|_| origin.is_secure()) {
                Some(tls) => tls.connect(stream, origin.host()).await?,
                None if origin.is_secure() => return Err(io::ErrorKind::Unsupported.into()),
                None => Stream::Plain(stream),
            };
            Ok(TokioIo::new(stream))
        })
    }
}
