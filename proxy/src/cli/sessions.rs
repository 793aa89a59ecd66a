//! `belay sessions`: lists, shows, closes and drains.

use std::process::ExitCode;

use clap::{Args, Subcommand};
use http::Method;
use serde_json::Value;

use super::admin::{Port, Reach, query};
use super::table::{age, table};

/// What is asked of a running Belay's sessions.
#[derive(Subcommand)]
pub(super) enum Sessions {
    /// List those that are open.
    List {
        #[command(flatten)]
        search: Search,
        /// The most to list.
        #[arg(long, default_value_t = 50)]
        limit: u64,
        #[command(flatten)]
        reach: Reach,
    },
    /// Show all that is known of one.
    Show {
        /// Its id.
        id: String,
        #[command(flatten)]
        reach: Reach,
    },
    /// Close one.
    Close {
        /// Its id.
        id: String,
        #[command(flatten)]
        close: CloseFrame,
        #[command(flatten)]
        reach: Reach,
    },
    /// Close all that a search finds, one after the other.
    Drain {
        #[command(flatten)]
        search: Search,
        /// All sessions, if there is no search.
        #[arg(long)]
        all: bool,
        /// Over so many seconds.
        #[arg(long, value_name = "SECONDS", default_value_t = 10)]
        over: u64,
        #[command(flatten)]
        close: CloseFrame,
        #[command(flatten)]
        reach: Reach,
    },
}

/// Which sessions are meant; all of it must hold.
#[derive(Args)]
pub(super) struct Search {
    /// Stands in its id, peer, route, path or an attribute.
    #[arg(long)]
    text: Option<String>,
    /// The name of its route.
    #[arg(long)]
    route: Option<String>,
    /// How its client's IP address and port begin.
    #[arg(long)]
    peer: Option<String>,
    /// connected, holding or closing.
    #[arg(long)]
    state: Option<String>,
    /// An attribute that it has, or NAME=VALUE.
    #[arg(long)]
    attribute: Option<String>,
    /// At least as old, in seconds.
    #[arg(long, value_name = "SECONDS")]
    older_than: Option<u64>,
    /// Younger, in seconds.
    #[arg(long, value_name = "SECONDS")]
    younger_than: Option<u64>,
}

/// How it ends.
#[derive(Args)]
pub(super) struct CloseFrame {
    /// The close code.
    #[arg(long, default_value_t = 1001)]
    code: u16,
    /// The close reason.
    #[arg(long)]
    reason: Option<String>,
}

/// Rows that the port gives at a time.
const PAGE: u64 = 500;

/// Does it, and says what came of it.
pub(super) fn run(sessions: Sessions) -> Result<ExitCode, String> {
    match sessions {
        Sessions::List { search, limit, reach } => list(&search, limit, &reach),
        Sessions::Show { id, reach } => say(&reach.port()?.ask(&Method::GET, &format!("/sessions/{id}"))?),
        Sessions::Close { id, close, reach } => {
            let path = format!("/sessions/{id}{}", query(&close.parameters()));
            let answer = reach.port()?.ask(&Method::DELETE, &path)?;
            if reach.json { say(&answer) } else { tell(&format!("{id} is being closed")) }
        }
        Sessions::Drain { search, all, over, close, reach } => {
            let pace = [("over_s", Some(over.to_string())), ("all", all.then(|| "yes".to_owned()))];
            let parameters: Vec<_> = search.parameters().into_iter().chain(close.parameters()).chain(pace).collect();
            let port = reach.port()?;
            port.ask(&Method::POST, &format!("/sessions/drain{}", query(&parameters)))?;
            follow(&port, &reach)
        }
    }
}

fn list(search: &Search, limit: u64, reach: &Reach) -> Result<ExitCode, String> {
    let port = reach.port()?;
    let mut rows: Vec<Value> = Vec::new();
    let mut after = None;
    loop {
        let left = limit.saturating_sub(rows.len() as u64);
        let paging = [("limit", Some(left.clamp(1, PAGE).to_string())), ("after", after)];
        let parameters: Vec<_> = search.parameters().into_iter().chain(paging).collect();
        let page = port.ask(&Method::GET, &format!("/sessions{}", query(&parameters)))?;
        rows.extend(page["sessions"].as_array().into_iter().flatten().cloned());
        after = page["next"].as_str().map(str::to_owned);
        if after.is_none() || rows.len() as u64 >= limit {
            break;
        }
    }
    if reach.json {
        return say(&Value::Array(rows));
    }
    tell(&sessions_table(&rows))?;
    if after.is_some() {
        tell("… and more: --limit, or a narrower search")?;
    }
    Ok(ExitCode::SUCCESS)
}

/// For people.
pub(super) fn sessions_table(rows: &[Value]) -> String {
    let heads = ["SESSION", "STATE", "CLIENT", "ROUTE", "AGE", "SILENT", "OUT", "IN", "ATTRIBUTES"];
    let text = |value: &Value| value.as_str().unwrap_or("–").to_owned();
    let number = |value: &Value| value.as_u64().map_or_else(|| "–".to_owned(), |number| number.to_string());
    let rows = rows.iter().map(|row| {
        let attributes = row["attributes"].as_object().into_iter().flatten();
        let attributes: Vec<String> =
            attributes.map(|(name, value)| format!("{name}={}", value.as_str().unwrap_or_default())).collect();
        [
            text(&row["id"]),
            text(&row["state"]),
            text(&row["peer"]),
            text(&row["route"]),
            age(row["age_s"].as_u64()),
            age(row["silent_s"].as_u64()),
            number(&row["messages"]["to_backend"]),
            number(&row["messages"]["to_client"]),
            attributes.join(" "),
        ]
    });
    table(heads, rows)
}

/// Until it is done.
fn follow(port: &Port, reach: &Reach) -> Result<ExitCode, String> {
    loop {
        let progress = port.ask(&Method::GET, "/sessions/drain")?;
        if reach.json {
            say(&progress)?;
        } else {
            let number = |name: &str| progress[name].as_u64().unwrap_or_default();
            let state = progress["state"].as_str().unwrap_or_default();
            let gone = number("gone_before");
            tell(&format!("{state}: {} of {} closed, {gone} gone before", number("closed"), number("found")))?;
        }
        if progress["state"] == "done" {
            return Ok(ExitCode::SUCCESS);
        }
        std::thread::sleep(std::time::Duration::from_millis(500));
    }
}

impl Search {
    fn parameters(&self) -> Vec<(&'static str, Option<String>)> {
        vec![
            ("text", self.text.clone()),
            ("route", self.route.clone()),
            ("peer", self.peer.clone()),
            ("state", self.state.clone()),
            ("attribute", self.attribute.clone()),
            ("older_than_s", self.older_than.map(|seconds| seconds.to_string())),
            ("younger_than_s", self.younger_than.map(|seconds| seconds.to_string())),
        ]
    }
}

impl CloseFrame {
    fn parameters(&self) -> [(&'static str, Option<String>); 2] {
        [("code", Some(self.code.to_string())), ("reason", self.reason.clone())]
    }
}

/// Prints JSON.
pub(super) fn say(value: &Value) -> Result<ExitCode, String> {
    tell(&format!("{value:#}"))
}

/// Prints. A reader that has gone, such as `head`, has seen enough.
pub(super) fn tell(text: &str) -> Result<ExitCode, String> {
    use std::io::Write;

    match writeln!(std::io::stdout(), "{}", text.trim_end()) {
        Ok(()) => Ok(ExitCode::SUCCESS),
        Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => Ok(ExitCode::SUCCESS),
        Err(error) => Err(error.to_string()),
    }
}
