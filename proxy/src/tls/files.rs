//! Reads what is kept in files: authorities, certificates, keys. PEM only, as every tool writes it.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::RootCertStore;
use rustls::sign::CertifiedKey;
use rustls_pki_types::pem::{Error as PemError, PemObject};
use rustls_pki_types::{CertificateDer, PrivateKeyDer};

use super::{BadFile, provider};

/// Which authorities are trusted.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub enum Roots {
    /// Those of the operating system, or of `SSL_CERT_FILE` and `SSL_CERT_DIR`. The default.
    #[default]
    System,
    /// Those in this file, and no others.
    File(PathBuf),
}

/// A certificate, with those between it and its authority, and its key.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Identity {
    /// PEM, the certificate itself first.
    pub certificate: PathBuf,
    /// PEM: PKCS #8, PKCS #1 or SEC 1, without a password.
    pub key: PathBuf,
}

impl Roots {
    /// The file, if there is one to look at.
    pub fn file(&self) -> Option<&Path> {
        match self {
            Self::System => None,
            Self::File(file) => Some(file),
        }
    }

    pub(super) fn load(&self) -> Result<Arc<RootCertStore>, BadFile> {
        let mut store = RootCertStore::empty();
        match self {
            Self::System => {
                let found = rustls_native_certs::load_native_certs();
                // What cannot be read among a hundred is not ours to mend, and missed only by servers of that authority.
                store.add_parsable_certificates(found.certs);
                if store.is_empty() {
                    let cause = found.errors.first().map_or("none is known".to_owned(), ToString::to_string);
                    return Err(BadFile::NoSystemRoots(cause));
                }
            }
            Self::File(file) => {
                for certificate in chain(file)? {
                    let bad =
                        |error: rustls::Error| BadFile::Certificate { file: file.clone(), cause: error.to_string() };
                    store.add(certificate).map_err(bad)?;
                }
            }
        }
        Ok(Arc::new(store))
    }
}

impl Identity {
    pub(super) fn load(&self) -> Result<CertifiedKey, BadFile> {
        let chain = chain(&self.certificate)?;
        let key = key(&self.key)?;
        CertifiedKey::from_der(chain, key, provider()).map_err(|error| match error {
            rustls::Error::InconsistentKeys(_) => {
                BadFile::NoPair { certificate: self.certificate.clone(), key: self.key.clone() }
            }
            rustls::Error::InvalidCertificate(cause) => {
                BadFile::Certificate { file: self.certificate.clone(), cause: cause.to_string() }
            }
            other => BadFile::Key { file: self.key.clone(), cause: other.to_string() },
        })
    }
}

fn chain(file: &Path) -> Result<Vec<CertificateDer<'static>>, BadFile> {
    let bad = |error| bad_pem(file, error, "certificate");
    let chain: Vec<_> = CertificateDer::pem_file_iter(file).and_then(Iterator::collect).map_err(bad)?;
    if chain.is_empty() { Err(BadFile::Without { file: file.to_owned(), wanted: "certificate" }) } else { Ok(chain) }
}

fn key(file: &Path) -> Result<PrivateKeyDer<'static>, BadFile> {
    PrivateKeyDer::from_pem_file(file).map_err(|error| match error {
        PemError::Io(_) => bad_pem(file, error, "private key"),
        _ if is_encrypted(file) => BadFile::Encrypted { file: file.to_owned() },
        _ => bad_pem(file, error, "private key"),
    })
}

/// As PKCS #8 says it (RFC 7468, section 11), or the headers of older files (RFC 1421, section 4.6.1.1).
fn is_encrypted(file: &Path) -> bool {
    let text = std::fs::read_to_string(file).unwrap_or_default();
    text.contains("-----BEGIN ENCRYPTED PRIVATE KEY-----") || text.contains("Proc-Type: 4,ENCRYPTED")
}

/// The reader's own words may hold a line of the file, which may be a key's: they are not passed on.
fn bad_pem(file: &Path, error: PemError, wanted: &'static str) -> BadFile {
    let file = file.to_owned();
    let cause = match error {
        PemError::Io(error) => return BadFile::Unreadable { file, cause: error.to_string() },
        PemError::NoItemsFound => return BadFile::Without { file, wanted },
        PemError::MissingSectionEnd { .. } => "a section has no end",
        PemError::IllegalSectionStart { .. } => "a section's first line is broken",
        PemError::Base64Decode(_) => "a section is not base64",
        _ => "a section is too large",
    };
    BadFile::NotPem { file, cause: cause.to_owned() }
}
