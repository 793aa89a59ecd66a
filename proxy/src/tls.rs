//! TLS for whoever speaks it: sessions' listeners and backends, the report, the exporter of traces, filters' calls, registries.
//! By rustls with `ring`, versions 1.2 and 1.3. What is configured, and which host has to show which name, is others'.
//!
//! Outwards: [`ClientTls::load`] with a [`ClientSettings`] (its `Default` trusts the system's roots and shows no certificate),
//! once, when the configuration is read; its error says what is wrong with which file. Then, for each connection, TCP first
//! and TLS over it, within whatever time the caller allows:
//!
//! ```text
//! let stream = TcpStream::connect((host, port)).await?;
//! let stream: Stream = tls.connect(stream, host).await?;   // AsyncRead + AsyncWrite, as TokioIo wants it
//! ```
//!
//! For hyper's own client, and tonic, there is [`Dialer`]. An error of [`ClientTls::connect`] is an `io::Error` whose text says what to do; one of TLS holds a [`HandshakeError`]. With
//! TLS 1.3 a server refuses our certificate only after that: [`explain`] finds such a cause in the errors of hyper and others.
//!
//! Inwards: [`ServerTls`]. Both take up new files by [`Watched`], and new connections use them; old ones go on as they are.

mod certificate;
mod choice;
mod client;
mod dialer;
mod error;
mod files;
mod live;
mod metrics;
mod server;
mod stream;
mod watch;

#[cfg(test)]
mod tests;

use std::sync::{Arc, OnceLock};

use rustls::crypto::CryptoProvider;
use rustls::{ConfigBuilder, ConfigSide, SupportedProtocolVersion, WantsVerifier, WantsVersions};

pub use certificate::Certificate;
pub use client::{ClientSettings, ClientTls};
pub use dialer::{Dialer, Dialling};
pub use error::{BadFile, HandshakeError, HandshakeFailure, explain};
pub use files::{Identity, Roots};
pub(crate) use metrics::FAMILIES;
pub use server::{ClientAuth, Peer, ServerSettings, ServerTls};
pub use stream::Stream;
pub(crate) use watch::{Watched, Watcher};

/// The least version that is spoken.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum MinVersion {
    /// The default: 1.2, with forward secrecy and authenticated encryption only, as rustls has it, and 1.3.
    #[default]
    Tls12,
    /// 1.3 only.
    Tls13,
}

impl MinVersion {
    fn versions(self) -> &'static [&'static SupportedProtocolVersion] {
        static VERSIONS: [&SupportedProtocolVersion; 2] = [&rustls::version::TLS13, &rustls::version::TLS12];
        match self {
            Self::Tls12 => &VERSIONS,
            Self::Tls13 => &VERSIONS[..1],
        }
    }

    fn apply<S: ConfigSide>(
        self,
        builder: ConfigBuilder<S, WantsVersions>,
    ) -> Result<ConfigBuilder<S, WantsVerifier>, BadFile> {
        builder.with_protocol_versions(self.versions()).map_err(BadFile::Rustls)
    }
}

/// Who does the arithmetic.
fn provider() -> &'static Arc<CryptoProvider> {
    static PROVIDER: OnceLock<Arc<CryptoProvider>> = OnceLock::new();
    PROVIDER.get_or_init(|| Arc::new(rustls::crypto::ring::default_provider()))
}

/// Encrypted bytes that may wait for one connection's socket: two records. More is not taken from its writer.
const BUFFER_BYTES_MAX: usize = 32 * 1024;
