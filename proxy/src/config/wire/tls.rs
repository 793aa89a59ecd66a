//! `tls`, wherever it stands.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::config::scalar::Host;

/// TLS for a listener's clients, see [TLS](tls.md). Files are looked at each second, and taken up when they change.
#[derive(Deserialize, Serialize, JsonSchema, Default, Debug)]
#[serde(default, deny_unknown_fields)]
#[schemars(extend("required" = ["certificates"]))]
pub(in crate::config) struct ListenerTls {
    /// What clients are shown: the certificate for the name that they ask for, or else the first.
    #[schemars(length(min = 1))]
    pub(in crate::config) certificates: Vec<Pair>,
    /// Clients show certificates of their own. Without it, they are not asked.
    pub(in crate::config) client_auth: Option<ClientAuth>,
    /// The least version that is spoken.
    ///
    /// Raise it when all clients know 1.3, which all but very old ones do.
    pub(in crate::config) min_version: TlsVersion,
    /// What the clients of a raw TCP listener may speak, by ALPN, the best first: `[mqtt]`. One that offers others only is
    /// refused. A listener of HTTP speaks `http/1.1`.
    pub(in crate::config) alpn: Vec<String>,
}

/// A certificate and its key.
#[derive(Deserialize, Serialize, JsonSchema, Default, Debug)]
#[serde(default, deny_unknown_fields)]
#[schemars(rename = "CertificateAndKey", extend("required" = ["cert", "key"]))]
pub(in crate::config) struct Pair {
    /// A file in PEM: the certificate, then those between it and its authority.
    pub(in crate::config) cert: Option<String>,
    /// A file in PEM: its private key, without a password.
    pub(in crate::config) key: Option<String>,
}

/// Clients show certificates of their own, which filters and reports are told of.
#[derive(Deserialize, Serialize, JsonSchema, Default, Debug)]
#[serde(default, deny_unknown_fields)]
#[schemars(extend("required" = ["roots"]))]
pub(in crate::config) struct ClientAuth {
    /// A file in PEM: the authorities that may have signed them.
    pub(in crate::config) roots: Option<String>,
    /// Whether they must.
    pub(in crate::config) mode: ClientAuthMode,
}

/// Whether clients must show certificates.
#[derive(Deserialize, Serialize, JsonSchema, Clone, Copy, Default, Debug)]
#[serde(rename_all = "kebab-case")]
pub(in crate::config) enum ClientAuthMode {
    /// They must.
    #[default]
    Require,
    /// They may. What is shown must be valid.
    Optional,
}

/// A version of TLS.
#[derive(Deserialize, Serialize, JsonSchema, Clone, Copy, Default, Debug)]
pub(in crate::config) enum TlsVersion {
    /// With forward secrecy and authenticated encryption only.
    #[default]
    #[serde(rename = "tls1.2")]
    Tls12,
    /// The latest.
    #[serde(rename = "tls1.3")]
    Tls13,
}

/// How a server is trusted that we connect to, and who we are to it, see [TLS](tls.md).
#[derive(Deserialize, Serialize, JsonSchema, Default, Debug)]
#[serde(default, deny_unknown_fields)]
pub(in crate::config) struct ClientTls {
    /// A file in PEM: the authorities that may have signed its certificate. Without it, those of the operating system, or of
    /// `SSL_CERT_FILE` and `SSL_CERT_DIR`.
    pub(in crate::config) roots: Option<String>,
    /// What we show to a server that asks for a certificate.
    pub(in crate::config) identity: Option<Pair>,
    /// The name that its certificate must be for, and that it is told. Without it, the host of the URL.
    ///
    /// Set it when the URL has an address or an internal name that is not in the certificate.
    pub(in crate::config) server_name: Option<Host>,
    /// The least version that is spoken.
    pub(in crate::config) min_version: TlsVersion,
}
