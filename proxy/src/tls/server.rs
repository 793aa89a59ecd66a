//! TLS to clients that dial us.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use rustls::ServerConfig;
use rustls::server::{ClientCertVerifierBuilder, VerifierBuilderError, WebPkiClientVerifier};
use tokio::net::TcpStream;
use tokio_rustls::TlsAcceptor;

use super::choice::ByName;
use super::live::{Live, Settings};
use super::{BUFFER_BYTES_MAX, BadFile, Certificate, HandshakeFailure, Identity, MinVersion, Roots, Stream, provider};

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

/// Ready to accept.
pub type ServerTls = Live<ServerSettings>;

/// What a handshake told of a client.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Peer {
    /// The name that it asked for (SNI), in lower case.
    pub server_name: Option<Box<str>>,
    /// What it showed, and is valid.
    pub certificate: Option<Box<Certificate>>,
}

impl ServerTls {
    /// Shakes hands with a client, for as long as that may take.
    ///
    /// # Errors
    /// Why nothing came of it. The client has been told, as far as TLS can say it.
    pub async fn accept(&self, stream: TcpStream, within: Duration) -> Result<(Stream, Peer), HandshakeFailure> {
        let acceptor = TlsAcceptor::from(self.config());
        let accepting = acceptor.accept_with(stream, |tls| tls.set_buffer_limit(Some(BUFFER_BYTES_MAX)));
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

impl Settings for ServerSettings {
    type Config = ServerConfig;

    fn identities(&self) -> &[Identity] {
        &self.certificates
    }

    fn authorities(&self) -> Option<&Path> {
        match &self.client_auth {
            ClientAuth::Off => None,
            ClientAuth::Optional(roots) | ClientAuth::Required(roots) => Some(roots),
        }
    }

    fn build(&self) -> Result<(ServerConfig, Vec<Option<Certificate>>), BadFile> {
        let mut certificates = Vec::new();
        for identity in &self.certificates {
            let key = Arc::new(identity.load()?);
            let Some(certificate) = key.cert.first().and_then(Certificate::read) else {
                let cause = "it is no X.509 certificate".to_owned();
                return Err(BadFile::Certificate { file: identity.certificate.clone(), cause });
            };
            certificates.push((key, certificate));
        }
        let ours = certificates.iter().map(|(_, certificate)| Some(certificate.clone())).collect();
        let builder = ServerConfig::builder_with_provider(Arc::clone(provider()));
        let builder = self.min_version.apply(builder)?;
        let builder = match &self.client_auth {
            ClientAuth::Off => builder.with_no_client_auth(),
            ClientAuth::Optional(roots) => {
                builder.with_client_cert_verifier(verifier(roots)?.allow_unauthenticated().build().map_err(bad)?)
            }
            ClientAuth::Required(roots) => builder.with_client_cert_verifier(verifier(roots)?.build().map_err(bad)?),
        };
        let mut config = builder.with_cert_resolver(Arc::new(ByName::new(certificates)));
        config.alpn_protocols = self.alpn.iter().map(|name| name.to_vec()).collect();
        // Keys of tickets are made anew with each reload: who was let in by an authority that is trusted no more starts over.
        config.ticketer = rustls::crypto::ring::Ticketer::new().map_err(BadFile::Rustls)?;
        Ok((config, ours))
    }
}

fn verifier(roots: &Path) -> Result<ClientCertVerifierBuilder, BadFile> {
    let roots = Roots::File(roots.to_owned()).load()?;
    Ok(WebPkiClientVerifier::builder_with_provider(roots, Arc::clone(provider())))
}

fn bad(error: VerifierBuilderError) -> BadFile {
    BadFile::Rustls(rustls::Error::General(error.to_string()))
}
