//! The admin port in front of workers whose sessions are made up: what would be seen of each, and no socket. So there may be more
//! of them than a process may open files.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use belay::admin::{Access, Admin, Answered, Endpoint, Numbers, Phase, Readiness, Sources};
use belay::dataplane::chain::Facts;
use belay::dataplane::handshake::Handshake;
use belay::dataplane::ledger::Counters;
use belay::dataplane::memory::Memory;
use belay::dataplane::route::Route;
use belay::dataplane::visit::{Condition, Then, View, Visit};
use belay::id::SessionId;
use belay::telemetry::{self, Environment, Settings};
use belay::time::Instant;
use serde_json::{Value, json};
use tokio::sync::mpsc;

/// Every so many sessions are held.
pub(crate) const HELD: usize = 10;
/// Different users.
pub(crate) const USERS: usize = 1_000;
const WORKERS: usize = 2;
/// Met before a visit is asked whether it has seen enough, as on a real worker.
const SLICE: usize = 64;
const YAML: &str = "listeners: [{ address: '127.0.0.1:0' }]\nroutes: [{ name: chat, match: { path_prefix: / }, backend: 'ws://b:1' }]\n";

struct Seen {
    handshake: Handshake,
    facts: Facts,
    condition: Condition,
}

/// So many sessions, numbered from zero: their ids. The last has the path `/by`.
pub(crate) fn admin(sessions: usize) -> Admin {
    let config = belay::config::parse(YAML, std::path::Path::new("made-up.yaml")).unwrap();
    let route = &config.dataplane.routes.0[0];
    let (_, telemetry) = telemetry::prepare(&Settings::default(), &Environment::of(&[])).unwrap();
    let readiness = Readiness::new();
    readiness.set(Phase::Serving);
    let counters: Vec<_> = (0..WORKERS).map(|_| Arc::new(Counters::default())).collect();
    let mut visits = Vec::new();
    for (worker, counters) in counters.iter().enumerate() {
        let (sender, receiver) = mpsc::channel(1);
        visits.push(sender);
        let theirs: Vec<Seen> = (worker..sessions).step_by(WORKERS).map(|number| seen(number, sessions)).collect();
        counters.sessions_opened.add(theirs.len() as u64);
        let route = Arc::clone(route);
        std::thread::spawn(move || receive(&route, &theirs, receiver));
    }
    let sources = Sources {
        readiness,
        numbers: Arc::new(Numbers { workers: counters, telemetry: Arc::clone(&telemetry.counts), more: Vec::new() }),
        memory: Memory::default(),
        networks: Arc::default(),
        endpoints: vec![told("/drain", json!({ "state": "serving" })), told("/filters", json!({ "filters": [] }))],
        visits,
        log: telemetry.log.clone(),
    };
    Admin::start("127.0.0.1:0".parse().unwrap(), None, sources).unwrap()
}

/// What other rooms tell the dashboard.
fn told(path: &'static str, what: Value) -> Endpoint {
    Endpoint::page(path, Access::Read, "Made up.", move |_| Answered::ok(&what))
}

fn seen(number: usize, sessions: usize) -> Seen {
    let path = if number + 1 == sessions { "/by".to_owned() } else { format!("/room/{}?token=x", number % 100) };
    let peer = SocketAddr::from(([10, 0, (number >> 8) as u8, number as u8], 50_000));
    let mut facts = Facts::default();
    facts.inner_mut().attributes.set("user", &format!("u{}", number % USERS));
    let condition = if number.is_multiple_of(HELD) { Condition::Holding } else { Condition::Connected };
    let headers = http::HeaderMap::from_iter([(http::header::USER_AGENT, "made-up/1".parse().unwrap())]);
    Seen {
        handshake: Handshake::new(SessionId::from(number as u128), peer, &path, headers.iter()),
        facts,
        condition: condition(Instant::now()),
    }
}

/// Until nobody visits any more.
fn receive(route: &Route, sessions: &[Seen], mut visits: mpsc::Receiver<Visit>) {
    while let Some(Visit { from, places_max, mut visitor, done }) = visits.blocking_recv() {
        let until = sessions.len().min(from.saturating_add(places_max));
        let (mut place, mut then) = (from, Then::GoOn);
        while place < until && then == Then::GoOn {
            let next = sessions.len().min(place + SLICE);
            for (place, seen) in (place..next).zip(&sessions[place..next]) {
                match visitor.visit(place, &view(route, seen)) {
                    Then::GoOn => {}
                    other => then = other,
                }
            }
            place = next;
        }
        drop(visitor);
        let _ = done.send((place < sessions.len()).then_some(place));
    }
}

fn view<'a>(route: &'a Route, seen: &'a Seen) -> View<'a> {
    let now = Instant::now();
    View {
        route,
        handshake: &seen.handshake,
        facts: &seen.facts,
        condition: seen.condition,
        opened: now,
        client_heard: now,
        round_trip: Some(Duration::from_millis(30)),
        messages_to_backend: 12,
        messages_waiting: 0,
        messages_to_client: 34,
        bytes_to_backend: 0,
        bytes_to_client: 0,
        dials: 1,
        failures: 0,
        next_deadline: Instant::NEVER,
        now,
    }
}
