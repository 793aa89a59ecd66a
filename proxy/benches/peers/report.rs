//! The figures, as a table for people and as JSON for programs.

use std::collections::BTreeMap;
use std::path::Path;

use serde_json::{Map, Value, json};

use crate::Outcome;
use crate::echo::{CONNECTIONS, Echo};
use crate::idle::Idle;
use crate::kill::Kill;
use crate::options::{Options, Scenario};
use crate::reload::Reload;
use crate::subject::Subject;

pub(crate) struct Report {
    scenarios: Vec<Scenario>,
    conditions: Value,
    rows: Vec<Row>,
    reload: Option<Outcome<Reload>>,
}

/// What became of one subject. What failed is said where its figure would stand.
#[derive(Default)]
struct Row {
    name: &'static str,
    idle: Option<Outcome<Idle>>,
    /// By connections; the runs that went well.
    echo: BTreeMap<usize, Vec<Echo>>,
    kill: Option<Outcome<Kill>>,
    failures: Vec<String>,
}

impl Report {
    pub(crate) fn new(options: &Options, subjects: &[Subject]) -> Self {
        let conditions = json!({
            "sessions": options.sessions,
            "clients": options.clients,
            "rounds": options.rounds,
            "echo_seconds": options.echo_time.as_secs(),
            "backend_away_seconds": options.away.as_secs(),
            "processors": std::thread::available_parallelism().map_or(0, usize::from),
        });
        let rows = subjects.iter().map(|subject| Row { name: subject.name, ..Row::default() }).collect();
        let scenarios = [Scenario::Idle, Scenario::Echo, Scenario::Kill, Scenario::Reload];
        Self {
            scenarios: scenarios.into_iter().filter(|scenario| options.does(*scenario)).collect(),
            conditions,
            rows,
            reload: None,
        }
    }

    pub(crate) fn idle(&mut self, subject: &Subject, idle: Outcome<Idle>) {
        let row = self.row(subject, "idle", idle.as_ref().err());
        row.idle = Some(idle);
    }

    pub(crate) fn echo(&mut self, subject: &Subject, connections: usize, echo: Outcome<Echo>) {
        let row = self.row(subject, "echo", echo.as_ref().err());
        row.echo.entry(connections).or_default().extend(echo);
    }

    pub(crate) fn kill(&mut self, subject: &Subject, kill: Outcome<Kill>) {
        let row = self.row(subject, "kill", kill.as_ref().err());
        row.kill = Some(kill);
    }

    /// Of Belay alone: there is nothing to compare it with.
    pub(crate) fn reload(&mut self, reload: Outcome<Reload>) {
        self.reload = Some(reload);
    }

    fn row(&mut self, subject: &Subject, scenario: &str, failure: Option<&String>) -> &mut Row {
        let at = self.rows.iter().position(|row| row.name == subject.name).unwrap_or_default();
        let row = &mut self.rows[at];
        row.failures.extend(failure.map(|failure| format!("{scenario}, {}: {failure}", subject.name)));
        row
    }

    /// Prints and writes everything; fails if any subject failed at anything.
    pub(crate) fn finish(&self) -> Outcome<()> {
        for scenario in &self.scenarios {
            match scenario {
                Scenario::Idle => self.print_idle(),
                Scenario::Echo => CONNECTIONS.iter().for_each(|connections| self.print_echo(*connections)),
                Scenario::Kill => self.print_kill(),
                Scenario::Reload => self.print_reload(),
            }
        }
        self.write()?;
        let reload = self.reload.as_ref().and_then(|reload| reload.as_ref().err());
        let failures = self.rows.iter().flat_map(|row| &row.failures).chain(reload);
        let failures: Vec<&str> = failures.map(String::as_str).collect();
        if failures.is_empty() { Ok(()) } else { Err(format!("some runs failed\n{}", failures.join("\n"))) }
    }

    fn print_idle(&self) {
        println!("\n{} idle sessions      bytes each   after 16 KiB", self.conditions["sessions"]);
        for row in &self.rows {
            if let Some(Ok(idle)) = &row.idle {
                println!("  {:<20} {:>13.0} {:>14.0}", row.name, idle.fresh_bytes, idle.after_message_bytes);
            }
        }
    }

    fn print_echo(&self, connections: usize) {
        println!("\necho, {connections:>4} connections   CPU µs     user   system    echo/s   p50 µs   p99 µs");
        for row in &self.rows {
            if let Some(echo) = row.echo.get(&connections).and_then(|runs| median(runs)) {
                let Echo { user_us, system_us, per_second, p50_us, p99_us } = echo;
                let cpu = user_us + system_us;
                print!("  {:<20} {cpu:>8.2} {user_us:>8.2} {system_us:>8.2}", row.name);
                println!(" {per_second:>9.0} {p50_us:>8.0} {p99_us:>8.0}");
            }
        }
    }

    fn print_kill(&self) {
        println!("\nbackend killed           dropped        heartbeats missed   messages   lost  twice");
        for row in &self.rows {
            if let Some(Ok(kill)) = &row.kill {
                let dropped = format!("{} of {}", kill.dropped, kill.clients);
                print!("  {:<20} {dropped:>15} {:>17}", row.name, kill.heartbeats_missed);
                println!(" {:>10} {:>6} {:>6}", kill.messages, kill.messages_lost, kill.messages_twice);
            }
        }
    }

    fn print_reload(&self) {
        let Some(Ok(reload)) = &self.reload else { return };
        let Reload { clients, dropped, swaps, swap_ms_max, messages, lost, at_rest, swapping } = reload;
        println!(
            "\nfilter replaced {swaps} times, {clients} clients: {dropped} dropped, {messages} messages, {lost} lost"
        );
        println!("  {:<32} {:>8} {:>8}", "time to the answer", "p50 µs", "p99 µs");
        for (when, [p50, p99]) in [("at rest", at_rest), ("while swapping", swapping)] {
            println!("  {when:<32} {p50:>8.0} {p99:>8.0}");
        }
        println!("  the longest swap took {swap_ms_max:.0} ms until all workers had it");
    }

    fn write(&self) -> Outcome<()> {
        let rows: Map<String, Value> = self.rows.iter().map(|row| (row.name.to_owned(), row.json())).collect();
        let report = json!({ "conditions": self.conditions, "results": rows, "reload": self.reload_json() });
        let path = Path::new(env!("CARGO_TARGET_TMPDIR")).with_file_name("bench").join("peers.json");
        let written = path.parent().map_or(Ok(()), std::fs::create_dir_all);
        written
            .and_then(|()| std::fs::write(&path, format!("{report:#}\n")))
            .map_err(|error| format!("{}: {error}", path.display()))?;
        println!("\nall figures: {}", path.display());
        Ok(())
    }
}

impl Report {
    fn reload_json(&self) -> Value {
        let Some(Ok(reload)) = &self.reload else { return Value::Null };
        json!({
            "clients": reload.clients,
            "dropped": reload.dropped,
            "swaps": reload.swaps,
            "swap_ms_max": reload.swap_ms_max,
            "messages": reload.messages,
            "lost": reload.lost,
            "at_rest_us": { "p50": reload.at_rest[0], "p99": reload.at_rest[1] },
            "swapping_us": { "p50": reload.swapping[0], "p99": reload.swapping[1] },
        })
    }
}

impl Row {
    fn json(&self) -> Value {
        let mut row = Map::new();
        if let Some(Ok(idle)) = &self.idle {
            let Idle { fresh_bytes, after_message_bytes } = idle;
            row.insert("idle".into(), json!({ "bytes": fresh_bytes, "bytes_after_message": after_message_bytes }));
        }
        for (connections, runs) in &self.echo {
            let runs: Vec<Value> = runs.iter().map(Echo::json).collect();
            row.insert(format!("echo_{connections}"), runs.into());
        }
        if let Some(Ok(kill)) = &self.kill {
            row.insert(
                "kill".into(),
                json!({
                    "clients": kill.clients,
                    "dropped": kill.dropped,
                    "heartbeats_missed": kill.heartbeats_missed,
                    "messages": kill.messages,
                    "messages_lost": kill.messages_lost,
                    "messages_twice": kill.messages_twice,
                }),
            );
        }
        if !self.failures.is_empty() {
            row.insert("failures".into(), json!(self.failures));
        }
        row.into()
    }
}

impl Echo {
    fn json(&self) -> Value {
        json!({
            "cpu_us": self.user_us + self.system_us,
            "user_us": self.user_us,
            "system_us": self.system_us,
            "per_second": self.per_second,
            "p50_us": self.p50_us,
            "p99_us": self.p99_us,
        })
    }
}

/// Of each figure by itself.
fn median(runs: &[Echo]) -> Option<Echo> {
    let of = |figure: fn(&Echo) -> f64| {
        let mut figures: Vec<f64> = runs.iter().map(figure).collect();
        figures.sort_by(f64::total_cmp);
        figures.get(figures.len() / 2).copied()
    };
    Some(Echo {
        user_us: of(|run| run.user_us)?,
        system_us: of(|run| run.system_us)?,
        per_second: of(|run| run.per_second)?,
        p50_us: of(|run| run.p50_us)?,
        p99_us: of(|run| run.p99_us)?,
    })
}
