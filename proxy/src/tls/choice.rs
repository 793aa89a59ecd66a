//! Chooses the certificate for the name that a client asks for (SNI, RFC 6066, section 3), by the rules that clients check it
//! with (RFC 9525, section 6.3): the name itself, or a wildcard in place of its first label.

use std::collections::HashMap;
use std::sync::Arc;

use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;

use super::Certificate;

/// Certificates by name. For a name that none has, and for clients that ask for none, it is the first.
#[derive(Debug)]
pub(super) struct ByName {
    all: Vec<Arc<CertifiedKey>>,
    /// Indices; several of one name have keys of different kinds.
    names: HashMap<String, Vec<usize>>,
}

impl ByName {
    pub(super) fn new(certificates: Vec<(Arc<CertifiedKey>, Certificate)>) -> Self {
        let mut names: HashMap<_, Vec<_>> = HashMap::new();
        let mut all = Vec::new();
        for (index, (key, certificate)) in certificates.into_iter().enumerate() {
            for name in certificate.dns {
                names.entry(name).or_default().push(index);
            }
            all.push(key);
        }
        Self { all, names }
    }

    fn candidates(&self, name: &str) -> Option<&[usize]> {
        let exact = self.names.get(name);
        let wildcard = || self.names.get(&format!("*.{}", name.split_once('.')?.1));
        exact.or_else(wildcard).map(Vec::as_slice)
    }

    /// The first of those for this name whose key the client can verify.
    pub(super) fn choose(
        &self,
        name: Option<&str>,
        suits: impl Fn(&CertifiedKey) -> bool,
    ) -> Option<&Arc<CertifiedKey>> {
        let named = name.and_then(|name| self.candidates(name)).unwrap_or_default();
        let mut named = named.iter().filter_map(|&index| self.all.get(index));
        named.find(|key| suits(key)).or_else(|| self.all.iter().find(|key| suits(key))).or(self.all.first())
    }
}

impl ResolvesServerCert for ByName {
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        let suits = |key: &CertifiedKey| key.key.choose_scheme(hello.signature_schemes()).is_some();
        self.choose(hello.server_name(), suits).cloned()
    }
}
