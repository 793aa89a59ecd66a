//! TLS to a server that we dial.

use std::io;
use std::path::Path;
use std::sync::Arc;

use rustls::ClientConfig;
use rustls_pki_types::ServerName;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

use super::error::{HandshakeError, rustls_error, words};
use super::live::{Live, Settings};
use super::{BUFFER_BYTES_MAX, BadFile, Certificate, Identity, MinVersion, Roots, Stream, provider};

/// How servers are trusted, and who we are to them.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct ClientSettings {
    /// Who must have signed the server's certificate.
    pub roots: Roots,
    /// What we show to a server that asks. Default: nothing.
    pub identity: Option<Identity>,
    /// The name that the server must show, and is told. Default: the host that is dialled.
    pub server_name: Option<Box<str>>,
    /// Default: 1.2.
    pub min_version: MinVersion,
}

/// Ready to connect.
pub type ClientTls = Live<ClientSettings>;

impl ClientTls {
    /// Shakes hands over a connection that stands. `host` is the name or address that was dialled, an IPv6 address with or
    /// without its brackets. How long it may take is the caller's.
    ///
    /// # Errors
    /// What the system said, or a [`HandshakeError`].
    pub async fn connect(&self, stream: TcpStream, host: &str) -> io::Result<Stream> {
        self.connect_for(&[], stream, host).await
    }

    /// As [`Self::connect`], for these protocols by ALPN.
    pub(super) async fn connect_for(&self, alpn: &[&[u8]], stream: TcpStream, host: &str) -> io::Result<Stream> {
        let name = self.settings().server_name.as_deref().unwrap_or(host).trim_matches(['[', ']']);
        let failed = |explanation: String| {
            io::Error::new(io::ErrorKind::InvalidData, HandshakeError { name: name.to_owned(), explanation })
        };
        let server = ServerName::try_from(name.to_owned()).map_err(|error| failed(error.to_string()))?;
        let mut config = self.config();
        if !alpn.is_empty() {
            Arc::make_mut(&mut config).alpn_protocols = alpn.iter().map(|name| name.to_vec()).collect();
        }
        let connector = TlsConnector::from(config);
        let shaken = connector.connect_with(server, stream, |tls| tls.set_buffer_limit(Some(BUFFER_BYTES_MAX))).await;
        match shaken {
            Ok(stream) => Ok(Stream::Tls(Box::new(stream.into()))),
            Err(error) => Err(rustls_error(&error).map(words).map(failed).unwrap_or(error)),
        }
    }
}

impl Settings for ClientSettings {
    type Config = ClientConfig;

    fn identities(&self) -> &[Identity] {
        self.identity.as_slice()
    }

    fn authorities(&self) -> Option<&Path> {
        self.roots.file()
    }

    fn build(&self) -> Result<(ClientConfig, Vec<Option<Certificate>>), BadFile> {
        let builder = ClientConfig::builder_with_provider(Arc::clone(provider()));
        let builder = self.min_version.apply(builder)?.with_root_certificates(self.roots.load()?);
        Ok(match &self.identity {
            None => (builder.with_no_client_auth(), Vec::new()),
            Some(identity) => {
                let key = Arc::new(identity.load()?);
                let ours = key.cert.first().and_then(Certificate::read);
                let shown = Arc::new(rustls::sign::SingleCertAndKey::from(key));
                (builder.with_client_cert_resolver(shown), vec![ours])
            }
        })
    }
}
