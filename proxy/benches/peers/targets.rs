//! Where Belay wants to be, and whether it is there: each target beside its figure. Where it is another proxy, it is that
//! proxy in the same run.

use crate::accept::Accept;
use crate::echo::{CONNECTIONS, Echo};
use crate::figures::{Figures, Rounds, Row, median, middle, ratio};
use crate::table::{NOTHING, Table, figure};

/// Bytes of an idle session with three filters.
const IDLE_BYTES: f64 = 2_000.0;
/// What a message may leave behind.
const AFTER_MESSAGE: f64 = 1.05;
const CPU_TO_NGINX: f64 = 1.0;
const CPU_WITH_FILTERS_TO_NGINX: f64 = 1.25;
const FILTER_US: f64 = 0.35;
/// What is less cannot be told from nothing by processor time: a tick of it is 10 ms.
const NOTHING_US: f64 = 0.05;
const HEARTBEAT_TO_ECHO: f64 = 0.6;
const START_MS: f64 = 50.0;
const BACK_MS: f64 = 2_000.0;

const PEERS: [&str; 5] = ["nginx", "haproxy", "envoy", "caddy", "pushpin"];

struct Target {
    what: String,
    target: String,
    /// Nothing where it was not measured.
    figure: Option<(String, Verdict)>,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Verdict {
    Met,
    NotMet,
}

impl From<bool> for Verdict {
    fn from(met: bool) -> Self {
        if met { Self::Met } else { Self::NotMet }
    }
}

pub(crate) fn table(figures: &Figures) -> Table {
    let mut table = Table::new("Targets", &["", "target", "measured", ""]);
    let all = [memory(figures), processor(figures), rates(figures), filters(figures), holding(figures)];
    for Target { what, target, figure } in all.into_iter().flatten() {
        let (figure, verdict) = match figure {
            Some((figure, Verdict::Met)) => (figure, "met"),
            Some((figure, Verdict::NotMet)) => (figure, "**not met**"),
            None => (NOTHING.to_owned(), "not measured"),
        };
        table.row([what, target, figure, verdict.to_owned()]);
    }
    table
}

impl Target {
    fn new(what: impl Into<String>, target: impl Into<String>, figure: Option<(String, Verdict)>) -> Self {
        Self { what: what.into(), target: target.into(), figure }
    }

    /// Met at this or less.
    fn at_most(what: impl Into<String>, most: f64, unit: &str, value: Option<f64>) -> Self {
        let with_unit = |value: f64| format!("{}{unit}", figure(value));
        Self::new(what, format!("≤ {}", with_unit(most)), value.map(|value| (with_unit(value), (value <= most).into())))
    }
}

fn memory(figures: &Figures) -> Vec<Target> {
    let idle = figures.of("belay+filters").and_then(|row| row.idle.as_ref());
    let after = idle.map(|idle| idle.after_message_bytes / idle.fresh_bytes);
    vec![
        Target::at_most(
            "memory of an idle session, three filters",
            IDLE_BYTES,
            " B",
            idle.map(|idle| idle.fresh_bytes),
        ),
        Target::at_most("the same after 16 KiB each way, 20 s later", AFTER_MESSAGE, " × idle", after),
    ]
}

fn echoes<'a>(figures: &'a Figures, name: &str, connections: usize) -> Option<&'a Rounds<Echo>> {
    figures.of(name)?.echo.get(&connections).filter(|rounds| !rounds.is_empty())
}

fn processor(figures: &Figures) -> Vec<Target> {
    let mut targets = Vec::new();
    for connections in CONNECTIONS {
        let to = |ours: &str, theirs: &str| {
            let (ours, theirs) = (echoes(figures, ours, connections)?, echoes(figures, theirs, connections)?);
            ratio(ours, theirs, Echo::cpu_us, Echo::cpu_us)
        };
        let at = format!("{} connections", figure(connections as f64));
        targets.extend([
            Target::at_most(
                format!("CPU of an echo, no filters, {at}"),
                CPU_TO_NGINX,
                " × nginx",
                to("belay", "nginx"),
            ),
            Target::at_most(
                format!("with three filters that look at each message, {at}"),
                CPU_WITH_FILTERS_TO_NGINX,
                " × nginx",
                to("belay+filters", "nginx"),
            ),
            Target::at_most(
                format!("with them, beside Envoy without any, {at}"),
                1.0,
                " × envoy",
                to("belay+filters", "envoy"),
            ),
        ]);
    }
    targets
}

/// Who of the peers is best at something, by its median.
fn best(figures: &Figures, better: fn(f64, f64) -> bool, of: impl Fn(&Row) -> Option<f64>) -> Option<(&str, f64)> {
    let peers = figures.rows.iter().filter(|row| PEERS.contains(&row.name.as_str()));
    let figures = peers.filter_map(|row| Some((row.name.as_str(), of(row)?)));
    figures.reduce(|best, next| if better(next.1, best.1) { next } else { best })
}

fn rates(figures: &Figures) -> Vec<Target> {
    let mut targets = Vec::new();
    for connections in CONNECTIONS {
        let of = |figure: fn(&Echo) -> f64| move |row: &Row| middle(row.echo.get(&connections)?, figure);
        let beside = |figure_of: fn(&Echo) -> f64, better: fn(f64, f64) -> bool, unit: &str| {
            let ours = of(figure_of)(figures.of("belay")?)?;
            let (name, theirs) = best(figures, better, of(figure_of))?;
            let said = format!("{}{unit} ({name} {}{unit})", figure(ours), figure(theirs));
            Some((said, (!better(theirs, ours)).into()))
        };
        targets.push(Target::new(
            format!("echo/s, {} connections", figure(connections as f64)),
            "best of all",
            beside(|echo| echo.per_second, |one, other| one > other, ""),
        ));
        targets.push(Target::new(
            format!("p99, {} connections", figure(connections as f64)),
            "best of all",
            beside(|echo| echo.p99_us, |one, other| one < other, " µs"),
        ));
    }
    let accepted = |accept: &Accept| accept.per_second;
    let accepts = figures.of("belay+jwt").zip(figures.of("nginx"));
    let to_nginx = accepts.and_then(|(ours, theirs)| ratio(&ours.accept, &theirs.accept, accepted, accepted));
    let said = to_nginx.map(|ratio| (format!("{} × nginx", figure(ratio)), (ratio >= 1.0).into()));
    targets.push(Target::new("sessions opened a second, with auth-jwt (ES256)", "≥ 1.00 × nginx without", said));
    targets
}

fn filters(figures: &Figures) -> Vec<Target> {
    let unsubscribed = middle(&figures.filters, |costs| costs.of_unsubscribed_us());
    let heartbeat = middle(&figures.heartbeat, |both| both.heartbeat_us / both.echo_us);
    vec![
        Target::at_most(
            "one more filter that subscribes to messages without payload, a message",
            FILTER_US,
            " µs",
            middle(&figures.filters, |costs| costs.of_listening_us()),
        ),
        Target::new(
            "one more filter that subscribes to no message",
            "0 (counted: [hot paths](#hot-paths-in-instructions))",
            unsubscribed.map(|us| (format!("{us:.3} µs"), (us <= NOTHING_US).into())),
        ),
        Target::at_most("CPU of a heartbeat answered at the edge", HEARTBEAT_TO_ECHO, " × echo", heartbeat),
        Target::at_most(
            "start to ready, filters from the cache",
            START_MS,
            " ms",
            median(figures.start_ms.iter().copied()),
        ),
    ]
}

fn holding(figures: &Figures) -> Vec<Target> {
    let kill = figures.of("belay").and_then(|row| row.kill.as_ref());
    let clients = kill.map_or(0, |kill| kill.clients);
    let none =
        |count: u64, of: u64| (format!("{} of {}", figure(count as f64), figure(of as f64)), (count == 0).into());
    vec![
        Target::new(
            format!("clients dropped when the backend of {} is killed", figure(clients as f64)),
            "none",
            kill.map(|kill| none(kill.dropped as u64, kill.clients as u64)),
        ),
        Target::new(
            "heartbeats that had no answer in that time",
            "none",
            kill.map(|kill| none(kill.heartbeats_missed, kill.heartbeats)),
        ),
        Target::at_most(
            "all bound again, from the backend's return",
            BACK_MS,
            " ms",
            kill.and_then(|kill| kill.back_ms),
        ),
    ]
}
