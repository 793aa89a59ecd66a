//! TLS to clients that dial us.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use rustls::ServerConfig;
use rustls::server::WebPkiClientVerifier;
use tokio::net::TcpStream;
use tokio_rustls::TlsAcceptor;

use super::choice::ByName;
use super::watch::{Stamps, stamps};
use super::{
    BUFFER_BYTES_MAX, BadFile, Certificate, HandshakeFailure, Identity, MinVersion, Roots, Stream, Watched, provider,
};

/// Who we are to clients, and who they must be.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ServerSettings {
    /// One at least. A client is shown the one for the name that it asks for, or else the first.
    pub certificates: Vec<Identity>,
    /// Whether clients show certificates.
    pub client_auth: ClientAuth,
    /// Default: 1.2.
    pub min_version: MinVersion,
    /// What is spoken, by ALPN, the best first. A client that offers none of them is refused; one that offers nothing is not.
    pub alpn: Vec<Box<[u8]>>,
}

/// Whether clients show certificates.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub enum ClientAuth {
    /// They are not asked. The default.
    #[default]
    Off,
    /// They may, and what they show must be signed by one of these.
    Optional(PathBuf),
    /// They must.
    Required(PathBuf),
}

/// Ready to accept, with the files' content of when they were last read well.
pub struct ServerTls {
    settings: ServerSettings,
    /// Held to take or replace it, no longer.
    current: RwLock<Current>,
}

struct Current {
    config: Arc<ServerConfig>,
    ours: Vec<Certificate>,
    loaded: Stamps,
}

/// What a handshake told of a client.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Peer {
    /// The name that it asked for (SNI), in lower case.
    pub server_name: Option<Box<str>>,
    /// What it showed, and is valid.
    pub certificate: Option<Box<Certificate>>,
}

impl ServerTls {
    /// Reads the files. Blocks on that.
    ///
    /// # Errors
    /// A file that cannot be used.
    pub fn load(settings: ServerSettings) -> Result<Self, BadFile> {
        let stamps = stamps(&settings.files());
        let current = RwLock::new(build(&settings, stamps)?);
        Ok(Self { settings, current })
    }

    /// As it was loaded.
    pub fn settings(&self) -> &ServerSettings {
        &self.settings
    }

    /// Shakes hands with a client, for as long as that may take.
    ///
    /// # Errors
    /// Why nothing came of it. The client has been told, as far as TLS can say it.
    pub async fn accept(&self, stream: TcpStream, within: Duration) -> Result<(Stream, Peer), HandshakeFailure> {
        let config = Arc::clone(&self.current.read().unwrap_or_else(PoisonError::into_inner).config);
        let accepting =
            TlsAcceptor::from(config).accept_with(stream, |tls| tls.set_buffer_limit(Some(BUFFER_BYTES_MAX)));
        let stream = match tokio::time::timeout(within, accepting).await {
            Ok(Ok(stream)) => stream,
            Ok(Err(error)) => return Err(HandshakeFailure::of(&error)),
            Err(_) => return Err(HandshakeFailure::TimedOut),
        };
        let (_, connection) = stream.get_ref();
        let shown = connection.peer_certificates().and_then(|chain| chain.first());
        let certificate = match shown.map(Certificate::read) {
            // Valid, and yet not to be read: who it is cannot be told to filters, so it is nobody.
            Some(None) => return Err(HandshakeFailure::BadCertificate),
            Some(Some(certificate)) => Some(Box::new(certificate)),
            None => None,
        };
        let server_name = connection.server_name().map(|name| name.to_ascii_lowercase().into());
        Ok((Stream::Tls(Box::new(stream.into())), Peer { server_name, certificate }))
    }
}

impl Peer {
    /// As a session's attributes, which docs/tls.md explains; several names of a kind are parted by spaces.
    pub fn attributes(&self) -> impl Iterator<Item = (&'static str, String)> {
        let client = self.certificate.as_deref();
        let told = [
            ("tls.sni", self.server_name.as_deref().map(str::to_owned)),
            ("tls.client.subject", client.map(|client| client.subject.clone())),
            ("tls.client.san.dns", client.map(|client| client.dns.join(" "))),
            ("tls.client.san.uri", client.map(|client| client.uris.join(" "))),
            ("tls.client.san.email", client.map(|client| client.emails.join(" "))),
            ("tls.client.fingerprint", client.map(|client| client.fingerprint.clone())),
        ];
        told.into_iter().filter_map(|(name, value)| Some((name, value.filter(|value| !value.is_empty())?)))
    }
}

impl ServerSettings {
    fn files(&self) -> Vec<&Path> {
        let pairs = self.certificates.iter().flat_map(|pair| [&*pair.certificate, &*pair.key]);
        let roots = match &self.client_auth {
            ClientAuth::Off => None,
            ClientAuth::Optional(roots) | ClientAuth::Required(roots) => Some(&**roots),
        };
        pairs.chain(roots).collect()
    }
}

fn build(settings: &ServerSettings, loaded: Stamps) -> Result<Current, BadFile> {
    let mut certificates = Vec::new();
    for identity in &settings.certificates {
        let key = Arc::new(identity.load()?);
        let Some(certificate) = key.cert.first().and_then(Certificate::read) else {
            let cause = "it is no X.509 certificate".to_owned();
            return Err(BadFile::Certificate { file: identity.certificate.clone(), cause });
        };
        certificates.push((key, certificate));
    }
    let ours = certificates.iter().map(|(_, certificate)| certificate.clone()).collect();
    let verifier = |roots: &PathBuf| {
        let roots = Roots::File(roots.clone()).load()?;
        Ok(WebPkiClientVerifier::builder_with_provider(roots, Arc::clone(provider())))
    };
    let bad = |error: rustls::server::VerifierBuilderError| BadFile::Rustls(rustls::Error::General(error.to_string()));
    let builder = ServerConfig::builder_with_provider(Arc::clone(provider()));
    let builder = settings.min_version.apply(builder)?;
    let builder = match &settings.client_auth {
        ClientAuth::Off => builder.with_no_client_auth(),
        ClientAuth::Optional(roots) => {
            builder.with_client_cert_verifier(verifier(roots)?.allow_unauthenticated().build().map_err(bad)?)
        }
        ClientAuth::Required(roots) => builder.with_client_cert_verifier(verifier(roots)?.build().map_err(bad)?),
    };
    let mut config = builder.with_cert_resolver(Arc::new(ByName::new(certificates)));
    config.alpn_protocols = settings.alpn.iter().map(|name| name.to_vec()).collect();
    // Keys of tickets are made anew with each reload: who was let in by an authority that is trusted no more starts over.
    config.ticketer = rustls::crypto::ring::Ticketer::new().map_err(BadFile::Rustls)?;
    Ok(Current { config: Arc::new(config), ours, loaded })
}

impl Watched for ServerTls {
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
        let files = self.settings.certificates.iter().map(|pair| &*pair.certificate);
        files.zip(current.ours.iter().cloned()).collect()
    }
}

/// By what it was made of.
impl PartialEq for ServerTls {
    fn eq(&self, other: &Self) -> bool {
        self.settings == other.settings
    }
}

impl Eq for ServerTls {}

impl fmt::Debug for ServerTls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.settings.fmt(f)
    }
}
