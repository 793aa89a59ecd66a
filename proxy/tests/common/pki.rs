//! Authorities and certificates for tests: good ones, and ones with a fault. Nothing of it is worth a secret.

use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use belay::tls::{ClientSettings, ClientTls, Identity, Roots};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair, SanType};

/// An authority, and a folder for its certificate and those that it signs.
pub struct Authority {
    issuer: CertifiedIssuer<'static, KeyPair>,
    folder: PathBuf,
    /// Its certificate's file.
    pub roots: PathBuf,
}

/// What a certificate is for.
#[derive(Clone, Copy, Default)]
pub struct Leaf<'a> {
    /// DNS names.
    pub dns: &'a [&'a str],
    /// Besides 127.0.0.1.
    pub address: Option<IpAddr>,
    /// A SPIFFE ID, say.
    pub uri: Option<&'a str>,
    /// In its subject.
    pub common_name: Option<&'a str>,
    /// Whether it ended in 2020.
    pub is_expired: bool,
}

impl Authority {
    /// One of this name, with its files in a folder that is there.
    pub fn new(folder: &Path, name: &str) -> Self {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.distinguished_name.push(DnType::CommonName, name);
        let issuer = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
        let roots = folder.join(format!("{name}.pem"));
        std::fs::write(&roots, issuer.pem()).unwrap();
        Self { issuer, folder: folder.to_owned(), roots }
    }

    /// Signs a certificate for 127.0.0.1 and what is asked for, into `NAME.pem` and `NAME.key`, over those before.
    pub fn sign(&self, name: &str, leaf: Leaf<'_>) -> Identity {
        let names: Vec<_> = leaf.dns.iter().map(|name| (*name).to_owned()).collect();
        let mut params = CertificateParams::new(names).unwrap();
        let addresses = [Some([127, 0, 0, 1].into()), leaf.address];
        params.subject_alt_names.extend(addresses.into_iter().flatten().map(SanType::IpAddress));
        params.subject_alt_names.extend(leaf.uri.map(|uri| SanType::URI(uri.try_into().unwrap())));
        if let Some(common_name) = leaf.common_name {
            params.distinguished_name.push(DnType::CommonName, common_name);
        }
        if leaf.is_expired {
            (params.not_before, params.not_after) =
                (rcgen::date_time_ymd(2019, 1, 1), rcgen::date_time_ymd(2020, 1, 1));
        }
        let key = KeyPair::generate().unwrap();
        let certificate = params.signed_by(&key, &self.issuer).unwrap();
        let pair = Identity {
            certificate: self.folder.join(format!("{name}.pem")),
            key: self.folder.join(format!("{name}.key")),
        };
        std::fs::write(&pair.key, key.serialize_pem()).unwrap();
        std::fs::write(&pair.certificate, certificate.pem()).unwrap();
        pair
    }

    /// A client that trusts it.
    pub fn client(&self, identity: Option<Identity>, server_name: Option<&str>) -> Arc<ClientTls> {
        let roots = Roots::File(self.roots.clone());
        let server_name = server_name.map(Into::into);
        Arc::new(ClientTls::load(ClientSettings { roots, identity, server_name, ..Default::default() }).unwrap())
    }
}
