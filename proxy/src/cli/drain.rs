//! `belay drain`: sends a process's clients elsewhere, and waits until they have gone if it is asked to.

use std::process::ExitCode;
use std::time::Duration;

use clap::Args;
use http::Method;

use super::admin::Reach;
use super::sessions::{say, tell};

/// Take no more clients, and close all sessions as the configuration's `drain` says. The process goes on running.
#[derive(Args)]
pub(super) struct Drain {
    /// Wait until no session is left.
    #[arg(long)]
    wait: bool,
    /// Begin nothing, and say how far it is.
    #[arg(long)]
    status: bool,
    #[command(flatten)]
    reach: Reach,
}

const LOOK_EVERY: Duration = Duration::from_millis(500);

/// Does it, and says what came of it.
pub(super) fn run(drain: &Drain) -> Result<ExitCode, String> {
    let port = drain.reach.port()?;
    let method = if drain.status { Method::GET } else { Method::POST };
    let mut progress = port.ask(&method, "/drain")?;
    loop {
        if drain.reach.json {
            say(&progress)?;
        } else {
            let state = progress["state"].as_str().unwrap_or_default();
            tell(&format!("{state}: {} sessions open", progress["sessions"].as_u64().unwrap_or_default()))?;
        }
        if !drain.wait || progress["state"] == "drained" {
            return Ok(ExitCode::SUCCESS);
        }
        std::thread::sleep(LOOK_EVERY);
        progress = port.ask(&Method::GET, "/drain")?;
    }
}
