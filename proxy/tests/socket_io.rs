//! Engine.IO's heartbeats at the edge, between the real Socket.IO servers and clients of both versions: whole processes from
//! npm, with short intervals. What is counted is counted by their own engines.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stdout, reason = "tests")]

mod common;

#[path = "socket_io/peers.rs"]
mod peers;

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use common::belay::{self, Belay};
use common::puppet::Puppet;
use common::{ports, soon};
use peers::{Pace, Packets, Transports, Version, count};

const SHORT: Pace = Pace { interval: Duration::from_millis(50), timeout: Duration::from_secs(10) };
/// So short a timeout that a test can wait for it.
const STRICT: Pace = Pace { interval: Duration::from_millis(100), timeout: Duration::from_secs(4) };

const EDGE: &str = "    heartbeat: { answer: [websocket, engine.io] }\n";

/// A server, Belay and clients that are all connected.
struct Scene {
    version: Version,
    address: SocketAddr,
    server: Puppet,
    belay: Belay,
    clients: Puppet,
}

impl Scene {
    /// Nothing, said aloud, if there is no Socket.IO.
    async fn set(
        test: &str,
        version: Version,
        pace: Pace,
        route: &str,
        clients: u32,
        transports: Transports,
    ) -> Option<Self> {
        let address = ports::free();
        let mut server = version.server(test, address, pace).await?;
        // What one worker overhears of polling another does not know.
        let belay = Belay::start(&format!("{}workers: 1\n", belay::route_to(address, route))).await;
        let url = format!("http://{}", belay.address);
        let mut crowd = version.clients(test, &url, clients, transports)?;
        let steps = match transports {
            Transports::WebSocket => vec!["connected"],
            Transports::PollingFirst => vec!["connected", "upgraded to websocket"],
        };
        let mut seen = vec![0; steps.len()];
        while seen.iter().any(|&count| count < clients) {
            let line = crowd.next().await;
            let step = steps.iter().position(|step| *step == line);
            seen[step.unwrap_or_else(|| panic!("a client sees {line:?}"))] += 1;
        }
        for _ in 0..clients {
            server.sees("connected").await;
        }
        Some(Self { version, address, server, belay, clients: crowd })
    }

    /// Messages that Belay took from either side to bring them to the other.
    async fn crossed(&self) -> f64 {
        let metrics = self.belay.metrics().await;
        let of = |direction| metrics[&format!("belay_messages_accepted_total{{direction=\"{direction}\"}}")];
        of("to_backend") + of("to_client")
    }

    /// An event of one client to the server and back.
    async fn events_flow(&mut self, text: &str) {
        self.clients.does(&format!("say {text}"));
        self.clients.sees(&format!("heard {text}")).await;
        self.clients.sees(&format!("answered {text}")).await;
    }
}

/// A route whose sessions outlive their server. A client of Socket.IO 4 connects by its first message; the server takes
/// nothing before it has answered it. A server of Socket.IO 2 connects every client by itself, and says so again.
/// `io.close()` ends connections with a close frame without a code, which is 1005.
fn held(version: Version) -> String {
    let replay = match version {
        Version::Engine3 => "",
        Version::Engine4 => ", replay: { first: 1, swallow: 1 }",
    };
    format!("{EDGE}    hold: {{ codes: [1001, 1005, 1006], redial: {{ backoff: fixed, every: 50ms }}{replay} }}\n")
}

/// What the client is shown of a server that came back.
async fn sees_return(version: Version, client: &mut Puppet) {
    match version {
        Version::Engine3 => client.sees("connected").await,
        Version::Engine4 => {}
    }
}

impl Packets {
    /// Heartbeats that came in, of the kind that this side hears.
    fn heard(&self) -> u64 {
        self.pings_in + self.pongs_in
    }
}

#[tokio::test]
async fn thousands_of_intervals_pass_and_no_heartbeat_crosses() {
    for version in Version::ALL {
        for transports in [Transports::WebSocket, Transports::PollingFirst] {
            let test = "thousands_of_intervals_pass_and_no_heartbeat_crosses";
            let Some(mut scene) = Scene::set(test, version, SHORT, EDGE, 50, transports).await else { return };
            // Those that began with polling are watched for their first heartbeats, which cross.
            let mut crossed = scene.crossed().await;
            soon("nothing to cross", async {
                loop {
                    tokio::time::sleep(SHORT.interval * 10).await;
                    let before = std::mem::replace(&mut crossed, scene.crossed().await);
                    if before == crossed {
                        return;
                    }
                }
            })
            .await;
            let begun = (count(&mut scene.server).await, count(&mut scene.clients).await);
            let mut heard = (0, 0);
            soon("thousands of heartbeats", async {
                while heard.0.min(heard.1) < 2_500 {
                    tokio::time::sleep(SHORT.interval).await;
                    heard.0 = count(&mut scene.server).await.heard() - begun.0.heard();
                    heard.1 = count(&mut scene.clients).await.heard() - begun.1.heard();
                }
            })
            .await;
            assert_eq!(scene.crossed().await, crossed, "{version:?}, {transports:?}");
            scene.clients.does("say hello");
            for _ in 0..100 {
                let line = scene.clients.next().await;
                assert!(line.ends_with(" hello"), "{version:?}, {transports:?}: {line}");
            }
            assert_eq!(scene.crossed().await, crossed + 150.0, "{version:?}, {transports:?}");
            println!(
                "{version:?}, {transports:?}: the server heard {}, the clients {}, none crossed",
                heard.0, heard.1
            );
        }
    }
}

#[tokio::test]
async fn a_client_that_dies_is_reported_to_a_server_that_was_answered_until_then() {
    for version in Version::ALL {
        for transports in [Transports::WebSocket, Transports::PollingFirst] {
            let test = "a_client_that_dies_is_reported_to_a_server_that_was_answered_until_then";
            let Some(mut scene) = Scene::set(test, version, STRICT, EDGE, 1, transports).await else { return };
            scene.belay.metric_reaches("belay_heartbeats_answered_total", 3.0).await;
            scene.clients.freeze();
            let (frozen, begun) = (count(&mut scene.server).await, Instant::now());
            scene.server.sees("disconnected transport close").await;
            // Four seconds on an idle machine; twenty if the default had been taken for the server's timeout.
            assert!(begun.elapsed() < Duration::from_secs(12), "{:?}", begun.elapsed());
            let heard = count(&mut scene.server).await.heard() - frozen.heard();
            // Of the forty or so of its timeout; without the edge there would be none.
            assert!(heard >= 5, "{version:?}, {transports:?}: {heard}");
            scene.belay.metric_becomes("belay_clients_dead_total", 1.0).await;
        }
    }
}

#[tokio::test]
async fn the_clients_of_a_server_that_stalls_are_kept_alive_until_it_is_back() {
    for version in Version::ALL {
        let test = "the_clients_of_a_server_that_stalls_are_kept_alive_until_it_is_back";
        let scene = Scene::set(test, version, STRICT, &held(version), 1, Transports::WebSocket).await;
        let Some(mut scene) = scene else { return };
        scene.server.freeze();
        let frozen = count(&mut scene.clients).await;
        scene.belay.metric_reaches("belay_holds_total", 1.0).await;
        // More than its whole patience.
        soon("heartbeats", async {
            while count(&mut scene.clients).await.heard() < frozen.heard() + 60 {
                tokio::time::sleep(STRICT.interval).await;
            }
        })
        .await;
        scene.server.thaw();
        sees_return(version, &mut scene.clients).await;
        scene.events_flow("on").await;
    }
}

#[tokio::test]
async fn a_client_stays_connected_while_its_server_is_restarted() {
    for version in Version::ALL {
        let test = "a_client_stays_connected_while_its_server_is_restarted";
        let scene = Scene::set(test, version, SHORT, &held(version), 1, Transports::WebSocket).await;
        let Some(mut scene) = scene else { return };
        scene.events_flow("before").await;
        for round in 1..=2 {
            if round == 1 {
                scene.server.does("close");
                // Socket.IO 2 has no name for this reason.
                assert!(scene.server.next().await.starts_with("disconnected"));
            } else {
                scene.server.kill();
            }
            scene.belay.metric_reaches("belay_holds_total", f64::from(round)).await;
            scene.clients.does("say meanwhile");
            let begun = count(&mut scene.clients).await;
            soon("heartbeats", async {
                while count(&mut scene.clients).await.heard() < begun.heard() + 5 {
                    tokio::time::sleep(SHORT.interval).await;
                }
            })
            .await;
            scene.server = scene.version.server(test, scene.address, SHORT).await.unwrap();
            scene.server.sees("connected").await;
            sees_return(version, &mut scene.clients).await;
            // It was held, and comes after what is said again.
            scene.clients.sees("heard meanwhile").await;
            scene.clients.sees("answered meanwhile").await;
            scene.events_flow("after").await;
        }
        // The new server's heartbeats are answered as the old one's were.
        let begun = count(&mut scene.server).await;
        soon("heartbeats", async {
            while count(&mut scene.server).await.heard() < begun.heard() + 5 {
                tokio::time::sleep(SHORT.interval).await;
            }
        })
        .await;
    }
}
