//! TLS to a server that we dial.

use std::fmt;
use std::io;
use std::path::Path;
use std::sync::{Arc, PoisonError, RwLock};

use rustls::ClientConfig;
use rustls_pki_types::ServerName;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

use super::error::{HandshakeError, rustls_error, words};
use super::watch::{Stamps, stamps};
use super::{BUFFER_BYTES_MAX, BadFile, Certificate, Identity, MinVersion, Roots, Stream, Watched, provider};

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

/// Ready to connect, with the files' content of when they were last read well.
pub struct ClientTls {
    settings: ClientSettings,
    /// Held to take or replace it, no longer.
    current: RwLock<Current>,
}

struct Current {
    config: Arc<ClientConfig>,
    ours: Option<Certificate>,
    loaded: Stamps,
}

impl ClientTls {
    /// Reads the files. Blocks on that.
    ///
    /// # Errors
    /// A file that cannot be used.
    pub fn load(settings: ClientSettings) -> Result<Self, BadFile> {
        let stamps = stamps(&settings.files());
        let current = RwLock::new(build(&settings, stamps)?);
        Ok(Self { settings, current })
    }

    /// As it was loaded.
    pub fn settings(&self) -> &ClientSettings {
        &self.settings
    }

    /// For what brings its own connections.
    pub fn config(&self) -> Arc<ClientConfig> {
        Arc::clone(&self.current.read().unwrap_or_else(PoisonError::into_inner).config)
    }

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
        let name = self.settings.server_name.as_deref().unwrap_or(host).trim_matches(['[', ']']);
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

impl ClientSettings {
    fn files(&self) -> Vec<&Path> {
        let identity = self.identity.iter().flat_map(|pair| [&*pair.certificate, &*pair.key]);
        self.roots.file().into_iter().chain(identity).collect()
    }
}

fn build(settings: &ClientSettings, loaded: Stamps) -> Result<Current, BadFile> {
    let builder = ClientConfig::builder_with_provider(Arc::clone(provider()));
    let builder = settings.min_version.apply(builder)?.with_root_certificates(settings.roots.load()?);
    let mut ours = None;
    let config = match &settings.identity {
        None => builder.with_no_client_auth(),
        Some(identity) => {
            let key = Arc::new(identity.load()?);
            ours = key.cert.first().and_then(Certificate::read);
            builder.with_client_cert_resolver(Arc::new(rustls::sign::SingleCertAndKey::from(key)))
        }
    };
    Ok(Current { config: Arc::new(config), ours, loaded })
}

impl Watched for ClientTls {
    fn files(&self) -> Vec<&Path> {
        self.settings.files()
    }

    fn loaded(&self) -> Stamps {
        self.current.read().unwrap_or_else(PoisonError::into_inner).loaded.clone()
    }

    fn reload(&self) -> Result<(), BadFile> {
        let fresh = build(&self.settings, stamps(&self.files()))?;
        *self.current.write().unwrap_or_else(PoisonError::into_inner) = fresh;
        Ok(())
    }

    fn certificates(&self) -> Vec<(&Path, Certificate)> {
        let current = self.current.read().unwrap_or_else(PoisonError::into_inner);
        let pair = self.settings.identity.as_ref().zip(current.ours.clone());
        pair.map(|(pair, certificate)| (&*pair.certificate, certificate)).into_iter().collect()
    }
}

/// By what it was made of.
impl PartialEq for ClientTls {
    fn eq(&self, other: &Self) -> bool {
        self.settings == other.settings
    }
}

impl Eq for ClientTls {}

impl fmt::Debug for ClientTls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.settings.fmt(f)
    }
}
