//! `tls`, wherever it stands. What is given is loaded, so that a file that is of no use is a mistake of the configuration.

use std::sync::Arc;

use super::Convert;
use crate::config::path::Path;
use crate::config::wire;
use crate::tls::{
    BadFile, ClientAuth, ClientSettings, ClientTls, Identity, MinVersion, Roots, ServerSettings, ServerTls,
};

/// Whether a URL says that TLS is spoken.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Scheme {
    Secure,
    /// `https` or another is what it would be with TLS.
    Plain(&'static str),
}

impl Scheme {
    pub(super) fn of_http(url: &str) -> Self {
        if url.starts_with("https://") { Self::Secure } else { Self::Plain("https") }
    }
}

/// By ALPN, the only HTTP that sessions come over.
const HTTP: &str = "http/1.1";

impl Convert<'_> {
    /// Nothing without TLS, or after a mistake.
    pub(super) fn listener_tls(
        &mut self,
        tls: Option<wire::ListenerTls>,
        protocol: wire::ListenerProtocol,
        path: &Path,
    ) -> Option<Arc<ServerTls>> {
        let tls = tls?;
        let mut certificates = Vec::new();
        let wanted = tls.certificates.len();
        for (index, pair) in tls.certificates.into_iter().enumerate() {
            certificates.extend(self.pair(pair, &path.key("certificates").item(index)));
        }
        let client_auth = match tls.client_auth {
            None => ClientAuth::Off,
            Some(auth) => {
                let roots = self.readable_or_noted(&auth.roots?, &path.key("client_auth").key("roots"))?;
                match auth.mode {
                    wire::ClientAuthMode::Require => ClientAuth::Required(roots),
                    wire::ClientAuthMode::Optional => ClientAuth::Optional(roots),
                }
            }
        };
        let alpn = self.alpn(tls.alpn, protocol, &path.key("alpn"));
        if certificates.len() < wanted || certificates.is_empty() {
            return None;
        }
        let settings = ServerSettings { certificates, client_auth, min_version: version(tls.min_version), alpn };
        self.loaded(ServerTls::load(settings), path).map(Arc::new)
    }

    fn alpn(&mut self, names: Vec<String>, protocol: wire::ListenerProtocol, path: &Path) -> Vec<Box<[u8]>> {
        if protocol == wire::ListenerProtocol::Http {
            if names.iter().any(|name| name != HTTP) {
                let help = "leave it out: WebSocket comes over HTTP/1.1".to_owned();
                self.note(path, format!("a listener of HTTP speaks {HTTP}"), Some(help));
            }
            return vec![HTTP.as_bytes().into()];
        }
        for (index, _) in names.iter().enumerate().filter(|(_, name)| !(1..=255).contains(&name.len())) {
            self.note(&path.item(index), "a protocol's name has 1 to 255 bytes".to_owned(), None);
        }
        names.into_iter().map(|name| name.into_bytes().into()).collect()
    }

    /// How to trust the server of a URL; equal settings are loaded once. Nothing for one without TLS, or after a mistake.
    pub(super) fn client_tls(
        &mut self,
        tls: Option<wire::ClientTls>,
        scheme: Scheme,
        path: &Path,
    ) -> Option<Arc<ClientTls>> {
        if let (Some(_), Scheme::Plain(secure)) = (&tls, scheme) {
            let help = format!("write {secure}:// in the URL, or remove 'tls'");
            self.note_key(path, "'tls' has no meaning for a URL without TLS".to_owned(), Some(help));
        }
        if scheme != Scheme::Secure {
            return None;
        }
        let tls = tls.unwrap_or_default();
        let roots = match tls.roots {
            None => Roots::System,
            Some(file) => Roots::File(self.readable_or_noted(&file, &path.key("roots"))?),
        };
        let identity = match tls.identity {
            None => None,
            Some(pair) => Some(self.pair(pair, &path.key("identity"))?),
        };
        let server_name = tls.server_name.map(|name| name.0);
        if server_name.as_ref().is_some_and(|name| name.starts_with("*.")) {
            let help = "a server is asked for one name".to_owned();
            self.note(&path.key("server_name"), "must not be a pattern".to_owned(), Some(help));
        }
        let settings = ClientSettings { roots, identity, server_name, min_version: version(tls.min_version) };
        if let Some(known) = self.client_tls.iter().find(|known| *known.settings() == settings) {
            return Some(Arc::clone(known));
        }
        let loaded = Arc::new(self.loaded(ClientTls::load(settings), path)?);
        self.client_tls.push(Arc::clone(&loaded));
        Some(loaded)
    }

    fn pair(&mut self, pair: wire::Pair, path: &Path) -> Option<Identity> {
        let certificate = self.readable_or_noted(&pair.cert?, &path.key("cert"));
        let key = self.readable_or_noted(&pair.key?, &path.key("key"));
        Some(Identity { certificate: certificate?, key: key? })
    }

    fn readable_or_noted(&mut self, file: &str, path: &Path) -> Option<std::path::PathBuf> {
        let file = self.readable(file, path);
        (!self.was_noted(path)).then_some(file)
    }

    fn loaded<T>(&mut self, outcome: Result<T, BadFile>, path: &Path) -> Option<T> {
        outcome.map_err(|error| self.note_key(path, error.to_string(), None)).ok()
    }
}

fn version(version: wire::TlsVersion) -> MinVersion {
    match version {
        wire::TlsVersion::Tls12 => MinVersion::Tls12,
        wire::TlsVersion::Tls13 => MinVersion::Tls13,
    }
}
