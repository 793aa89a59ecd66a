//! Sessions that have nothing to do with what goes on beside them, one on each of two workers.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use futures_util::SinkExt;
use futures_util::future::{Either, join, select};

use crate::common::client::{self, Client};
use crate::guest::Guest;

/// What a bystander does not notice. A worker that takes longer has stood still; and this machine may be busy.
pub(crate) struct Bounds {
    slowest: Duration,
    /// Half of the answers are sooner.
    median: Duration,
}

/// Where what a filter may take at once is 10 ms.
pub(crate) const OF_SHORT_CALLS: Bounds =
    Bounds { slowest: Duration::from_secs(5), median: Duration::from_millis(250) };
/// Where it is a second, and twenty of its sessions may come before.
pub(crate) const OF_LONG_CALLS: Bounds = Bounds { slowest: Duration::from_secs(30), median: Duration::from_secs(1) };

/// Between two messages of one of them.
const PAUSE: Duration = Duration::from_millis(3);

/// A filter that puts in each message's place how many its instance has seen: it tells workers apart, and an instance that
/// was lost would begin anew.
pub(crate) fn honest() -> Guest {
    Guest::counting_together('n')
}

/// See the module.
pub(crate) struct Bystanders {
    one: Bystander,
    other: Bystander,
    bounds: Bounds,
}

struct Bystander {
    client: Client,
    /// Of its instance, when it was last heard of.
    count: u64,
}

impl Bystanders {
    pub(crate) async fn arrive(address: SocketAddr, bounds: Bounds) -> Self {
        let mut one = Bystander::arrive(address).await;
        for _ in 0..3 {
            one.speaks().await;
        }
        for _ in 0..200 {
            let mut other = Bystander::arrive(address).await;
            other.speaks().await;
            if other.count != one.count + 1 {
                return Self { one, other, bounds };
            }
            one.count = other.count;
        }
        panic!("two hundred clients came to one of two workers");
    }

    /// Both speak until `meanwhile` is over.
    pub(crate) async fn watch<T>(&mut self, what: &str, meanwhile: impl Future<Output = T>) -> T {
        let mut times = (Vec::new(), Vec::new());
        let speaking = join(self.one.keeps_speaking(&mut times.0), self.other.keeps_speaking(&mut times.1));
        let outcome = match select(std::pin::pin!(meanwhile), std::pin::pin!(speaking)).await {
            Either::Left((outcome, _)) => outcome,
            Either::Right(_) => unreachable!("they never stop"),
        };
        // An answer may be on its way still.
        self.one.catches_up(self.bounds.slowest).await;
        self.other.catches_up(self.bounds.slowest).await;
        let (one, other) = (Times::of(times.0), Times::of(times.1));
        eprintln!("{what:<44} one worker {one}   the other {other}");
        for times in [one, other] {
            assert!(
                times.max < self.bounds.slowest && times.p50 < self.bounds.median,
                "{what}: a bystander noticed: {times}"
            );
        }
        outcome
    }

    pub(crate) async fn leave(mut self) {
        for bystander in [&mut self.one, &mut self.other] {
            bystander.client.close(None).await.unwrap();
            client::closed(&mut bystander.client).await;
        }
    }
}

impl Bystander {
    async fn arrive(address: SocketAddr) -> Self {
        Self { client: client::connect(address, "/bystanders").await, count: 0 }
    }

    async fn speaks(&mut self) {
        self.client.send("x".into()).await.unwrap();
        self.hears().await;
    }

    async fn hears(&mut self) {
        let text = client::next_text(&mut self.client).await;
        let count = text.strip_prefix('n').and_then(|count| count.parse().ok()).unwrap();
        assert!(count > self.count, "the honest filter's instance was lost: {count} after {}", self.count);
        self.count = count;
    }

    async fn keeps_speaking(&mut self, times: &mut Vec<Duration>) {
        loop {
            let begun = Instant::now();
            self.speaks().await;
            times.push(begun.elapsed());
            tokio::time::sleep(PAUSE).await;
        }
    }

    /// Hears all that it said: says something of its own kind, and waits for its answer.
    async fn catches_up(&mut self, slowest: Duration) {
        self.client.send("last".into()).await.unwrap();
        let deadline = Instant::now() + slowest;
        // At most one answer was on its way.
        self.hears().await;
        let late = tokio::time::timeout(Duration::from_millis(20), self.hears()).await;
        assert!(late.is_err() || Instant::now() < deadline);
    }
}

struct Times {
    count: usize,
    p50: Duration,
    p99: Duration,
    max: Duration,
}

impl Times {
    fn of(mut times: Vec<Duration>) -> Self {
        times.sort_unstable();
        let at = |percent: usize| times.get(times.len() * percent / 100).or(times.last()).copied().unwrap_or_default();
        Self { count: times.len(), p50: at(50), p99: at(99), max: at(100) }
    }
}

impl std::fmt::Display for Times {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:>5} answers, p50 {:>8.1?} p99 {:>8.1?} max {:>8.1?}", self.count, self.p50, self.p99, self.max)
    }
}
