//! What is counted of one way, and the table.

use std::time::Duration;

#[derive(Default)]
pub(crate) struct Figures {
    pub(crate) probes: u64,
    pub(crate) mappings_lost: u64,
    pub(crate) false_positives: u64,
    /// From a client's death until the server knew.
    pub(crate) detections: Vec<Duration>,
    /// All sessions together.
    pub(crate) connected: Duration,
}

impl Figures {
    pub(crate) fn probes_per_hour(&self) -> f64 {
        self.probes as f64 / self.hours()
    }

    pub(crate) fn lost_per_day(&self) -> f64 {
        self.mappings_lost as f64 / self.hours() * 24.0
    }

    pub(crate) fn false_positives_per_day(&self) -> f64 {
        self.false_positives as f64 / self.hours() * 24.0
    }

    /// The time in which this share of the dead are found.
    pub(crate) fn detected(&self, share: f64) -> Duration {
        let mut sorted = self.detections.clone();
        sorted.sort_unstable();
        let index = (sorted.len() as f64 * share) as usize;
        sorted.get(index.min(sorted.len().saturating_sub(1))).copied().unwrap_or_default()
    }

    pub(crate) fn row(&self, name: &str) -> Vec<String> {
        vec![
            name.to_owned(),
            format!("{:.1}", self.probes_per_hour()),
            format!("{:.2}", self.lost_per_day()),
            format!("{:.0} s", self.detected(0.5).as_secs_f64()),
            format!("{:.0} s", self.detected(0.99).as_secs_f64()),
            format!("{:.2}", self.false_positives_per_day()),
        ]
    }

    fn hours(&self) -> f64 {
        self.connected.as_secs_f64() / 3_600.0
    }
}

pub(crate) fn heads() -> Vec<String> {
    ["", "probes an hour", "lost to NAT a day", "dead found, p50", "p99", "living taken for dead a day"]
        .map(str::to_owned)
        .to_vec()
}

pub(crate) fn print_row(row: &[String], as_markdown: bool) {
    if as_markdown {
        println!("| {} |", row.join(" | "));
    } else {
        let cells: Vec<String> = row.iter().map(|cell| format!("{cell:>19}")).collect();
        println!("{}", cells.join(" "));
    }
}
