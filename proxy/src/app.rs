//! Puts the rooms together: configuration, telemetry, filters, workers, the admin port, and the signals that end them.

mod files;
pub mod workers;

use std::process::ExitCode;
use std::sync::Arc;
use std::thread::available_parallelism;

use tokio::signal::unix::{SignalKind, signal};
use tracing::{error, info};

use self::workers::{FilterMaker, StartError, Workers};
use crate::config::Config;

/// Serves as configured, until SIGTERM or SIGINT.
pub fn run(config: Config) -> ExitCode {
    match serve(config) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            error!(%error, "cannot start");
            ExitCode::FAILURE
        }
    }
}

fn serve(config: Config) -> Result<(), StartError> {
    let count = config.workers.map_or_else(default_workers, usize::from);
    let dataplane = Arc::new(files::within_the_limit(config.dataplane));
    let filters: FilterMaker = Arc::new(|| Ok(Vec::new()));
    let signals = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let workers = Workers::start(dataplane, count, &filters)?;
    for address in &workers.addresses {
        info!(%address, workers = count, "listening");
    }
    let name = signals.block_on(told_to_stop())?;
    info!(signal = name, "draining");
    workers.drain();
    info!("bye");
    Ok(())
}

/// The threads that the CPU limit of our container allows, as the standard library reads it from the cgroup.
fn default_workers() -> usize {
    available_parallelism().map_or(1, usize::from)
}

async fn told_to_stop() -> std::io::Result<&'static str> {
    let (mut terminate, mut interrupt) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
    Ok(tokio::select! {
        _ = terminate.recv() => "SIGTERM",
        _ = interrupt.recv() => "SIGINT",
    })
}
