//! What the fake host is made of.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::time::Duration;

use super::{breakers::Breakers, limiters::Limiters, service::Service};
use crate::host::Level;

thread_local! {
    static HOST: RefCell<Host> = RefCell::new(Host::default());
}

/// The fake host of this thread.
pub(super) struct Host {
    pub(super) now_ms: u64,
    /// Wall clock minus `now_ms`.
    pub(super) unix_base_ms: u64,
    pub(super) random: u64,
    pub(super) log: Vec<(Level, String)>,
    pub(super) counters: BTreeMap<String, u64>,
    pub(super) files: BTreeMap<String, File>,
    /// The session that the current event is about.
    pub(super) current: Option<u32>,
    pub(super) sessions: BTreeMap<u32, Facts>,
    pub(super) phase: Phase,
    pub(super) limiters: Limiters,
    pub(super) breakers: Breakers,
    pub(super) store: BTreeMap<String, Stored>,
    pub(super) service: Service,
}

/// What may be done now.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Phase {
    /// Limiters and breakers may be defined.
    Configuring,
    /// They may not.
    Running,
}

/// One of the filter's files.
#[derive(Default)]
pub(super) struct File {
    pub(super) version: u64,
    pub(super) bytes: Option<Vec<u8>>,
}

/// An entry of the store.
pub(super) struct Stored {
    pub(super) value: Vec<u8>,
    pub(super) until_ms: u64,
}

/// What filters know of a session and have asked for it.
#[derive(Clone, Default, Debug)]
pub struct Facts {
    /// Names to values.
    pub attributes: BTreeMap<String, String>,
    /// Names to values; an empty one takes the client's header away.
    pub upstream_headers: BTreeMap<String, String>,
    /// In place of the client's.
    pub offered_subprotocols: Option<Vec<String>>,
    /// If the backend picks none.
    pub default_subprotocol: Option<String>,
    /// Numbers to when they are due, in milliseconds of the clock that never goes back.
    pub timers: BTreeMap<u32, u64>,
}

impl Default for Host {
    fn default() -> Self {
        Self {
            now_ms: 1_000_000,
            unix_base_ms: 1_700_000_000_000 - 1_000_000,
            random: 0x9e37_79b9_7f4a_7c15,
            log: Vec::new(),
            counters: BTreeMap::new(),
            files: BTreeMap::new(),
            current: None,
            sessions: BTreeMap::new(),
            phase: Phase::Configuring,
            limiters: Limiters::default(),
            breakers: Breakers::default(),
            store: BTreeMap::new(),
            service: Service::default(),
        }
    }
}

impl Host {
    /// Of the session that the current event is about.
    pub(super) fn facts(&mut self) -> Option<&mut Facts> {
        self.sessions.get_mut(&self.current?)
    }
}

/// Acts on the fake host of this thread.
pub(super) fn with<R>(act: impl FnOnce(&mut Host) -> R) -> R {
    HOST.with_borrow_mut(act)
}

/// A host that nothing has happened in yet, but for its files, its clock and its HTTP service, which tests set up before they start a filter.
pub(super) fn renew() {
    with(|host| {
        let (files, service) = (std::mem::take(&mut host.files), std::mem::take(&mut host.service));
        let (now_ms, unix_base_ms) = (host.now_ms, host.unix_base_ms);
        *host = Host { files, service, now_ms, unix_base_ms, ..Host::default() };
    });
}

/// Lets time pass on both clocks, without firing timers: that is [`Bench::advance`](super::Bench::advance).
pub fn move_clock(by: Duration) {
    with(|host| host.now_ms += by.as_millis() as u64);
}

/// What the wall clock has now.
pub fn unix_ms() -> u64 {
    with(|host| host.unix_base_ms + host.now_ms)
}

/// Sets the wall clock, and leaves the other one alone. Not before the time that the host has been up.
pub fn set_unix_ms(unix_ms: u64) {
    with(|host| host.unix_base_ms = unix_ms - host.now_ms);
}

/// Writes one of the filter's files.
pub fn set_file(name: &str, bytes: &[u8]) {
    with(|host| {
        let file = host.files.entry(name.to_owned()).or_default();
        if file.bytes.as_deref() != Some(bytes) {
            *file = File { version: file.version + 1, bytes: Some(bytes.to_owned()) };
        }
    });
}

/// Makes one of the filter's files unreadable.
pub fn remove_file(name: &str) {
    with(|host| {
        let file = host.files.entry(name.to_owned()).or_default();
        *file = File { version: file.version + 1, bytes: None };
    });
}

/// What was logged so far.
pub fn log_lines() -> Vec<(Level, String)> {
    with(|host| host.log.clone())
}

/// The sum of a counter.
pub fn counter(name: &str) -> u64 {
    with(|host| host.counters.get(name).copied().unwrap_or(0))
}
