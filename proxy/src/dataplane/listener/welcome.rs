//! What comes before anything else on a connection: TLS, where the listener has it. Who does not come to speak is counted by
//! reason, and of each reason one line in the log in a while says what may be wrong.

use std::net::SocketAddr;

use tokio::net::TcpStream;
use tracing::{debug, info};

use crate::dataplane::complaints::Complaints;
use crate::dataplane::ledger::Counters;
use crate::dataplane::route::Listener;
use crate::tls::{HandshakeFailure, Peer, Stream};

/// Keeps a flood of equal failures out of the log.
#[derive(Default)]
pub(super) struct Doorman {
    failures: [Complaints; HandshakeFailure::ALL.len()],
    not_http: Complaints,
}

impl Doorman {
    /// The connection as it is spoken on, and who its client has shown to be. Nothing if it came to nothing.
    pub(super) async fn welcome(
        &self,
        listener: &Listener,
        counters: &Counters,
        stream: TcpStream,
        peer: SocketAddr,
    ) -> Option<(Stream, Peer)> {
        let Some(tls) = &listener.tls else { return Some((Stream::Plain(stream), Peer::default())) };
        match tls.accept(stream, listener.limits.handshake_timeout).await {
            Ok(welcomed) => {
                counters.tls_handshakes.add(1);
                Some(welcomed)
            }
            Err(failure) => {
                counters.tls_failure(failure).add(1);
                self.tell(failure, listener, peer);
                None
            }
        }
    }

    /// A client sent what is no request.
    pub(super) fn tell_of_nonsense(&self, listener: &Listener, peer: SocketAddr) {
        if listener.tls.is_none() && self.not_http.is_due() {
            info!(%peer, listener = %listener.address, "what a client sent is not HTTP; if it was TLS: this listener has no 'tls'");
        }
    }

    fn tell(&self, failure: HandshakeFailure, listener: &Listener, peer: SocketAddr) {
        let reason = failure.label();
        let Some(help) = help(failure) else {
            return debug!(%peer, reason, "a client went away during TLS's handshake");
        };
        if self.failures[failure as usize].is_due() {
            info!(%peer, listener = %listener.address, reason, "a client was not let in by TLS: {help}");
        }
    }
}

/// Nothing for what says nothing: port scanners and people whose network is gone.
fn help(failure: HandshakeFailure) -> Option<&'static str> {
    Some(match failure {
        HandshakeFailure::TimedOut | HandshakeFailure::Gone => return None,
        HandshakeFailure::NotTls => {
            "what it sent is not TLS; does it use ws:// or http:// where wss:// or https:// is meant?"
        }
        HandshakeFailure::NoCertificate => "it showed no certificate, and this listener's client_auth requires one",
        HandshakeFailure::BadCertificate => {
            "its certificate has expired, or is signed by none of the authorities in client_auth.roots"
        }
        HandshakeFailure::NothingInCommon => "it knows no version, cipher or ALPN protocol that this listener speaks",
        HandshakeFailure::RefusedUs => {
            "it does not accept our certificate; does it know the authority, and is the name in it the one it dialled?"
        }
        HandshakeFailure::Broken => "it broke the protocol",
    })
}
