//! The tables that are made of the figures: one for each scenario that was measured.

use crate::echo::{CONNECTIONS, Echo};
use crate::figures::{Circumstances, Figures, Row, median, middle};
use crate::kill::Kill;
use crate::options::Scenario;
use crate::table::{NOTHING, Table, figure, maybe};

/// Of one scenario each, in the order of [`Scenario::ALL`].
pub(crate) fn of(figures: &Figures) -> Vec<Table> {
    Scenario::ALL.into_iter().flat_map(|scenario| of_scenario(figures, scenario)).collect()
}

pub(crate) fn of_scenario(figures: &Figures, scenario: Scenario) -> Vec<Table> {
    let Some(how) = figures.measured.get(&scenario) else { return Vec::new() };
    match scenario {
        Scenario::Idle => vec![idle(figures, how)],
        Scenario::Echo => CONNECTIONS.map(|connections| echo(figures, connections)).into(),
        Scenario::Accept => vec![accept(figures)],
        Scenario::Filters => vec![filters(figures)],
        Scenario::Heartbeat => vec![heartbeat(figures)],
        Scenario::Start => vec![start(figures)],
        Scenario::Kill => vec![kill(figures, how)],
        Scenario::Reload => vec![reload(figures)],
        Scenario::Scale => vec![scale(figures)],
    }
}

/// A row for each subject, of those that have one or say why not.
fn compare(table: &mut Table, figures: &Figures, cells: impl Fn(&Row) -> Option<Vec<String>>) {
    let columns = table.head.len() - 1;
    for row in &figures.rows {
        let cells = match (&row.absent, cells(row)) {
            (_, Some(cells)) => cells,
            (Some(why), None) => {
                std::iter::once(format!("not measured: {why}")).chain(vec![NOTHING.to_owned(); columns - 1]).collect()
            }
            (None, None) => continue,
        };
        table.row(std::iter::once(row.name.clone()).chain(cells));
    }
}

fn idle(figures: &Figures, how: &Circumstances) -> Table {
    let title = format!("Idle sessions: {} in one process", figure(how.sessions as f64));
    let mut table = Table::new(title, &["", "sessions", "bytes each", "after 16 KiB each way"]);
    compare(&mut table, figures, |row| {
        let idle = row.idle.as_ref()?;
        Some(vec![figure(idle.sessions as f64), figure(idle.fresh_bytes), figure(idle.after_message_bytes)])
    });
    table
}

fn echo(figures: &Figures, connections: usize) -> Table {
    let title = format!("Echo of 128 bytes: {} connections", figure(connections as f64));
    let mut table = Table::new(title, &["", "CPU µs", "user", "system", "echo/s", "p50 µs", "p99 µs"]);
    compare(&mut table, figures, |row| {
        let rounds = row.echo.get(&connections)?;
        let columns: [fn(&Echo) -> f64; 6] = [
            Echo::cpu_us,
            |echo| echo.user_us,
            |echo| echo.system_us,
            |echo| echo.per_second,
            |echo| echo.p50_us,
            |echo| echo.p99_us,
        ];
        Some(columns.map(|column| maybe(middle(rounds, column))).into())
    });
    table
}

fn accept(figures: &Figures) -> Table {
    let mut table = Table::new("Sessions opened", &["", "a second", "CPU µs each"]);
    compare(&mut table, figures, |row| {
        middle(&row.accept, |accept| accept.per_second)?;
        let columns = [middle(&row.accept, |accept| accept.per_second), middle(&row.accept, |accept| accept.cpu_us)];
        Some(columns.map(maybe).into())
    });
    table
}

fn filters(figures: &Figures) -> Table {
    let mut table = Table::new("One more filter, for each message", &["", "CPU µs an echo with eight", "µs for one"]);
    let all = &figures.filters;
    let rows = [
        ("no filter", middle(all, |costs| costs.none_us), None),
        (
            "that subscribes to no message",
            middle(all, |costs| costs.unsubscribed_us),
            middle(all, |costs| costs.of_unsubscribed_us()),
        ),
        (
            "that subscribes to messages without payload",
            middle(all, |costs| costs.without_payload_us),
            middle(all, |costs| costs.of_listening_us()),
        ),
    ];
    for (name, echo, one) in rows {
        table.row([name.to_owned(), maybe(echo), maybe(one)]);
    }
    table
}

fn heartbeat(figures: &Figures) -> Table {
    let mut table = Table::new("A heartbeat answered at the edge", &["", "CPU µs"]);
    table.row(["an echo".to_owned(), maybe(middle(&figures.heartbeat, |both| both.echo_us))]);
    table.row(["a heartbeat".to_owned(), maybe(middle(&figures.heartbeat, |both| both.heartbeat_us))]);
    table
}

fn start(figures: &Figures) -> Table {
    let mut table = Table::new("From start to ready, three filters in the cache", &["", "ms"]);
    let all = || figures.start_ms.iter().copied();
    table.row(["the median of eleven".to_owned(), maybe(median(all()))]);
    table.row(["the longest".to_owned(), maybe(all().max_by(f64::total_cmp))]);
    table
}

fn kill(figures: &Figures, how: &Circumstances) -> Table {
    let head = [
        "",
        "clients",
        "dropped",
        "heartbeats missed",
        "their p99 ms before, away, after",
        "messages",
        "lost",
        "all back after ms",
        "dials/s at most, away, after",
        "CPUs at most before, away, after",
    ];
    let title = format!("The backend killed, and back after {} s", how.away_seconds);
    let mut table = Table::new(title, &head);
    compare(&mut table, figures, |row| {
        let Kill { heartbeat_p99_ms: p99, cpu_peak: cpu, .. } = row.kill.as_ref()?;
        let kill = row.kill.as_ref()?;
        let list = |figures: &[f64]| figures.iter().map(|&value| figure(value)).collect::<Vec<_>>().join(" · ");
        Some(vec![
            figure(kill.clients as f64),
            figure(kill.dropped as f64),
            format!("{} of {}", figure(kill.heartbeats_missed as f64), figure(kill.heartbeats as f64)),
            list(&[p99.before, p99.away, p99.after]),
            figure(kill.messages as f64),
            figure(kill.messages_lost as f64),
            if kill.dropped == kill.clients { NOTHING.to_owned() } else { maybe(kill.back_ms) },
            kill.dials_peak.map_or_else(|| NOTHING.to_owned(), |dials| list(&[dials.away, dials.after])),
            list(&[cpu.before, cpu.away, cpu.after]),
        ])
    });
    table
}

fn reload(figures: &Figures) -> Table {
    let mut table = Table::new("A filter replaced twenty times", &["", "p50 µs", "p99 µs"]);
    let Some(reload) = &figures.reload else { return table };
    table.title = format!(
        "A filter replaced {} times: of {} clients {} dropped, of {} messages {} lost; the longest swap took {:.0} ms",
        reload.swaps, reload.clients, reload.dropped, reload.messages, reload.lost, reload.swap_ms_max
    );
    for (when, times) in [("at rest", reload.at_rest), ("while swapping", reload.swapping)] {
        table.row(std::iter::once(when.to_owned()).chain(times.map(figure)));
    }
    table
}

fn scale(figures: &Figures) -> Table {
    let mut table = Table::new("Scale", &["", "measured"]);
    let Some(scale) = &figures.scale else { return table };
    table.title = format!("Scale: {} clients on {} Belays side by side", figure(scale.clients as f64), scale.belays);
    let mut row = |name: &str, value: String| table.row([name.to_owned(), value]);
    row("clients still there at the end", figure(scale.held as f64));
    row("resident memory of Belay, bytes a client", figure(scale.resident_bytes));
    row("the same with all that the processes are", figure(scale.resident_bytes_in_all));
    row("kernel memory, bytes a connection without a proxy (two sockets)", figure(scale.kernel_bytes_direct));
    row("kernel memory, bytes a connection through Belay (four sockets)", figure(scale.kernel_bytes_proxied));
    row("memory of the machine, clients and backends included, bytes a client", figure(scale.machine_bytes));
    row("heartbeats, each every", format!("{} s", scale.heartbeat_seconds));
    row("messages, each every", format!("{} s", scale.message_seconds));
    row("processors in use by all Belays", format!("{:.3}", scale.user + scale.system));
    row("heartbeats answered", format!("{} of {}", figure(scale.answered as f64), figure(scale.heartbeats as f64)));
    row("messages echoed", format!("{} of {}", figure(scale.echoed as f64), figure(scale.messages as f64)));
    let times = |p50, p99| format!("{} · {}", figure(p50), figure(p99));
    row("time to the answer to a heartbeat, p50 · p99 ms", times(scale.heartbeat_p50_ms, scale.heartbeat_p99_ms));
    row("time to an echo, p50 · p99 ms", times(scale.echo_p50_ms, scale.echo_p99_ms));
    table
}
