//! All that was measured, as it is kept in a file: tables, targets, plot and page are made of this and of nothing else.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::Outcome;
use crate::accept::Accept;
use crate::echo::Echo;
use crate::filters::FilterCosts;
use crate::heartbeat::Heartbeat;
use crate::idle::Idle;
use crate::kill::Kill;
use crate::machine::Machine;
use crate::options::{Options, Scenario};
use crate::reload::Reload;
use crate::scale::Scale;
use crate::subject::Subject;

/// Figures of a scenario that is measured in rounds, by round: so that two subjects are compared within each.
pub(crate) type Rounds<T> = BTreeMap<u32, T>;

#[derive(Serialize, Deserialize, Default)]
pub(crate) struct Figures {
    pub(crate) machine: Machine,
    pub(crate) measured: BTreeMap<Scenario, Circumstances>,
    /// In the order of the tables.
    pub(crate) rows: Vec<Row>,
    // Of Belay alone.
    pub(crate) filters: Rounds<FilterCosts>,
    pub(crate) heartbeat: Rounds<Heartbeat>,
    /// From the start to ready, in milliseconds.
    pub(crate) start_ms: Vec<f64>,
    pub(crate) reload: Option<Reload>,
    pub(crate) scale: Option<Scale>,
    /// What went wrong, in words.
    pub(crate) failures: Vec<(Scenario, String)>,
}

/// When and how a scenario was measured.
#[derive(Serialize, Deserialize, Clone, PartialEq)]
pub(crate) struct Circumstances {
    pub(crate) date: String,
    pub(crate) commit: String,
    pub(crate) sessions: usize,
    pub(crate) clients: usize,
    pub(crate) rounds: u32,
    pub(crate) echo_seconds: u64,
    pub(crate) away_seconds: u64,
}

/// One subject.
#[derive(Serialize, Deserialize, Default)]
pub(crate) struct Row {
    pub(crate) name: String,
    pub(crate) version: String,
    /// Why it was not measured, if it was not.
    pub(crate) absent: Option<String>,
    pub(crate) idle: Option<Idle>,
    /// By connections.
    pub(crate) echo: BTreeMap<usize, Rounds<Echo>>,
    pub(crate) accept: Rounds<Accept>,
    pub(crate) kill: Option<Kill>,
}

impl Figures {
    /// Nothing yet, but what an earlier run has of the scenarios that this one leaves out, if that is wanted.
    pub(crate) fn begin(options: &Options, subjects: &[Subject]) -> Outcome<Self> {
        let mut figures = if options.keep { Self::read(&file())? } else { Self::default() };
        if options.scenarios().next().is_some() {
            figures.machine = Machine::ours();
        }
        for scenario in options.scenarios() {
            figures.measured.insert(scenario, Circumstances::of(options));
            figures.forget(scenario);
        }
        for subject in subjects {
            let row = figures.row(subject.name);
            row.version = subject.version();
            row.absent = subject.absent().map(str::to_owned);
        }
        Ok(figures)
    }

    fn forget(&mut self, scenario: Scenario) {
        self.failures.retain(|(of, _)| *of != scenario);
        for row in &mut self.rows {
            match scenario {
                Scenario::Idle => row.idle = None,
                Scenario::Echo => row.echo.clear(),
                Scenario::Accept => row.accept.clear(),
                Scenario::Kill => row.kill = None,
                _ => {}
            }
        }
        match scenario {
            Scenario::Filters => self.filters.clear(),
            Scenario::Heartbeat => self.heartbeat.clear(),
            Scenario::Start => self.start_ms.clear(),
            Scenario::Reload => self.reload = None,
            Scenario::Scale => self.scale = None,
            _ => {}
        }
    }

    /// The subject's, made if there is none.
    pub(crate) fn row(&mut self, name: &str) -> &mut Row {
        let at = self.rows.iter().position(|row| row.name == name).unwrap_or_else(|| {
            self.rows.push(Row { name: name.to_owned(), ..Row::default() });
            self.rows.len() - 1
        });
        &mut self.rows[at]
    }

    pub(crate) fn of(&self, name: &str) -> Option<&Row> {
        self.rows.iter().find(|row| row.name == name)
    }

    /// What came of it, or nothing and a note of what went wrong.
    pub(crate) fn took<T>(&mut self, scenario: Scenario, who: &str, outcome: Outcome<T>) -> Option<T> {
        outcome
            .map_err(|why| {
                eprintln!("failed: {scenario}, {who}: {why}");
                self.failures.push((scenario, format!("{who}: {why}")));
            })
            .ok()
    }

    pub(crate) fn read(file: &Path) -> Outcome<Self> {
        let text = std::fs::read_to_string(file).map_err(|error| format!("{}: {error}", file.display()))?;
        serde_json::from_str(&text).map_err(|error| format!("{}: {error}", file.display()))
    }

    pub(crate) fn write(&self) -> Outcome<()> {
        let file = file();
        let written = file.parent().map_or(Ok(()), std::fs::create_dir_all);
        let text = serde_json::to_string_pretty(self).map_err(|error| error.to_string())?;
        written
            .and_then(|()| std::fs::write(&file, text + "\n"))
            .map_err(|error| format!("{}: {error}", file.display()))
    }
}

/// Where they are kept.
pub(crate) fn file() -> PathBuf {
    Path::new(env!("CARGO_TARGET_TMPDIR")).with_file_name("bench").join("peers.json")
}

impl Circumstances {
    fn of(options: &Options) -> Self {
        let said = |program: &str, arguments: &[&str]| {
            let output = std::process::Command::new(program).args(arguments).output().ok();
            output.map(|output| String::from_utf8_lossy(&output.stdout).trim().to_owned()).unwrap_or_default()
        };
        Self {
            date: said("date", &["-u", "+%F"]),
            commit: said("git", &["-C", env!("CARGO_MANIFEST_DIR"), "rev-parse", "--short=10", "HEAD"]),
            sessions: options.sessions,
            clients: options.clients,
            rounds: options.rounds,
            echo_seconds: options.echo_time.as_secs(),
            away_seconds: options.away.as_secs(),
        }
    }
}

/// The middle one; of an even number, the higher of the two.
pub(crate) fn median(figures: impl Iterator<Item = f64>) -> Option<f64> {
    let mut figures: Vec<f64> = figures.collect();
    figures.sort_by(f64::total_cmp);
    figures.get(figures.len() / 2).copied()
}

/// The median of one figure over all rounds.
pub(crate) fn middle<T>(rounds: &Rounds<T>, figure: impl Fn(&T) -> f64) -> Option<f64> {
    median(rounds.values().map(figure))
}

/// The median of the ratios of two subjects, each within a round: a slow minute of the machine is both's.
pub(crate) fn ratio<A, B>(
    ours: &Rounds<A>,
    theirs: &Rounds<B>,
    figure: impl Fn(&A) -> f64,
    their: impl Fn(&B) -> f64,
) -> Option<f64> {
    median(ours.iter().filter_map(|(round, of)| Some(figure(of) / their(theirs.get(round)?))))
}
