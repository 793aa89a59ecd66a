//! Belay, an echo behind it, and a bystander: what an attack is played before.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use futures_util::SinkExt;
use tokio::sync::{Mutex, MutexGuard, oneshot};
use tungstenite::Message;

use crate::common::backend::{self, Echo};
use crate::common::belay::Belay;
use crate::common::client::{self, Client};
use crate::common::ports;

/// No echo may take longer, whatever happens. Far more than any does: a machine may stand still for a moment.
const ECHO_MAX: Duration = Duration::from_secs(5);
/// Between two echoes.
const PAUSE: Duration = Duration::from_millis(5);
/// Of the quiet before the attack.
const REST: Duration = Duration::from_millis(500);

/// One attack at a time: two at once would be measured together.
static STAGE: Mutex<()> = Mutex::const_new(());

/// See the module.
pub(crate) struct Scene {
    pub(crate) belay: Belay,
    bystander: Client,
    resident: f64,
    echo: Echo,
    theirs: Theirs,
    _alone: MutexGuard<'static, ()>,
}

/// What an attack may change.
#[derive(Default)]
pub(crate) struct Set<'a> {
    /// `limits` of the listener.
    pub(crate) listener: &'a str,
    /// More of the file.
    pub(crate) top: &'a str,
    /// More of the route, indented by four.
    pub(crate) route: &'a str,
    /// Behind the route that attackers take, `/`; without it, an echo of their own.
    pub(crate) backend: Option<SocketAddr>,
}

impl Set<'_> {
    /// The file. The bystander has a route of its own, with the defaults.
    fn yaml(&self, echo: SocketAddr, theirs: SocketAddr) -> String {
        format!(
            "\
listeners:
  - {{ address: '{{listen}}', limits: {{ {} }} }}
admin: {{ address: '{{admin}}' }}
workers: 1
{}
routes:
  - match: {{ path: /bystander }}
    backend: ws://{echo}
  - match: {{ path_prefix: / }}
    backend: ws://{}
{}",
            self.listener,
            self.top,
            self.backend.unwrap_or(theirs),
            self.route
        )
    }
}

impl Scene {
    pub(crate) async fn set(set: Set<'_>) -> Self {
        let alone = STAGE.lock().await;
        let (echo, theirs) = (Echo::start().await, Theirs::start());
        let belay = Belay::start(&set.yaml(echo.address, theirs.address)).await;
        let bystander = client::connect(belay.address, "/bystander").await;
        let resident = belay.metrics().await["process_resident_memory_bytes"];
        Self { belay, bystander, resident, echo, theirs, _alone: alone }
    }

    /// Has it serve by another version of the file.
    pub(crate) async fn change(&self, set: Set<'_>) {
        self.belay.write(&set.yaml(self.echo.address, self.theirs.address));
        assert_eq!(self.belay.post("/config/reload").await.0, 200);
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.belay.address
    }

    /// Has the bystander speak while the attack goes on, and prints what it noticed.
    pub(crate) async fn play<T: Send + 'static>(
        &mut self,
        name: &str,
        attack: impl Future<Output = T> + Send + 'static,
    ) -> T {
        let begun = Instant::now();
        let mut rest = Vec::new();
        while begun.elapsed() < REST {
            rest.push(self.echoes().await);
        }
        let (outcome, mut is_over) = oneshot::channel();
        on_a_thread(async move { drop(outcome.send(attack.await)) });
        let mut attacked = Vec::new();
        let outcome = loop {
            attacked.push(self.echoes().await);
            match is_over.try_recv() {
                Ok(outcome) => break outcome,
                Err(oneshot::error::TryRecvError::Empty) => {}
                Err(oneshot::error::TryRecvError::Closed) => panic!("the attack failed, see above"),
            }
        };
        eprintln!("{name}: a bystander's echoes at rest {}, under attack {}", Figures(rest), Figures(attacked));
        outcome
    }

    /// One echo, which comes in time, and how long it took.
    pub(crate) async fn echoes(&mut self) -> Duration {
        let sent = Instant::now();
        let text = format!("{sent:?}");
        let echo = async {
            self.bystander.send(Message::text(&*text)).await.unwrap();
            client::next_text(&mut self.bystander).await
        };
        let echo = tokio::time::timeout(ECHO_MAX, echo).await;
        assert_eq!(echo.expect("an echo in time"), text);
        let took = sent.elapsed();
        tokio::time::sleep(PAUSE).await;
        took
    }

    /// How much memory it has taken since the start, at its peak.
    pub(crate) fn growth(&self) -> f64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.belay.pid())).unwrap();
        let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
        let kib: f64 = peak.split_whitespace().next().unwrap().parse().unwrap();
        kib * 1024.0 - self.resident
    }

    /// One of its numbers.
    pub(crate) async fn number(&self, name: &str) -> f64 {
        self.belay.metrics().await[name]
    }
}

/// The attackers' echo: what they have it do is not to be the bystander's delay.
struct Theirs {
    address: SocketAddr,
    _running: oneshot::Sender<()>,
}

impl Theirs {
    fn start() -> Self {
        let address = ports::free();
        let (running, stopped) = oneshot::channel();
        on_a_thread(async move {
            tokio::select! {
                () = backend::echo_all(backend::listen(address)) => {}
                // An error is what dropping the other end gives.
                _ = stopped => {}
            }
        });
        Self { address, _running: running }
    }
}

fn on_a_thread(future: impl Future<Output = ()> + Send + 'static) {
    std::thread::spawn(|| {
        tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(future);
    });
}

/// Shown by median, 99th percentile and worst.
struct Figures(Vec<Duration>);

impl std::fmt::Display for Figures {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let mut sorted = self.0.clone();
        sorted.sort_unstable();
        let at = |share: f64| {
            let index = (sorted.len() as f64 * share) as usize;
            sorted.get(index.min(sorted.len().saturating_sub(1))).copied().unwrap_or_default()
        };
        write!(f, "{:.1?} / {:.1?} / {:.1?} (of {})", at(0.5), at(0.99), at(1.0), sorted.len())
    }
}
