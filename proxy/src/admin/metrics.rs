//! Numbers as Prometheus reads them: the text format 0.0.4
//! (<https://prometheus.io/docs/instrumenting/exposition_formats/>). Every family that is exported is a constant with its
//! help, and `docs/metrics.md` is made of the same constants.

use std::fmt::Write;
use std::sync::Arc;

use super::{config, exports, filters, memory, process, traffic};
use crate::dataplane::ledger::Counters;
use crate::{clients, report, telemetry, tls};

/// What the answer calls itself.
pub(super) const CONTENT_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

/// What numbers of one name have in common. Names, labels and meanings are stable.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Family {
    /// With its unit, and `_total` if it only ever grows.
    pub name: &'static str,
    /// Counter or gauge.
    pub kind: Kind,
    /// Names of its labels, in their order.
    pub labels: &'static [&'static str],
    /// One sentence.
    pub help: &'static str,
}

/// How a number moves.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Kind {
    /// Only up, until the process ends.
    Counter,
    /// Up and down.
    Gauge,
    /// How many were at most so much: one series for each bound, their sum and their count.
    Histogram,
}

/// What is said of a histogram in one of its series.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Part {
    /// The number itself, of what is not a histogram.
    Whole,
    /// So many were at most the bound, which is the value of the last label, `le`.
    Bucket,
    /// All together.
    Sum,
    /// How many there were.
    Count,
}

/// One number.
#[derive(Clone, PartialEq, Debug)]
pub struct Sample {
    /// What it is.
    pub family: &'static Family,
    /// Which of its numbers.
    pub part: Part,
    /// Values of the family's labels, in their order.
    pub labels: Vec<String>,
    /// Now.
    pub value: f64,
}

/// Gives numbers when asked. On the admin thread, or on that which sends them by OTLP; must not block for long.
pub type Source = Box<dyn Fn() -> Vec<Sample> + Send + Sync>;

impl Family {
    /// A family that only grows.
    pub const fn counter(name: &'static str, labels: &'static [&'static str], help: &'static str) -> Self {
        Self { name, kind: Kind::Counter, labels, help }
    }

    /// A family that goes up and down.
    pub const fn gauge(name: &'static str, labels: &'static [&'static str], help: &'static str) -> Self {
        Self { name, kind: Kind::Gauge, labels, help }
    }

    /// A family of histograms; `le` stands last among its labels.
    pub const fn histogram(name: &'static str, labels: &'static [&'static str], help: &'static str) -> Self {
        Self { name, kind: Kind::Histogram, labels, help }
    }

    /// Its name and unit (UCUM) by OTLP, where the unit stands apart and the kind says what only grows. What makes a Prometheus
    /// name of it again (OpenTelemetry's "Prometheus and OpenMetrics Compatibility") arrives at this name.
    pub fn otlp(&self) -> (&'static str, &'static str) {
        let name = self.name.strip_suffix("_total").unwrap_or(self.name);
        let units = [("_seconds", "s"), ("_bytes", "By")];
        let with_unit = units.iter().find_map(|(suffix, unit)| Some((name.strip_suffix(suffix)?, *unit)));
        with_unit.unwrap_or((name, ""))
    }

    /// One number of this family.
    pub fn sample(&'static self, labels: &[&str], value: f64) -> Sample {
        self.part(Part::Whole, labels, value)
    }

    /// One number of a histogram of this family.
    pub fn part(&'static self, part: Part, labels: &[&str], value: f64) -> Sample {
        Sample { family: self, part, labels: labels.iter().map(|&label| label.to_owned()).collect(), value }
    }
}

impl Kind {
    fn label(self) -> &'static str {
        match self {
            Self::Counter => "counter",
            Self::Gauge => "gauge",
            Self::Histogram => "histogram",
        }
    }
}

impl Part {
    fn suffix(self) -> &'static str {
        match self {
            Self::Whole => "",
            Self::Bucket => "_bucket",
            Self::Sum => "_sum",
            Self::Count => "_count",
        }
    }
}

/// Everything that has numbers. There is one, and whoever shows numbers shows these.
pub struct Numbers {
    /// One for each worker.
    pub workers: Vec<Arc<Counters>>,
    /// What leaves over OTLP, and what the log left out.
    pub telemetry: Arc<telemetry::Counts>,
    /// Filters, breakers, clients and others.
    pub more: Vec<Source>,
}

impl Numbers {
    /// As they are now.
    pub fn samples(&self) -> Vec<Sample> {
        let mut samples = traffic::workers(&self.workers);
        samples.extend(exports::samples(&self.telemetry));
        samples.extend(self.more.iter().flat_map(|source| source()));
        samples.extend(process::samples());
        samples
    }
}

/// Samples of one family stand together, under its help and type, in the order in which the families first came.
pub(super) fn render(mut samples: Vec<Sample>) -> String {
    let mut order: Vec<&str> = Vec::new();
    for sample in &samples {
        if !order.contains(&sample.family.name) {
            order.push(sample.family.name);
        }
    }
    samples.sort_by_key(|sample| order.iter().position(|name| *name == sample.family.name));
    let mut text = String::with_capacity(samples.len() * 64);
    let mut last = "";
    for Sample { family, part, labels, value } in &samples {
        // Writing to a string does not fail.
        if family.name != last {
            last = family.name;
            let _ = writeln!(text, "# HELP {} {}", family.name, family.help);
            let _ = writeln!(text, "# TYPE {} {}", family.name, family.kind.label());
        }
        text.push_str(family.name);
        text.push_str(part.suffix());
        let pairs = family.labels.iter().zip(labels);
        for (index, (name, value)) in pairs.enumerate() {
            text.push(if index == 0 { '{' } else { ',' });
            let _ = write!(text, "{name}=\"");
            escape(value, &mut text);
            text.push('"');
        }
        // A histogram's sum and count lack its last label, which may be its only one.
        let end = if labels.is_empty() { "" } else { "}" };
        let _ = writeln!(text, "{end} {value}");
    }
    text
}

fn escape(value: &str, text: &mut String) {
    for letter in value.chars() {
        match letter {
            '\\' => text.push_str("\\\\"),
            '"' => text.push_str("\\\""),
            '\n' => text.push_str("\\n"),
            letter => text.push(letter),
        }
    }
}

/// Everything that is exported, by whose numbers they are.
pub(super) fn families() -> [(&'static str, Vec<Family>); 9] {
    [
        ("Traffic", traffic::families()),
        ("Clients", clients::FAMILIES.to_vec()),
        ("Reports", report::FAMILIES.to_vec()),
        ("Filters", filters::FAMILIES.to_vec()),
        ("TLS", tls::FAMILIES.to_vec()),
        ("Configuration", config::FAMILIES.to_vec()),
        ("Telemetry", exports::FAMILIES.to_vec()),
        ("Memory budget", memory::FAMILIES.to_vec()),
        ("Process", process::FAMILIES.to_vec()),
    ]
}

/// The page `docs/metrics.md`.
pub fn documentation() -> String {
    let mut page = String::from(
        "# Metrics\n\nThe admin port answers `/metrics` in Prometheus' text format. Names, labels and meanings below are \
         stable. This page is made from the code; a test fails when it is not current.\n\nFor each direction, at all \
         times: `accepted = delivered + held + consumed + lost`, summed over reasons.\n\nUnits are seconds and bytes, and stand \
         in the names; what has none counts things. Labels have few values: names out of the configuration (`route`, \
         `filter`, `backend`, `certificate`), words out of this program, and what filters name themselves (`breaker`, `name`), \
         of which the [host](filters.md) admits only so many. No label says anything of a single client.\n\n## By OTLP\n\n\
         With `telemetry.otlp.signals: [traces, metrics]`, or `OTEL_METRICS_EXPORTER=otlp`, all of these go to the collector \
         too, every `telemetry.otlp.metrics_every` (60 s) and once more at the end, with the resource of the \
         [traces](tracing.md#the-resource). OTLP has units apart from names, so `_seconds` and `_bytes` at the end of a name \
         become the unit `s` or `By`, and `_total` falls away: `belay_filter_call_seconds` is `belay_filter_call` in `s`, \
         `belay_sessions_opened_total` is `belay_sessions_opened`. A Prometheus that takes OTLP makes the names below of them \
         again. Counters are monotonic sums, cumulative since the start; histograms are histograms, with the same bounds. An \
         export that fails is not made again, as the next one says as much; it is counted below and logged at most once a \
         minute.\n",
    );
    for (room, families) in families() {
        let _ = write!(page, "\n## {room}\n\n| name | type | labels | meaning |\n|---|---|---|---|\n");
        for Family { name, kind, labels, help } in families {
            let labels = labels.iter().map(|label| format!("`{label}`")).collect::<Vec<_>>().join(", ");
            let _ = writeln!(page, "| `{name}` | {} | {labels} | {help} |", kind.label());
        }
    }
    page
}
