//! Real Socket.IO servers and clients, of both versions of Engine.IO, as processes that count their engines' packets.

use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

use serde::Deserialize;

use crate::common::puppet::Puppet;
use crate::common::tools;

/// A version of Engine.IO, and the Socket.IO that speaks it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Version {
    /// Socket.IO 2.
    Engine3,
    /// Socket.IO 4.
    Engine4,
}

/// How a client begins.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Transports {
    /// With WebSocket, and nothing else.
    WebSocket,
    /// With HTTP polling, then WebSocket: Socket.IO's default.
    PollingFirst,
}

/// How often the server's side is to be pinged, and how long a pong may take.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Pace {
    pub(crate) interval: Duration,
    pub(crate) timeout: Duration,
}

/// Engine packets of one side.
#[derive(Deserialize, Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Packets {
    pub(crate) pings_in: u64,
    pub(crate) pongs_in: u64,
    pub(crate) pings_out: u64,
    pub(crate) pongs_out: u64,
}

impl Version {
    pub(crate) const ALL: [Self; 2] = [Self::Engine3, Self::Engine4];

    fn modules(self) -> [&'static str; 2] {
        match self {
            Self::Engine3 => ["socket.io-v2", "socket.io-client-v2"],
            Self::Engine4 => ["socket.io", "socket.io-client"],
        }
    }

    /// A server; nothing, said aloud, if there is no Node or no Socket.IO.
    pub(crate) async fn server(self, test: &str, address: SocketAddr, pace: Pace) -> Option<Puppet> {
        let [server, _] = self.modules();
        let mut node = tools::node(test, &[server])?;
        node.arg(script("server.cjs")).arg(server).arg(address.port().to_string());
        node.arg(pace.interval.as_millis().to_string()).arg(pace.timeout.as_millis().to_string());
        let mut server = Puppet::start(&mut node);
        server.sees("listening").await;
        Some(server)
    }

    /// So many clients in one process, which connect at once.
    pub(crate) fn clients(self, test: &str, url: &str, clients: u32, transports: Transports) -> Option<Puppet> {
        let [_, client] = self.modules();
        let mut node = tools::node(test, &[client])?;
        let transports = match transports {
            Transports::WebSocket => "websocket",
            Transports::PollingFirst => "polling,websocket",
        };
        node.arg(script("client.cjs")).arg(client).arg(url).arg(clients.to_string()).arg(transports);
        Some(Puppet::start(&mut node))
    }
}

/// What this side has counted so far.
pub(crate) async fn count(side: &mut Puppet) -> Packets {
    side.does("count");
    serde_json::from_str(&side.next().await).unwrap()
}

fn script(name: &str) -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/socket_io").join(name)
}
