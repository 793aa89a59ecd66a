//! The thread: reads the mailbox, keeps the roster's deadlines, watches for storms, and hands on what happened.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::{MissedTickBehavior, interval, sleep};

use super::identities::Joined;
use super::roster::{Happening, Survivors};
use super::{Following, Shared, storm};
use crate::report::Reporter;
use crate::time::Instant;

/// Until the process ends.
pub(super) async fn run(
    shared: Arc<Shared>,
    reporter: Option<(Reporter, Survivors)>,
    mut ended: watch::Receiver<Option<Duration>>,
) {
    let mut seconds = interval(storm::EVERY);
    // Seconds that were missed come as one long one.
    seconds.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let (reporter, survivors) = reporter.unzip();
    let mut last_second = tokio::time::Instant::now();
    let mut teller = Teller { shared: &shared, reporter, merged: 0 };
    teller.recall(&survivors.unwrap_or_default());
    let within = loop {
        tokio::select! {
            now = seconds.tick() => {
                shared.arrivals.handle_second(now - last_second);
                last_second = now;
            }
            () = something_to_do(shared.following.as_ref()) => teller.turn(),
            within = ended.wait_for(Option::is_some) => match within {
                Ok(within) => break within.unwrap_or_default(),
                // Whoever started it was dropped.
                Err(_) => break Duration::ZERO,
            },
        }
    };
    teller.finish(within);
}

/// Ready when there are notes, or when somebody's grace is over.
async fn something_to_do(following: Option<&Following>) {
    let Some(following) = following else { return std::future::pending().await };
    let deadline = following.roster().next_deadline();
    tokio::select! {
        () = following.mailbox.filled() => {}
        () = sleep(deadline.since(Instant::now())), if deadline != Instant::NEVER => {}
    }
}

struct Teller<'t> {
    shared: &'t Shared,
    reporter: Option<Reporter>,
    merged: u64,
}

impl Teller<'_> {
    fn recall(&self, survivors: &Survivors) {
        let Some(following) = &self.shared.following else { return };
        let mut happened = Vec::new();
        following.roster().recall(survivors, Instant::now(), &mut |happening| happened.push(happening));
        self.tell(&happened);
    }

    fn turn(&mut self) {
        let Some(following) = &self.shared.following else { return };
        let mut happened = Vec::new();
        let notes = following.mailbox.take();
        let merged = following.mailbox.merged();
        if merged > self.merged {
            tracing::warn!(changes = merged - self.merged, "clients come and go faster than they can be followed");
            happened.push(Happening::Merged(merged - self.merged));
            self.merged = merged;
        }
        let mut roster = following.roster();
        for note in &notes {
            if roster.handle(note, &mut |happening| happened.push(happening)) == Joined::Back {
                self.shared.arrivals.on_reconnect(&note.route);
            }
        }
        roster.handle_deadlines(Instant::now(), &mut |happening| happened.push(happening));
        drop(roster);
        self.tell(&happened);
    }

    fn tell(&self, happened: &[Happening]) {
        if let (Some(reporter), false) = (&self.reporter, happened.is_empty()) {
            reporter.tell(happened);
        }
    }

    fn finish(mut self, within: Duration) {
        self.turn();
        if let Some(following) = &self.shared.following {
            let mut happened = Vec::new();
            following.roster().handle_end(&mut |happening| happened.push(happening));
            self.tell(&happened);
        }
        if let Some(reporter) = self.reporter.take() {
            reporter.finish(within);
        }
    }
}
