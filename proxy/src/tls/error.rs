//! What can be wrong with TLS, said so that it can be put right: with a file, with a server that we dial, with a client that
//! dials us.

use std::error::Error;
use std::io;
use std::path::PathBuf;

use rustls::{AlertDescription, CertificateError, Error as TlsError};

/// A file that cannot be used.
#[derive(Clone, PartialEq, Debug, thiserror::Error)]
pub enum BadFile {
    /// It is not there, or not ours to read.
    #[error("cannot read {}: {cause}", .file.display())]
    Unreadable {
        /// Which.
        file: PathBuf,
        /// What the system said.
        cause: String,
    },
    /// What stands in it is not PEM.
    #[error("{} is not PEM: {cause}", .file.display())]
    NotPem {
        /// Which.
        file: PathBuf,
        /// What its reader said.
        cause: String,
    },
    /// It is PEM, with nothing of the kind that is wanted.
    #[error("{} holds no {wanted}", .file.display())]
    Without {
        /// Which.
        file: PathBuf,
        /// `certificate` or `private key`.
        wanted: &'static str,
    },
    /// A certificate in it is none.
    #[error("a certificate in {} cannot be read: {cause}", .file.display())]
    Certificate {
        /// Which.
        file: PathBuf,
        /// What its reader said.
        cause: String,
    },
    /// The key in it is of no use.
    #[error("the key in {} cannot be used: {cause}", .file.display())]
    Key {
        /// Which.
        file: PathBuf,
        /// What its reader said.
        cause: String,
    },
    /// There is nobody to ask for its password.
    #[error(
        "the key in {} is encrypted, and Belay knows no password: 'openssl pkey -in {} -out …' decrypts it, for a file that \
         only Belay may read",
        .file.display(), .file.display()
    )]
    Encrypted {
        /// Which.
        file: PathBuf,
    },
    /// A pair that is none: one of the two was replaced and the other not.
    #[error("the key in {} is not that of the certificate in {}", .key.display(), .certificate.display())]
    NoPair {
        /// The certificate's file.
        certificate: PathBuf,
        /// The key's.
        key: PathBuf,
    },
    /// The system has none, as images without any files.
    #[error(
        "this system has no certificates of authorities ({0}): name a file of them in 'roots', or set SSL_CERT_FILE"
    )]
    NoSystemRoots(String),
    /// What rustls says of all of it together.
    #[error("{0}")]
    Rustls(TlsError),
}

/// A server that we do not speak to.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("TLS with {name} failed: {explanation}")]
pub struct HandshakeError {
    /// The name that it had to show.
    pub name: String,
    /// What is wrong, and what may help.
    pub explanation: String,
}

/// Why a client of ours did not come to speak.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum HandshakeFailure {
    /// It took longer than its listener allows.
    TimedOut,
    /// It went away.
    Gone,
    /// It does not speak TLS at all.
    NotTls,
    /// It has to show a certificate, and showed none.
    NoCertificate,
    /// It showed one that is not valid here.
    BadCertificate,
    /// No version, cipher or protocol in common.
    NothingInCommon,
    /// It does not want our certificate, or went away with another alert.
    RefusedUs,
    /// It broke the protocol.
    Broken,
}

impl HandshakeFailure {
    /// Every reason, in the order of their counters.
    pub const ALL: [Self; 8] = [
        Self::TimedOut,
        Self::Gone,
        Self::NotTls,
        Self::NoCertificate,
        Self::BadCertificate,
        Self::NothingInCommon,
        Self::RefusedUs,
        Self::Broken,
    ];

    /// As metrics and logs say it.
    pub fn label(self) -> &'static str {
        match self {
            Self::TimedOut => "timeout",
            Self::Gone => "gone",
            Self::NotTls => "not_tls",
            Self::NoCertificate => "no_certificate",
            Self::BadCertificate => "bad_certificate",
            Self::NothingInCommon => "nothing_in_common",
            Self::RefusedUs => "refused_us",
            Self::Broken => "broken",
        }
    }

    pub(super) fn of(error: &io::Error) -> Self {
        match rustls_error(error) {
            None => Self::Gone,
            Some(TlsError::InvalidMessage(_)) => Self::NotTls,
            Some(TlsError::NoCertificatesPresented) => Self::NoCertificate,
            Some(TlsError::InvalidCertificate(_)) => Self::BadCertificate,
            Some(TlsError::PeerIncompatible(_) | TlsError::NoApplicationProtocol) => Self::NothingInCommon,
            Some(TlsError::AlertReceived(_)) => Self::RefusedUs,
            Some(_) => Self::Broken,
        }
    }
}

/// What of an error, or of what caused it, is TLS's, in words that help.
pub fn explain(error: &(dyn Error + 'static)) -> Option<String> {
    rustls_error(error).map(words)
}

/// The cause that is rustls's, however wrapped.
pub(super) fn rustls_error<'e>(error: &'e (dyn Error + 'static)) -> Option<&'e TlsError> {
    let mut next = Some(error);
    while let Some(error) = next {
        if let Some(found) = error.downcast_ref::<TlsError>() {
            return Some(found);
        }
        // Of its own, it shows what caused what it holds, and not what it holds.
        let held = error.downcast_ref::<io::Error>().and_then(io::Error::get_ref);
        next = match held {
            Some(held) => Some(held),
            None => error.source(),
        };
    }
    None
}

pub(super) fn words(error: &TlsError) -> String {
    match error {
        TlsError::InvalidCertificate(CertificateError::UnknownIssuer) => {
            "its certificate is signed by no authority that is trusted here; name the file of the one that signed it in 'roots'"
                .to_owned()
        }
        TlsError::InvalidCertificate(CertificateError::NotValidForNameContext { expected, presented }) => format!(
            "its certificate is for {}, not for {}; set 'server_name' if one of these is meant",
            presented.join(", "),
            expected.to_str()
        ),
        TlsError::InvalidCertificate(CertificateError::Expired | CertificateError::ExpiredContext { .. }) => {
            format!("its certificate has expired ({error})")
        }
        TlsError::InvalidCertificate(cause) => format!("its certificate is not valid: {cause}"),
        TlsError::InvalidMessage(_) => {
            "it does not speak TLS; is the port right, and is a URL without TLS meant (ws, http, tcp)?".to_owned()
        }
        TlsError::AlertReceived(AlertDescription::CertificateRequired) => {
            "it wants a certificate from us; give it one by 'identity'".to_owned()
        }
        TlsError::AlertReceived(
            alert @ (AlertDescription::BadCertificate
            | AlertDescription::UnknownCA
            | AlertDescription::CertificateUnknown
            | AlertDescription::CertificateExpired
            | AlertDescription::AccessDenied),
        ) => format!("it does not accept our certificate ({alert:?}); is 'identity' one that it trusts?"),
        TlsError::AlertReceived(AlertDescription::UnrecognisedName) => {
            "it knows no such name; set 'server_name' to one that it has".to_owned()
        }
        other => other.to_string(),
    }
}
