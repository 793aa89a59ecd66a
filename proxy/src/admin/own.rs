//! What the port answers by itself: life, readiness, numbers, sessions, networks, the log, and its own description. What other
//! rooms answer comes from them.

use std::sync::Arc;

use http::{Method, StatusCode};
use serde_json::Value;

use super::endpoint::{Access, Answered, Endpoint, TEXT};
use super::{Phase, Sources, heartbeats, metrics, page, sessions};
use crate::dataplane::memory::Memory;
use crate::time::Instant;

const READY: &[(u16, &str)] = &[(200, "Clients are taken."), (503, "They are not; the body says why.")];
const LOG_SET: &[(u16, &str)] = &[(200, "The filter that is in force now."), (400, "It is no such filter.")];

/// The table's first part.
pub(super) fn endpoints(sources: Arc<Sources>) -> Vec<Endpoint> {
    let (ready, numbers, networks, log, set_log) =
        (Arc::clone(&sources), Arc::clone(&sources), Arc::clone(&sources), Arc::clone(&sources), Arc::clone(&sources));
    let mut endpoints = page::endpoints();
    endpoints.extend([
        Endpoint::page("/live", Access::Open, "Whether the process lives.", |_| text("live\n")).media(TEXT),
        Endpoint::page("/ready", Access::Open, "Whether clients are taken.", move |_| {
            readiness(ready.readiness.phase(), &ready.memory)
        })
        .media(TEXT)
        .outcomes(READY),
        Endpoint::page("/metrics", Access::Open, "All numbers, as Prometheus reads them.", move |_| {
            Answered::text(StatusCode::OK, metrics::CONTENT_TYPE, metrics::render(numbers.numbers.samples()))
        })
        .media(metrics::CONTENT_TYPE),
        Endpoint::page("/heartbeats", Access::Read, "What adaptive probes have learned of each network.", move |_| {
            Answered::text(StatusCode::OK, super::endpoint::JSON, heartbeats::text(&networks.networks, Instant::now()))
        }),
        Endpoint::page("/log", Access::Read, "What is logged.", move |_| text(format!("{}\n", log.log.filter())))
            .media(TEXT),
        Endpoint::new(
            Method::PUT,
            "/log",
            Access::Change,
            "Changes what is logged, until the process ends.",
            move |asked| {
                let answered = change_log(&set_log, &asked.body);
                async { answered }
            },
        )
        .body("A level, or a filter such as 'info,belay::wasm=debug'.")
        .media(TEXT)
        .outcomes(LOG_SET),
    ]);
    endpoints.extend(sessions::endpoints(&sources.visits));
    endpoints
}

/// The table's last line: what the others are.
pub(super) fn openapi(document: Value) -> Endpoint {
    Endpoint::page("/openapi.json", Access::Read, "All that may be asked here, as OpenAPI 3.1.", move |_| {
        Answered::ok(&document)
    })
}

fn text(body: impl Into<bytes::Bytes>) -> Answered {
    Answered::text(StatusCode::OK, TEXT, body)
}

fn readiness(phase: Phase, memory: &Memory) -> Answered {
    let unready = |why: &str| Answered::text(StatusCode::SERVICE_UNAVAILABLE, TEXT, why.to_owned());
    match phase {
        Phase::Starting => unready("starting: not every worker listens yet\n"),
        Phase::Serving if memory.is_short() => {
            let (used, budget) = (memory.used(), memory.budget().unwrap_or_default());
            unready(&format!(
                "memory: {used} bytes are used of a budget of {budget}; sessions go on, newcomers are turned away\n"
            ))
        }
        Phase::Serving => text("ready\n"),
        Phase::Draining => unready("draining: the process is going away\n"),
    }
}

fn change_log(sources: &Sources, body: &[u8]) -> Answered {
    match String::from_utf8_lossy(body).trim().parse() {
        Ok(filter) => {
            tracing::info!(%filter, "what is logged was changed through the admin port");
            sources.log.set(filter);
            text(format!("{}\n", sources.log.filter()))
        }
        Err(error) => Answered::problem(StatusCode::BAD_REQUEST, &error.to_string()),
    }
}
