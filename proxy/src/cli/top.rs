//! `belay top`: a running Belay, live in a terminal. What it shows is `/metrics`, `/drain` and a page of `/sessions`.

use std::io::{IsTerminal, Read, Write, stdin, stdout};
use std::process::ExitCode;
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

use clap::Args;
use http::Method;
use serde_json::Value;
use termion::raw::IntoRawMode;
use termion::screen::IntoAlternateScreen;

use super::admin::{Port, Reach, query};
use super::numbers::Numbers;
use super::sessions::sessions_table;
use super::table::{bytes, short, table};

/// Show connections, traffic, backends, filters and sessions, live.
///
/// Keys: n and p turn pages of sessions, s goes through their states, q ends it.
#[derive(Args)]
pub(super) struct Top {
    /// Seconds between two looks.
    #[arg(long, default_value_t = 2, value_parser = clap::value_parser!(u64).range(1..=3600))]
    every: u64,
    #[command(flatten)]
    reach: Reach,
}

/// Which sessions are shown.
#[derive(Default)]
struct Shown {
    /// Where each page up to this one begins; the first has no beginning.
    pages: Vec<String>,
    /// Where the next begins, if there is one.
    next: Option<String>,
    /// An index into [`STATES`].
    state: usize,
}

/// The port at one moment.
struct Look {
    phase: String,
    numbers: Numbers,
    sessions: Vec<Value>,
}

/// What the sessions shown may be; empty: any.
const STATES: [&str; 4] = ["", "connected", "holding", "closing"];
const ALL: (&str, &str) = ("", "");

/// Until it is told to end.
pub(super) fn run(top: &Top) -> Result<ExitCode, String> {
    let port = top.reach.port()?;
    if !stdout().is_terminal() || !stdin().is_terminal() {
        return Err("this needs a terminal; without one there are 'belay sessions list' and /metrics".to_owned());
    }
    let cannot = |error: std::io::Error| format!("cannot use the terminal: {error}");
    let screen = stdout().into_raw_mode().and_then(IntoAlternateScreen::into_alternate_screen);
    let mut screen = screen.map_err(cannot)?;
    let keys = keys();
    let (mut shown, mut before) = (Shown::default(), None);
    loop {
        let (width, height) = termion::terminal_size().unwrap_or((80, 24));
        let looked = look(&port, &mut shown, height);
        let lines = match &looked {
            Ok(look) => frame(&port, look, before.as_ref(), &shown),
            Err(error) => vec![format!("belay at {}", port.authority()), String::new(), error.clone()],
        };
        draw(&mut screen, &lines, width, height).map_err(cannot)?;
        before = looked.ok().map(|look| look.numbers);
        match keys.recv_timeout(Duration::from_secs(top.every)) {
            Ok(b'q' | 3 | 27) => return Ok(ExitCode::SUCCESS),
            Ok(key) => shown.handle_key(key),
            Err(std::sync::mpsc::RecvTimeoutError::Timeout) => {}
            Err(std::sync::mpsc::RecvTimeoutError::Disconnected) => return Ok(ExitCode::SUCCESS),
        }
    }
}

/// Each key as it is pressed.
fn keys() -> Receiver<u8> {
    let (keys, pressed) = channel();
    std::thread::spawn(move || {
        for key in stdin().lock().bytes().map_while(Result::ok) {
            if keys.send(key).is_err() {
                return;
            }
        }
    });
    pressed
}

impl Shown {
    fn handle_key(&mut self, key: u8) {
        match key {
            b'n' => self.pages.extend(self.next.take()),
            b'p' => drop(self.pages.pop()),
            b's' => {
                self.state = (self.state + 1) % STATES.len();
                self.pages.clear();
            }
            _ => {}
        }
    }
}

fn look(port: &Port, shown: &mut Shown, height: u16) -> Result<Look, String> {
    let numbers = Numbers::read(&port.text(&Method::GET, "/metrics")?, Instant::now());
    let drain = port.ask(&Method::GET, "/drain")?;
    let state = STATES[shown.state];
    let parameters = [
        ("limit", Some(height.max(10).to_string())),
        ("state", (!state.is_empty()).then(|| state.to_owned())),
        ("after", shown.pages.last().cloned()),
    ];
    let page = port.ask(&Method::GET, &format!("/sessions{}", query(&parameters)))?;
    shown.next = page["next"].as_str().map(str::to_owned);
    Ok(Look {
        phase: drain["state"].as_str().unwrap_or_default().to_owned(),
        numbers,
        sessions: page["sessions"].as_array().cloned().unwrap_or_default(),
    })
}

/// The lines to show, whatever the terminal's size.
fn frame(port: &Port, look: &Look, before: Option<&Numbers>, shown: &Shown) -> Vec<String> {
    let now = &look.numbers;
    let rate = |name: &str, wanted| before.map_or(0.0, |before| now.rate(before, name, wanted));
    let total = |name: &str| short(now.sum(name, ALL));
    let flow = |direction: &'static str| {
        let wanted = ("direction", direction);
        let messages = short(rate("belay_messages_accepted_total", wanted));
        format!("{messages}/s, {}/s", bytes(rate("belay_payload_accepted_bytes_total", wanted)))
    };
    let mut lines = vec![
        format!(
            "belay at {}: {}   {}% of a processor, {}   n p s q",
            port.authority(),
            look.phase,
            short(rate("process_cpu_seconds_total", ALL) * 100.0),
            bytes(now.sum("process_resident_memory_bytes", ALL)),
        ),
        String::new(),
        format!(
            "sessions    {} open, {} holding   {}/s opened",
            total("belay_sessions"),
            total("belay_sessions_holding"),
            short(rate("belay_sessions_opened_total", ALL)),
        ),
        format!("messages    to backends {}   to clients {}", flow("to_backend"), flow("to_client")),
        format!(
            "            {} held ({}), {} lost",
            total("belay_messages_held"),
            bytes(now.sum("belay_payload_held_bytes", ALL)),
            total("belay_messages_lost_total"),
        ),
        format!(
            "heartbeats  {}/s answered   {} clients found dead",
            short(rate("belay_heartbeats_answered_total", ALL)),
            short(now.sum("belay_clients_dead_total", ALL) + now.sum("belay_clients_silent_total", ALL)),
        ),
        String::new(),
    ];
    let backends = now.of("belay_backend_up").map(|series| {
        let wanted = ("backend", series.label("backend"));
        let dials = |name| short(now.sum(name, wanted));
        let state = if series.value == 1.0 { "up" } else { "away" };
        [
            wanted.1.to_owned(),
            state.to_owned(),
            dials("belay_backend_dials_total"),
            dials("belay_backend_dials_failed_total"),
        ]
    });
    lines.extend(table(["BACKEND", "STATE", "DIALS", "FAILED"], backends).lines().map(str::to_owned));
    let mut filters = now.of("belay_filter_calls_total").peekable();
    if filters.peek().is_some() {
        lines.push(String::new());
        let filters = filters.map(|series| {
            let wanted = ("filter", series.label("filter"));
            let timed = now.sum("belay_filter_call_seconds_count", wanted);
            let micros = now.sum("belay_filter_call_seconds_sum", wanted) / timed.max(1.0) * 1e6;
            [
                wanted.1.to_owned(),
                format!("{}/s", short(rate("belay_filter_calls_total", wanted))),
                if timed > 0.0 { format!("{} us", short(micros)) } else { "–".to_owned() },
                short(now.sum("belay_filter_handshakes_refused_total", wanted)),
                short(now.sum("belay_filter_failures_total", wanted)),
                bytes(now.sum("belay_filter_memory_bytes", wanted)),
            ]
        });
        let heads = ["FILTER", "CALLS", "TIME", "REFUSED", "FAILURES", "MEMORY"];
        lines.extend(table(heads, filters).lines().map(str::to_owned));
    }
    let state = if STATES[shown.state].is_empty() { "any state" } else { STATES[shown.state] };
    lines.extend([String::new(), format!("sessions, {state}, page {}", shown.pages.len() + 1)]);
    lines.extend(sessions_table(&look.sessions).lines().map(str::to_owned));
    lines
}

/// What does not fit is cut off; nothing of the last frame stays.
fn draw(screen: &mut impl Write, lines: &[String], width: u16, height: u16) -> std::io::Result<()> {
    write!(screen, "{}{}", termion::cursor::Hide, termion::cursor::Goto(1, 1))?;
    let clear = termion::clear::UntilNewline;
    for (index, line) in lines.iter().take(height.into()).enumerate() {
        let visible: String = line.chars().filter(|letter| !letter.is_control()).take(width.into()).collect();
        let end = if index + 1 < height.into() { "\r\n" } else { "" };
        let (begin, reset) = if index == 0 { ("\x1b[1m", "\x1b[0m") } else { ("", "") };
        write!(screen, "{begin}{visible}{reset}{clear}{end}")?;
    }
    write!(screen, "{}{}", termion::clear::AfterCursor, termion::cursor::Show)?;
    screen.flush()
}
