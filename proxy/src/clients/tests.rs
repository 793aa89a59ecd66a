//! Clients in virtual time.

use std::collections::HashMap;
use std::num::NonZeroU32;
use std::path::Path;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};

use super::identities::{Identities, Joined};
use super::mailbox::Note;
use super::roster::{Roster, Stage};
use super::*;
use crate::dataplane::chain::Facts;
use crate::dataplane::route::Route;
use crate::dataplane::state::{EndReason, Ended, SessionState};
use crate::time::Instant;

const GRACE: Duration = Duration::from_secs(30);

fn at(seconds: u64) -> Instant {
    Instant::ZERO + Duration::from_secs(seconds)
}

fn route() -> Arc<Route> {
    static ROUTE: OnceLock<Arc<Route>> = OnceLock::new();
    let yaml = "{listeners: [{address: 127.0.0.1:0}], routes: [{name: chat, backend: ws://127.0.0.1:1}]}";
    let made = || crate::config::parse(yaml, Path::new("test.yaml")).unwrap().dataplane.routes.0.remove(0);
    Arc::clone(ROUTE.get_or_init(made))
}

pub(super) fn note(session: u128, seconds: u64, state: SessionState) -> Note {
    let peer = "192.0.2.7:5000".parse().unwrap();
    Note { session: session.into(), route: route(), peer, identity: None, at: at(seconds), state }
}

pub(super) fn ended(reason: EndReason) -> SessionState {
    SessionState::Disconnected(Ended { reason, messages: 0, dials: 1 })
}

/// A roster, and what it told as words.
struct World {
    roster: Roster,
    told: Vec<String>,
}

impl World {
    fn new() -> Self {
        Self { roster: Roster::new(&Settings::default()), told: Vec::new() }
    }

    fn note(&mut self, session: u128, identity: &str, seconds: u64, state: SessionState) -> Joined {
        let identity = (!identity.is_empty()).then(|| identity.into());
        let note = Note { identity, ..note(session, seconds, state) };
        let told = &mut self.told;
        self.roster.handle(&note, &mut |happening| told.extend(words(&happening)))
    }

    fn pass(&mut self, seconds: u64) {
        let told = &mut self.told;
        self.roster.handle_deadlines(at(seconds), &mut |happening| told.extend(words(&happening)));
    }

    fn told(&mut self) -> Vec<String> {
        std::mem::take(&mut self.told)
    }
}

/// Of clients alone.
fn words(happening: &Happening) -> Option<String> {
    let Happening::Client(change) = happening else { return None };
    let presence = change.now.presence;
    let reason = presence.reason().map_or(String::new(), |reason| format!(" since {}", reason.label()));
    Some(format!("{} {}{reason}", change.identity, presence.label()))
}

#[test]
fn a_client_that_is_back_within_its_grace_was_never_disconnected() {
    let mut world = World::new();
    world.note(1, "alice", 0, SessionState::Connected);
    world.note(1, "alice", 10, ended(EndReason::ClientGone));
    world.pass(39);
    assert_eq!(world.note(2, "alice", 39, SessionState::Connected), Joined::Back);
    world.pass(1000);
    assert_eq!(world.told(), ["alice connected", "alice reconnecting since client_gone", "alice connected"]);
    let standing = world.roster.standing("alice").unwrap();
    assert_eq!((standing.connects, standing.reconnects), (2, 1));
}

#[test]
fn a_client_that_is_not_back_in_time_is_disconnected_once() {
    let mut world = World::new();
    world.note(1, "alice", 0, SessionState::Connected);
    world.note(1, "alice", 10, ended(EndReason::ClientDead));
    world.told();
    world.pass(39);
    assert_eq!(world.told(), ["alice reconnecting since client_dead"][1..]);
    assert_eq!(world.roster.next_deadline(), at(40));
    world.pass(40);
    world.pass(41);
    assert_eq!(world.told(), ["alice disconnected since client_dead"]);
}

#[test]
fn a_client_with_two_devices_is_connected_until_the_last_is_gone() {
    let mut world = World::new();
    world.note(1, "alice", 0, SessionState::Connected);
    world.note(2, "alice", 1, SessionState::Connected);
    world.note(1, "alice", 2, ended(EndReason::ClientClosed));
    world.pass(100);
    assert_eq!(world.told(), ["alice connected"]);
    world.note(2, "alice", 101, ended(EndReason::ClientClosed));
    assert_eq!(world.told(), ["alice reconnecting since client_closed"]);
}

#[test]
fn a_held_session_is_a_connected_client() {
    let mut world = World::new();
    world.note(1, "alice", 0, SessionState::Connecting);
    assert_eq!(world.told(), [""; 0], "it may yet find no backend");
    world.note(1, "alice", 1, SessionState::Connected);
    world.note(1, "alice", 2, SessionState::Holding);
    world.note(1, "alice", 60, SessionState::Connected);
    assert_eq!(world.told(), ["alice connected"]);
    assert_eq!(world.roster.sessions(Stage::Connected), 1);
}

#[test]
fn a_session_may_learn_its_name_late_and_change_it() {
    let mut world = World::new();
    world.note(1, "", 0, SessionState::Connected);
    assert_eq!(world.told(), [""; 0]);
    world.note(1, "alice", 5, SessionState::Connected);
    world.note(1, "bob", 6, SessionState::Connected);
    world.note(1, "bob", 7, ended(EndReason::ClientGone));
    assert_eq!(
        world.told(),
        ["alice connected", "alice reconnecting since renamed", "bob connected", "bob reconnecting since client_gone"]
    );
}

#[test]
fn the_longest_gone_make_room_and_the_connected_never_do() {
    let settings = Settings { entries_max: 2, ..Settings::default() };
    let mut world = World { roster: Roster::new(&settings), told: Vec::new() };
    world.note(1, "a", 0, SessionState::Connected);
    world.note(2, "b", 0, SessionState::Connected);
    assert_eq!(world.note(3, "c", 0, SessionState::Connected), Joined::NoRoom);
    assert_eq!(world.roster.census().untracked, 1);
    world.note(1, "a", 1, ended(EndReason::ClientGone));
    world.pass(100);
    assert_eq!(world.note(4, "d", 100, SessionState::Connected), Joined::Here);
    assert!(world.roster.standing("a").is_none() && world.roster.standing("b").is_some());
    world.note(3, "c", 101, ended(EndReason::ClientGone));
    assert_eq!(world.roster.census().connected, 2, "one that was not followed takes nobody along");
}

#[test]
fn those_who_were_there_when_the_process_died_have_their_grace() {
    let mut world = World::new();
    let survivor = |identity: &str, reason| Survivor { identity: identity.into(), reason, connects: 7, reconnects: 3 };
    let survivors = vec![
        survivor("back", ClientReason::ProxyDied),
        survivor("gone", ClientReason::ProxyDied),
        survivor("left", ClientReason::Ended(EndReason::ClientClosed)),
    ];
    let told = &mut world.told;
    world.roster.recall(&survivors, at(0), &mut |happening| told.extend(words(&happening)));
    world.note(1, "back", 5, SessionState::Connected);
    world.pass(30);
    assert_eq!(
        world.told(),
        [
            "back reconnecting since proxy_died",
            "gone reconnecting since proxy_died",
            "back connected",
            "gone disconnected since proxy_died",
            "left disconnected since client_closed",
        ]
    );
    let standing = world.roster.standing("back").unwrap();
    assert_eq!((standing.connects, standing.reconnects), (8, 4));
}

#[test]
fn the_end_of_the_process_leaves_nobody_reconnecting() {
    let mut world = World::new();
    world.note(1, "alice", 0, SessionState::Connected);
    world.note(1, "alice", 1, ended(EndReason::Drained));
    world.told();
    let told = &mut world.told;
    world.roster.handle_end(&mut |happening| told.extend(words(&happening)));
    assert_eq!(world.told(), ["alice disconnected since drained"]);
}

#[test]
fn a_note_names_who_a_filter_says_the_client_is() {
    let mut facts = Facts::default();
    facts.inner_mut().attributes.set("user", "alice");
    let change = StateChange {
        session: 1.into(),
        route: &route(),
        peer: "192.0.2.7:5000".parse().unwrap(),
        facts: &facts,
        at: at(0),
        state: SessionState::Connected,
    };
    assert_eq!(Note::of(&change, "user").identity.as_deref(), Some("alice"));
    assert_eq!(Note::of(&change, "device").identity, None);
}

/// What an identity is, the simple way: all that ever happened to it.
#[derive(Default)]
struct Model {
    sessions: u32,
    gone_at: Option<u64>,
    known: bool,
}

impl Model {
    fn state(&self, now: u64) -> Option<&'static str> {
        match self {
            Self { known: false, .. } => None,
            Self { sessions: 1.., .. } => Some("connected"),
            Self { gone_at: Some(gone), .. } if now < gone + GRACE.as_secs() => Some("reconnecting"),
            _ => Some("disconnected"),
        }
    }
}

#[test]
fn random_lives_agree_with_the_simple_way() {
    for seed in 0..200 {
        let mut random = StdRng::seed_from_u64(seed);
        let mut identities = Identities::new(GRACE, 1000);
        let mut models: HashMap<Arc<str>, Model> = HashMap::new();
        // What the listener of changes believes.
        let mut believed: HashMap<Arc<str>, &'static str> = HashMap::new();
        let mut now = 0;
        for _ in 0..500 {
            let name: Arc<str> = random.random_range(0..8).to_string().into();
            let model = models.entry(Arc::clone(&name)).or_default();
            let mut tell = |change: ClientChange| {
                let before = believed.insert(Arc::clone(&change.identity), change.now.presence.label());
                assert_ne!(before, Some(change.now.presence.label()), "seed {seed}: told twice");
            };
            identities.handle_deadlines(at(now), &mut tell);
            match random.random_range(0..3) {
                0 => {
                    identities.join(&name, at(now), &mut tell);
                    *model = Model { sessions: model.sessions + 1, gone_at: None, known: true };
                }
                1 if model.sessions > 0 => {
                    identities.leave(&name, ClientReason::Ended(EndReason::ClientGone), at(now), &mut tell);
                    model.sessions -= 1;
                    model.gone_at = Some(now);
                }
                _ => now += random.random_range(0..20),
            }
            identities.handle_deadlines(at(now), &mut tell);
            for (name, model) in &models {
                let standing = identities.standing(name);
                assert_eq!(standing.map(|standing| standing.presence.label()), model.state(now), "seed {seed}");
                assert_eq!(believed.get(name).copied(), model.state(now), "seed {seed}");
                let sessions = standing.map_or(0, |standing| standing.presence.sessions());
                assert_eq!(NonZeroU32::new(sessions), NonZeroU32::new(model.sessions), "seed {seed}");
            }
            let census = identities.census();
            let count = |state| models.values().filter(|model| model.state(now) == Some(state)).count();
            assert_eq!(census.connected, count("connected"));
            assert_eq!(census.reconnecting, count("reconnecting"));
            assert_eq!(census.disconnected, count("disconnected"));
        }
    }
}
