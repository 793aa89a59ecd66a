//! Puts the rooms together: configuration, telemetry, filters, workers, the admin port, and the signals that end them.

mod budget;
mod drain;
mod files;
mod filters;
mod learned;
mod reload;
mod signals;
pub mod workers;

use std::process::ExitCode;
use std::sync::Arc;
use std::thread::available_parallelism;
use std::time::Duration;

use tokio::sync::watch;
use tracing::{error, info, warn};

use self::filters::Filters;
use self::learned::Learned;
use self::reload::{Parts, Requests};
use self::signals::Signals;
use self::workers::{WorkerFilters, Workers};
use crate::admin::{self, Admin, ConfigStatus, Numbers, Phase, Readiness};
use crate::clients::Clients;
use crate::config::{self, Config};
use crate::dataplane::probe::Networks;
use crate::memory;
use crate::profile;
use crate::report::{self, Reporter};
use crate::secret::Secret;
use crate::telemetry::{self, Environment};
use crate::tls::Watcher;

/// For what was logged and traced last.
const TELEMETRY_FLUSH: Duration = Duration::from_secs(3);
/// For what is to be reported last.
const REPORT_FLUSH: Duration = Duration::from_secs(5);
/// For either of them when it is to be quick.
const QUICK_FLUSH: Duration = Duration::from_secs(1);

/// How the workers came to their end.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Ending {
    /// As the drain's policy has it.
    Drained,
    /// Told once more, they did not wait.
    CutShort,
}

impl Ending {
    /// What is left to who has so long otherwise.
    fn within(self, usual: Duration) -> Duration {
        match self {
            Self::Drained => usual,
            Self::CutShort => usual.min(QUICK_FLUSH),
        }
    }
}

/// Serves as configured, until SIGTERM or SIGINT.
pub fn run(config: Config) -> ExitCode {
    let telemetry = match telemetry::start(&config.telemetry, &Environment::of_process()) {
        Ok(telemetry) => Arc::new(telemetry),
        Err(error) => {
            #[expect(clippy::print_stderr, reason = "there is no log to say it in")]
            {
                eprintln!("error: {error}");
            }
            return ExitCode::FAILURE;
        }
    };
    let outcome = serve(config, &telemetry);
    if let Err(error) = &outcome {
        error!(%error, "cannot start");
    }
    telemetry.shutdown(outcome.as_ref().map_or(TELEMETRY_FLUSH, |ending| ending.within(TELEMETRY_FLUSH)));
    if outcome.is_ok() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// What `belay check` tries beyond the file itself: every filter is compiled and given its config.
pub fn check(config: &Config) -> Result<(), Vec<String>> {
    Filters::load(config).map(drop)
}

/// Why the process did not come to serve.
#[derive(Debug, thiserror::Error)]
enum StartError {
    #[error(transparent)]
    Workers(#[from] workers::StartError),
    #[error("cannot listen on {address} for the admin port: {cause}{}", workers::hint(.cause))]
    Admin { address: std::net::SocketAddr, cause: std::io::Error },
    #[error("{}", .0.join("; "))]
    Filters(Vec<String>),
    #[error(transparent)]
    Report(#[from] report::StartError),
    #[error("{0}")]
    System(#[from] std::io::Error),
}

fn serve(config: Config, telemetry: &telemetry::Telemetry) -> Result<Ending, StartError> {
    memory::set_up();
    let count = config.workers.map_or_else(default_workers, usize::from);
    let filters = Filters::load(&config).map_err(StartError::Filters)?;
    let lasting = config.lasting_certificates();
    let certificates = Watcher::start(config.live_certificates().into_iter().chain(lasting.clone()).collect())?;
    let certified = certificates.source();
    let origin = reload::origin(&config);
    let status =
        Arc::new(ConfigStatus::new(&config.origin.file.display().to_string(), &config.origin.sha256, config.shown));
    let dataplane = Arc::new(files::within_the_limit(config.dataplane));
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let readiness = Readiness::new();
    let reporter = config.report.as_ref().map(Reporter::start).transpose()?;
    let reported = reporter.as_ref().map(|(reporter, _)| reporter.source());
    let clients = Clients::start(config.clients.as_ref(), &dataplane, reporter)?;
    let networks = Arc::new(Networks::new(config.networks.networks_max));
    let learned = config.networks.learned.map(|file| Learned::start(file, Arc::clone(&networks))).transpose()?;
    let (renew, renewed) = watch::channel(0);
    let worker_filters = WorkerFilters { make: filters.maker(), renewed };
    let memory = budget::watch(dataplane.limits.memory)?;
    let workers = Workers::start(Arc::clone(&dataplane), count, &worker_filters, &clients.sink(), &networks, &memory)?;
    let parts = Parts {
        filters: filters.clone(),
        changer: workers.changer(&dataplane),
        log: telemetry.log.clone(),
        certificates,
        lasting,
        routed: clients.routed(),
        readiness: readiness.clone(),
        status: Arc::clone(&status),
        renew,
    };
    let reloads = reload::start(origin, parts)?;
    let numbers = Arc::new(Numbers {
        workers: workers.counters.clone(),
        telemetry: Arc::clone(&telemetry.counts),
        more: [filters.source(), clients.source(), status.source(), certified, admin::memory(&memory)]
            .into_iter()
            .chain(reported)
            .collect(),
    });
    telemetry.export_metrics({
        let numbers = Arc::clone(&numbers);
        Box::new(move || numbers.samples())
    });
    let _admin = match config.admin {
        Some(admin) => {
            let sources = admin::Sources {
                readiness: readiness.clone(),
                numbers,
                memory,
                visits: workers.visits.clone(),
                networks,
                endpoints: [clients.endpoint(), filters.endpoint(), status.endpoint()]
                    .into_iter()
                    .chain(reloads.endpoints())
                    .chain(profile::endpoints())
                    .chain(drain::endpoints(readiness.clone(), workers.drain_switch(), workers.counters.clone()))
                    .collect(),
                log: telemetry.log.clone(),
            };
            Some(start_admin(&admin, sources)?)
        }
        None => None,
    };
    readiness.set(Phase::Serving);
    for address in &workers.addresses {
        info!(%address, workers = count, "listening");
    }
    let ending = runtime.block_on(go_when_told(&reloads, &readiness, &workers))?;
    workers.join();
    clients.finish(ending.within(REPORT_FLUSH));
    drop(learned);
    info!("bye");
    Ok(ending)
}

/// Returns when the workers have ended: drained, as the first signal asks, or sooner, as a second does.
async fn go_when_told(reloads: &Requests, readiness: &Readiness, workers: &Workers) -> std::io::Result<Ending> {
    let mut signals = Signals::listen()?;
    let signal = signals.told_to_go(reloads).await;
    // Before it is said: who reads it may count on it.
    readiness.set(Phase::Draining);
    info!(signal, "draining");
    let switch = workers.drain_switch();
    switch.turn();
    tokio::select! {
        () = switch.turned() => Ok(Ending::Drained),
        signal = signals.told_to_go(reloads) => {
            warn!(signal, "told to go once more: all that are left are closed at once");
            switch.hurry();
            switch.turned().await;
            Ok(Ending::CutShort)
        }
    }
}

fn start_admin(settings: &config::Admin, sources: admin::Sources) -> Result<Admin, StartError> {
    let address = settings.address;
    let refused = |cause| StartError::Admin { address, cause };
    let token = settings.token.as_ref().map(Secret::reveal);
    if token.is_none() && !address.ip().is_loopback() {
        info!(%address, "the admin port answers probes and scrapers only, since it is not on loopback and has no token");
    }
    let admin = Admin::start(address, token, sources).map_err(refused)?;
    info!(address = %admin.address(), "the admin port is open");
    Ok(admin)
}

/// The threads that the CPU limit of our container allows, as the standard library reads it from the cgroup.
fn default_workers() -> usize {
    available_parallelism().map_or(1, usize::from)
}
