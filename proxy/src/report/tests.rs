//! Spool, journal and outbox over the lives of a process, on a real disk.

use std::fs;
use std::num::NonZeroU32;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use serde_json::Value;

use super::journal::{Journal, Key};
use super::loss::Loss;
use super::outbox::Outbox;
use super::spool::Spool;
use super::*;
use crate::clients::{ClientChange, ClientReason, Presence, SessionChange, Standing};
use crate::dataplane::state::{EndReason, Ended, SessionState};
use crate::time::Instant;

const MIB: usize = 1024 * 1024;

/// A folder of its own, gone with the test.
struct Folder(PathBuf);

impl Folder {
    fn new() -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let name = format!("belay-report-{}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
        Self(std::env::temp_dir().join(name))
    }

    fn segments(&self) -> Vec<PathBuf> {
        let entries = fs::read_dir(&self.0).unwrap().map(|entry| entry.unwrap().path());
        let mut segments: Vec<_> = entries.filter(|path| path.extension().is_some_and(|e| e == "events")).collect();
        segments.sort();
        segments
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        drop(fs::remove_dir_all(&self.0));
    }
}

fn spool(folder: &Folder, bytes_max: usize) -> Spool {
    Spool::open(&folder.0, bytes_max).unwrap().0
}

fn numbers(range: std::ops::Range<u32>) -> Vec<String> {
    range.map(|number| number.to_string()).collect()
}

#[test]
fn what_is_not_delivered_is_there_in_the_next_life() {
    let folder = Folder::new();
    let mut first = spool(&folder, MIB);
    first.append(&numbers(0..5)).unwrap();
    assert_eq!(first.peek(2).unwrap(), numbers(0..2));
    first.advance();
    assert_eq!(first.peek(100).unwrap(), numbers(2..5));
    drop(first);
    let mut second = spool(&folder, MIB);
    assert_eq!(second.events(), 3);
    second.append(&numbers(5..7)).unwrap();
    assert_eq!(second.peek(100).unwrap(), numbers(2..7), "in order, over files");
    second.advance();
    drop(second);
    let third = spool(&folder, MIB);
    assert_eq!((third.events(), third.bytes()), (0, 0));
    assert!(folder.segments().is_empty());
}

#[test]
fn a_torn_tail_costs_what_was_torn_alone() {
    for torn in 1..20 {
        let folder = Folder::new();
        let mut first = spool(&folder, MIB);
        first.append(&numbers(10..14)).unwrap();
        drop(first);
        let file = fs::OpenOptions::new().write(true).open(&folder.segments()[0]).unwrap();
        file.set_len(40 - torn).unwrap();
        let whole = 13 - u32::try_from(torn - 1).unwrap() / 10;
        let (mut second, damaged) = Spool::open(&folder.0, MIB).unwrap();
        assert_eq!(damaged, 0, "it was never acknowledged");
        second.append(&numbers(90..91)).unwrap();
        assert_eq!(second.peek(100).unwrap(), [numbers(10..whole), numbers(90..91)].concat(), "torn {torn}");
    }
}

#[test]
fn a_hole_is_counted_and_does_not_stop_what_comes_after() {
    let folder = Folder::new();
    let mut first = spool(&folder, 640);
    for number in 0..6 {
        first.append(&numbers(number * 10 + 10..number * 10 + 12)).unwrap();
    }
    drop(first);
    let segments = folder.segments();
    assert_eq!(segments.len(), 6);
    let mut bytes = fs::read(&segments[2]).unwrap();
    *bytes.last_mut().unwrap() ^= 1;
    fs::write(&segments[2], bytes).unwrap();
    fs::remove_file(&segments[4]).unwrap();
    let (mut second, damaged) = Spool::open(&folder.0, 640).unwrap();
    assert_eq!(damaged, 3);
    assert_eq!(second.events(), 9);
    assert_eq!(second.peek(100).unwrap(), ["10", "11", "20", "21", "30", "40", "41", "60", "61"]);
    second.advance();
    assert_eq!(second.events(), 0);
}

#[test]
fn a_full_spool_drops_its_oldest_and_says_how_many() {
    let folder = Folder::new();
    let mut spool = spool(&folder, 640);
    let mut dropped = 0;
    for number in 100..200 {
        dropped += spool.append(&numbers(number..number + 1)).unwrap();
        assert!(spool.bytes() <= 640);
    }
    let left = spool.peek(1000).unwrap();
    assert_eq!(left.last().unwrap(), "199");
    assert_eq!(dropped + left.len() as u64, 100);
    assert!(left.len() > 50, "{}", left.len());
}

#[test]
fn events_in_hand_when_their_file_is_dropped_are_not_counted_as_lost() {
    let folder = Folder::new();
    let mut spool = spool(&folder, 640);
    spool.append(&numbers(100..110)).unwrap();
    let in_hand = spool.peek(4).unwrap();
    let mut dropped = 0;
    for number in 110..200 {
        dropped += spool.append(&numbers(number..number + 1)).unwrap();
    }
    spool.advance();
    let left = spool.peek(1000).unwrap();
    assert_eq!(in_hand.len() as u64 + dropped + left.len() as u64, 100);
}

#[test]
fn a_folder_is_for_one_process() {
    let folder = Folder::new();
    let _first = spool(&folder, MIB);
    assert!(Spool::open(&folder.0, MIB).is_err_and(|error| error.to_string().contains("another process")));
}

#[test]
fn random_lives_lose_nothing_and_keep_the_order() {
    for seed in 0..60 {
        let mut random = StdRng::seed_from_u64(seed);
        let folder = Folder::new();
        let mut open = Some(spool(&folder, 1600));
        let (mut next, mut told, mut dropped) = (1000, Vec::new(), 0);
        for _ in 0..200 {
            let spool = open.get_or_insert_with(|| spool(&folder, 1600));
            match random.random_range(0..10) {
                0..5 => {
                    let more = random.random_range(1..4);
                    dropped += spool.append(&numbers(next..next + more)).unwrap();
                    next += more;
                }
                5..9 => {
                    told.extend(spool.peek(random.random_range(1..20)).unwrap());
                    spool.advance();
                }
                _ => open = None,
            }
        }
        let spool = open.get_or_insert_with(|| spool(&folder, 1600));
        told.extend(spool.peek(10_000).unwrap());
        assert!(told.is_sorted(), "seed {seed}");
        assert_eq!(told.len() as u64 + dropped, u64::from(next - 1000), "seed {seed}");
    }
}

#[test]
fn the_journal_knows_what_is_open_and_forgets_its_history() {
    let folder = Folder::new();
    fs::create_dir_all(&folder.0).unwrap();
    let (mut journal, before) = Journal::open(&folder.0).unwrap();
    assert!(before.is_empty());
    let session = |number: u32| Key::Session(number.to_string());
    for number in 0..20_000 {
        journal.note(vec![(session(number), Some("{}".into()))]).unwrap();
        if number >= 3 {
            journal.note(vec![(session(number - 3), None)]).unwrap();
        }
    }
    let size = fs::metadata(folder.0.join("open")).unwrap().len();
    assert!(size < 60_000, "{size} bytes");
    drop(journal);
    let (_, after) = Journal::open(&folder.0).unwrap();
    let mut open: Vec<_> = after.into_keys().map(|key| format!("{key:?}")).collect();
    open.sort();
    assert_eq!(open, [19_997, 19_998, 19_999].map(|number| format!("Session(\"{number}\")")));
}

fn settings(keep: Keep) -> Settings {
    Settings {
        tls: None,
        endpoint: "http://127.0.0.1:1/".into(),
        secret: Secret::Variable("NONE".into()),
        source: Some("/test".into()),
        topics: Topics::Both,
        batch: Batching::default(),
        timeout: Settings::TIMEOUT,
        retry_from: Settings::RETRY_FROM,
        retry_to: Settings::RETRY_TO,
        keep,
    }
}

fn on_disk(folder: &Folder) -> Settings {
    settings(Keep::Spool { folder: folder.0.clone(), bytes_max: MIB })
}

fn session(number: u128, state: SessionState) -> Happening {
    Happening::Session(SessionChange {
        session: number.into(),
        route: "chat".into(),
        peer: "192.0.2.7:5000".parse().unwrap(),
        identity: Some("alice".into()),
        at: Instant::now(),
        state,
        age: Duration::from_secs(1),
    })
}

fn client(presence: Presence) -> Happening {
    let now = Standing { presence, since: Instant::now(), connects: 4, reconnects: 2 };
    Happening::Client(ClientChange { identity: "alice".into(), now, away: None })
}

fn events(batch: &outbox::Batch) -> Vec<Value> {
    serde_json::from_slice(&batch.body).unwrap()
}

fn types(outbox: &mut Outbox) -> Vec<String> {
    let batch = outbox.next_batch(100);
    let events = batch.iter().flat_map(events);
    events.map(|event| event["type"].as_str().unwrap().trim_start_matches("belay.").to_owned()).collect()
}

#[test]
fn a_process_that_died_is_told_of_by_the_next() {
    let folder = Folder::new();
    let (mut first, _) = Outbox::open(&on_disk(&folder)).unwrap();
    first.tell(&[
        session(1, SessionState::Connected),
        client(Presence::Connected { sessions: NonZeroU32::MIN }),
        session(2, SessionState::Connected),
        session(2, SessionState::Disconnected(Ended { reason: EndReason::ClientGone, messages: 3, dials: 1 })),
    ]);
    assert_eq!(types(&mut first).len(), 4);
    drop(first);
    let (mut second, survivors) = Outbox::open(&on_disk(&folder)).unwrap();
    let [survivor] = &survivors[..] else { panic!("{survivors:?}") };
    assert_eq!((&*survivor.identity, survivor.reason, survivor.connects), ("alice", ClientReason::ProxyDied, 4));
    let batch = second.next_batch(100).unwrap();
    let told = events(&batch);
    assert_eq!(told.len(), 5, "the four that were not delivered, and the one that died");
    let data = &told[4]["data"];
    assert_eq!(told[4]["type"], "belay.session.disconnected");
    assert_eq!(
        (&data["reason"], &data["identity"], &data["route"]),
        (&"proxy_died".into(), &"alice".into(), &"chat".into())
    );
    second.delivered(&batch);
    drop(second);
    let (mut third, survivors) = Outbox::open(&on_disk(&folder)).unwrap();
    assert!(third.next_batch(100).is_none(), "told once");
    assert_eq!(survivors.len(), 1, "until its grace is over");
    third.tell(&[client(Presence::Disconnected { reason: ClientReason::ProxyDied })]);
    drop(third);
    assert!(Outbox::open(&on_disk(&folder)).unwrap().1.is_empty());
}

#[test]
fn who_goes_and_is_back_at_once_is_still_known_to_the_journal() {
    let folder = Folder::new();
    let (mut first, _) = Outbox::open(&on_disk(&folder)).unwrap();
    let connected = || client(Presence::Connected { sessions: NonZeroU32::MIN });
    let gone = || client(Presence::Disconnected { reason: ClientReason::Renamed });
    first.tell(&[connected(), gone(), connected()]);
    drop(first);
    let (mut second, survivors) = Outbox::open(&on_disk(&folder)).unwrap();
    assert_eq!(survivors.len(), 1);
    second.tell(&[connected(), gone()]);
    drop(second);
    assert!(Outbox::open(&on_disk(&folder)).unwrap().1.is_empty());
}

#[test]
fn a_batch_has_the_same_id_and_body_until_it_is_delivered() {
    let folder = Folder::new();
    let (mut first, _) = Outbox::open(&on_disk(&folder)).unwrap();
    first.tell(&[session(1, SessionState::Connected), session(1, SessionState::Holding)]);
    first.lose(Loss::Refused, 7);
    let before = first.next_batch(2).unwrap();
    first.tell(&[session(2, SessionState::Connected)]);
    let again = first.next_batch(2).unwrap();
    assert_eq!((&before.id, &before.body), (&again.id, &again.body));
    drop(first);
    let after = Outbox::open(&on_disk(&folder)).unwrap().0.next_batch(2).unwrap();
    assert_eq!((&before.id, &before.body), (&after.id, &after.body));
}

#[test]
fn what_is_lost_is_told_in_its_place() {
    let (mut outbox, _) = Outbox::open(&settings(Keep::Memory { events_max: 3 })).unwrap();
    for number in 0..10 {
        outbox.tell(&[session(number, SessionState::Connected)]);
    }
    let batch = outbox.next_batch(100).unwrap();
    let told = events(&batch);
    assert_eq!(told[0]["type"], "belay.report.lost");
    assert_eq!(told[0]["data"]["events"], 7);
    assert_eq!(told[0]["data"]["reasons"]["full"], 7);
    assert_eq!(told[1]["subject"], format!("{:032x}", 7));
    assert!(told.is_sorted_by_key(|event| event["sequence"].as_str().unwrap().to_owned()), "{told:#?}");
    outbox.delivered(&batch);
    assert_eq!((outbox.waiting(), outbox.counts.delivered), (0, 4));
}

#[test]
fn a_batch_that_is_refused_for_good_is_counted_and_told() {
    let (mut outbox, _) = Outbox::open(&settings(Keep::Memory { events_max: 10 })).unwrap();
    outbox.tell(&[session(1, SessionState::Connected), session(2, SessionState::Connected)]);
    let batch = outbox.next_batch(100).unwrap();
    outbox.refused(&batch);
    assert_eq!(outbox.counts.lost[Loss::Refused as usize], 2);
    assert_eq!(types(&mut outbox), ["report.lost"]);
}

#[test]
fn what_is_not_asked_for_is_neither_told_nor_kept() {
    let folder = Folder::new();
    let topics = Settings { topics: Topics::Clients, ..on_disk(&folder) };
    let (mut outbox, _) = Outbox::open(&topics).unwrap();
    outbox.tell(&[session(1, SessionState::Connected), client(Presence::Connected { sessions: NonZeroU32::MIN })]);
    assert_eq!(types(&mut outbox), ["client.connected"]);
    assert_eq!(outbox.on_disk().unwrap().1, 1);
}

#[test]
fn the_page_shows_events_as_they_are() {
    let (mut outbox, _) = Outbox::open(&settings(Keep::Memory { events_max: 10 })).unwrap();
    let ended = Ended { reason: EndReason::ClientDead, messages: 12, dials: 1 };
    let gone = ClientReason::Ended(EndReason::ClientDead);
    outbox.tell(&[
        session(1, SessionState::Connected),
        session(1, SessionState::Holding),
        session(1, SessionState::Draining),
        session(1, SessionState::Disconnected(ended)),
        client(Presence::Connected { sessions: NonZeroU32::MIN }),
        client(Presence::Reconnecting { until: Instant::now(), reason: gone }),
        client(Presence::Disconnected { reason: gone }),
    ]);
    outbox.lose(Loss::Full, 3);
    let page = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/connection-state.md")).unwrap();
    let shown: Vec<Value> = page
        .split("```json\n")
        .skip(1)
        .map(|block| serde_json::from_str(block.split("```").next().unwrap()).unwrap())
        .collect();
    let told = events(&outbox.next_batch(100).unwrap());
    for event in told {
        let shown = shown.iter().find(|shown| shown["type"] == event["type"]);
        let shown = shown.unwrap_or_else(|| panic!("the page has no {}", event["type"]));
        let keys = |value: &Value| value.as_object().unwrap().keys().cloned().collect::<Vec<_>>();
        assert_eq!(keys(shown), keys(&event), "{}", event["type"]);
        let optional = |keys: Vec<String>| keys.into_iter().filter(|key| key != "away_ms").collect::<Vec<_>>();
        assert_eq!(optional(keys(&shown["data"])), optional(keys(&event["data"])), "{}", event["type"]);
    }
}
