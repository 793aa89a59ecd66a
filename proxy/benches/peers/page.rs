//! `docs/performance.md`, made of the figures; the words that do not depend on them stand in `page.txt`.

use std::path::Path;

use crate::Outcome;
use crate::figures::{Circumstances, Figures, middle};
use crate::options::Scenario;
use crate::table::figure;
use crate::{plot, tables, targets};

const WORDS: &str = include_str!("page.txt");
const COUNTS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/benches/hot_paths/counts.md");
const GIB: f64 = 1_073_741_824.0;
const MILLION: f64 = 1e6;

/// Writes the page and its plot into a folder.
pub(crate) fn write(figures: &Figures, folder: &Path) -> Outcome<()> {
    if let Some(missing) = Scenario::ALL.iter().find(|scenario| !figures.measured.contains_key(scenario)) {
        return Err(format!(
            "the page needs every scenario, and {missing} was not measured (--keep adds to the last run)"
        ));
    }
    let write = |name: &str, text: String| {
        let file = folder.join(name);
        std::fs::write(&file, text).map_err(|error| format!("{}: {error}", file.display()))?;
        println!("written: {}", file.display());
        Ok(())
    };
    write("performance.svg", plot::svg(figures))?;
    write("performance.md", page(figures)?)
}

fn page(figures: &Figures) -> Outcome<String> {
    let mut page = WORDS
        .replace("{{when}}", &when(figures))
        .replace("{{machine}}", &machine(figures))
        .replace("{{versions}}", &versions(figures))
        .replace("{{targets}}", targets::table(figures).markdown().trim_end())
        .replace("{{million}}", &million(figures).unwrap_or_else(|| "The scale test was not done.".to_owned()))
        .replace("{{counts}}", &counts()?);
    for scenario in Scenario::ALL {
        let tables = tables::of_scenario(figures, scenario);
        let parts = tables.iter().map(|table| format!("**{}**\n\n{}", table.title, table.markdown()));
        let failed = figures.failures.iter().filter(|(of, _)| *of == scenario).map(|(_, why)| {
            // The first line says what; the rest is the program's last words.
            format!("Failed: {}.\n", why.lines().next().unwrap_or_default())
        });
        let text = parts.chain(failed).collect::<Vec<_>>().join("\n");
        page = page.replace(&format!("{{{{{scenario}}}}}"), text.trim_end());
    }
    Ok(page)
}

/// Once if it is the same for all scenarios, and otherwise of each.
fn when(figures: &Figures) -> String {
    let said = |how: &Circumstances| format!("{}, at commit {}", how.date, how.commit);
    let mut all = figures.measured.iter();
    let Some((_, first)) = all.next() else { return String::new() };
    if all.all(|(_, how)| said(how) == said(first)) {
        return format!("The subjects of a scenario are measured in one run; all of this on {}.", said(first));
    }
    let each: Vec<String> =
        figures.measured.iter().map(|(scenario, how)| format!("{scenario} {}", said(how))).collect();
    format!("Subjects of a scenario in one run each: {}.", each.join("; "))
}

fn machine(figures: &Figures) -> String {
    let machine = &figures.machine;
    let busy = match machine.load {
        0.0..0.5 => "nothing else ran on it".to_owned(),
        load => format!(
            "other programs ran on it (load average {load:.1} when the bench began): rates and times are worse for it, of all"
        ),
    };
    format!(
        "The machine: {} processors ({}), {:.0} GiB of memory, {}; {busy}. Belay built by {}, release profile.",
        machine.processors,
        machine.processor,
        machine.memory_bytes as f64 / GIB,
        machine.system,
        machine.rustc
    )
}

fn versions(figures: &Figures) -> String {
    let of = |row: &crate::figures::Row| match &row.absent {
        Some(why) => format!("{} (not measured: {why})", row.name),
        None => format!("{} {}", row.name, row.version),
    };
    let is_program =
        |row: &&crate::figures::Row| row.name == "belay" || !(row.name.contains('+') || row.name == "direct");
    let all: Vec<String> = figures.rows.iter().filter(is_program).map(of).collect();
    format!("Versions: {}.", all.join(", "))
}

/// What the figures of the scale test make of ten times as many.
fn million(figures: &Figures) -> Option<String> {
    let scale = figures.scale.as_ref()?;
    let gib = |bytes: f64| bytes * MILLION / GIB;
    let kernel = scale.kernel_bytes_proxied - scale.kernel_bytes_direct;
    let each = scale.clients / scale.belays;
    let of_processes = scale.resident_bytes_in_all - scale.resident_bytes;
    let processors = (scale.user + scale.system) * MILLION / scale.clients as f64;
    let heartbeat_us = middle(&figures.heartbeat, |both| both.heartbeat_us)?;
    let echo_us = middle(&figures.of("belay+filters")?.echo.get(&1_000).cloned()?, |echo| echo.cpu_us())?;
    let heartbeats = MILLION / scale.heartbeat_seconds;
    let messages = MILLION / scale.message_seconds;
    let worst = (heartbeats * heartbeat_us + messages * echo_us) / 1e6;
    Some(format!(
        "\
One machine, or a thousand: nothing is shared between Belays, so that a million is ten times what was measured above.

| what | from | for a million |
|---|---|--:|
| memory of the sessions | {resident} B each | {resident_gib:.2} GiB |
| memory of the processes | {process:.1} MiB for each of {processes:.0} Belays of {each} clients (as many as two files each in 20,000 allow) | {process_gib:.2} GiB |
| kernel memory of Belay's two sockets | {proxied} − {direct} B each | {kernel_gib:.2} GiB |
| **memory, together** | | **{total:.1} GiB** |
| processors, a heartbeat every {heartbeat} s and a message every {message} s | {used:.3} in use for {clients} clients | {processors:.2} |
| the same by the cost of each ({heartbeat_us:.1} µs and {echo_us:.1} µs, under full load) | {heartbeats:.0} heartbeats and {messages:.0} echoes a second | {worst:.2} |

The kernel's part is no proxy's to save: it is what Linux keeps for two more TCP sockets with their files and
their places in epoll. It is found as the difference between a connection with Belay on it and one without, since both ends are on
this machine too. Bytes under way are not in it: an idle socket has none. One process for more clients needs a higher file limit
(`ulimit -n`: two for each, and some hundred), and saves the memory of the processes.",
        resident = figure(scale.resident_bytes),
        resident_gib = gib(scale.resident_bytes),
        process = of_processes * each as f64 / 1_048_576.0,
        processes = (MILLION / each as f64).ceil(),
        process_gib = gib(of_processes),
        proxied = figure(scale.kernel_bytes_proxied),
        direct = figure(scale.kernel_bytes_direct),
        kernel_gib = gib(kernel),
        total = gib(scale.resident_bytes_in_all + kernel),
        heartbeat = scale.heartbeat_seconds,
        message = scale.message_seconds,
        used = scale.user + scale.system,
        clients = figure(scale.clients as f64),
    ))
}

/// What is written down of instructions, without its title.
fn counts() -> Outcome<String> {
    let text = std::fs::read_to_string(COUNTS).map_err(|error| format!("{COUNTS}: {error}"))?;
    let from = text.find("Compiled by ").ok_or_else(|| format!("{COUNTS} does not say what its counts are of"))?;
    Ok(text[from..].trim_end().to_owned())
}
