//! What a certificate says that rustls keeps to itself: whose it is, and until when.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use rustls_pki_types::CertificateDer;
use sha2::{Digest, Sha256};
use x509_cert::der::Decode;
use x509_cert::ext::pkix::SubjectAltName;
use x509_cert::ext::pkix::name::GeneralName;

/// A certificate's names, and its last moment.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Certificate {
    /// The distinguished name as RFC 4514 writes it, most specific part first: `CN=device-7,O=Example`.
    pub subject: String,
    /// Alternative names that are DNS names, in lower case.
    pub dns: Vec<String>,
    /// Those that are URIs, a SPIFFE ID among them.
    pub uris: Vec<String>,
    /// Those that are addresses of e-mail.
    pub emails: Vec<String>,
    /// SHA-256 of all of it, in hexadecimal digits.
    pub fingerprint: String,
    /// When it expires, since 1970.
    pub not_after: Duration,
}

impl Certificate {
    /// Nothing if it is no certificate; of names, those with white space or control characters are left out, so that several
    /// can stand in one text.
    pub fn read(der: &CertificateDer<'_>) -> Option<Self> {
        let parsed = x509_cert::Certificate::from_der(der).ok()?;
        let content = parsed.tbs_certificate();
        let mut certificate = Self {
            subject: content.subject().to_string(),
            dns: Vec::new(),
            uris: Vec::new(),
            emails: Vec::new(),
            fingerprint: Sha256::digest(der).iter().map(|byte| format!("{byte:02x}")).collect(),
            not_after: content.validity().not_after.to_unix_duration(),
        };
        if let Ok(Some((_, names))) = content.get_extension::<SubjectAltName>() {
            for name in names.0 {
                let (list, name) = match &name {
                    GeneralName::DnsName(name) => (&mut certificate.dns, name.as_str().to_ascii_lowercase()),
                    GeneralName::UniformResourceIdentifier(name) => (&mut certificate.uris, name.as_str().to_owned()),
                    GeneralName::Rfc822Name(name) => (&mut certificate.emails, name.as_str().to_owned()),
                    _ => continue,
                };
                if name.bytes().all(|byte| byte.is_ascii_graphic()) {
                    list.push(name);
                }
            }
        }
        Some(certificate)
    }

    /// Seconds until it expires; negative if it has.
    pub fn expires_in_s(&self) -> f64 {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        self.not_after.as_secs_f64() - now.as_secs_f64()
    }
}
