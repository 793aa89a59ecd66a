//! Client identities: connected while any of their sessions is, reconnecting for a grace after the last has gone, then
//! disconnected. Pure: `now` comes in, changes come out. Which session is whose is the [`super::roster`]'s.

use std::collections::{BTreeSet, HashMap};
use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use super::presence::{ClientChange, ClientReason, Presence, Standing, Survivor};
use crate::time::Instant;

/// All identities that are remembered.
pub(super) struct Identities {
    grace: Duration,
    entries_max: usize,
    clients: HashMap<Arc<str>, Client>,
    /// Those that are reconnecting, by when they will be disconnected.
    leaving: BTreeSet<(Instant, Arc<str>)>,
    /// Those that are disconnected, by since when.
    gone: BTreeSet<(Instant, Arc<str>)>,
    untracked: u64,
}

/// One identity.
#[derive(Clone, Copy, Debug)]
struct Client {
    presence: Presence,
    since: Instant,
    connects: u64,
    reconnects: u64,
}

/// Clients by their state.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(super) struct Census {
    pub(super) connected: usize,
    pub(super) reconnecting: usize,
    pub(super) disconnected: usize,
    /// Sessions whose identity found no room.
    pub(super) untracked: u64,
}

/// Whether a session counts for its identity.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Joined {
    /// A client that was never heard of, or one with a session more.
    Here,
    /// A client that had been gone.
    Back,
    /// There is no room for it.
    NoRoom,
}

impl Identities {
    pub(super) fn new(grace: Duration, entries_max: usize) -> Self {
        Self {
            grace,
            entries_max,
            clients: HashMap::new(),
            leaving: BTreeSet::new(),
            gone: BTreeSet::new(),
            untracked: 0,
        }
    }

    /// A session of this client is connected.
    pub(super) fn join(&mut self, identity: &Arc<str>, now: Instant, tell: &mut impl FnMut(ClientChange)) -> Joined {
        let Some(client) = self.clients.get_mut(identity) else {
            if !self.make_room() {
                self.untracked += 1;
                return Joined::NoRoom;
            }
            let presence = Presence::Connected { sessions: NonZeroU32::MIN };
            let client = Client { presence, since: now, connects: 1, reconnects: 0 };
            tell(client.change(identity, None));
            self.clients.insert(Arc::clone(identity), client);
            return Joined::Here;
        };
        client.connects += 1;
        match &mut client.presence {
            // Connected => Connected
            Presence::Connected { sessions } => {
                *sessions = sessions.saturating_add(1);
                return Joined::Here;
            }
            // (Reconnecting | Disconnected) => Connected
            Presence::Reconnecting { until, .. } => drop(self.leaving.remove(&(*until, Arc::clone(identity)))),
            Presence::Disconnected { .. } => drop(self.gone.remove(&(client.since, Arc::clone(identity)))),
        }
        let away = now - client.since;
        client.reconnects += 1;
        client.presence = Presence::Connected { sessions: NonZeroU32::MIN };
        client.since = now;
        tell(client.change(identity, Some(away)));
        Joined::Back
    }

    /// A session of this client is connected no more.
    pub(super) fn leave(
        &mut self,
        identity: &Arc<str>,
        reason: ClientReason,
        now: Instant,
        tell: &mut impl FnMut(ClientChange),
    ) {
        let Some(client) = self.clients.get_mut(identity) else { return };
        let Presence::Connected { sessions } = &mut client.presence else { return };
        // Connected => Connected
        if let Some(fewer) = NonZeroU32::new(sessions.get() - 1) {
            *sessions = fewer;
            return;
        }
        // Connected => Reconnecting
        let until = now + self.grace;
        client.presence = Presence::Reconnecting { until, reason };
        client.since = now;
        tell(client.change(identity, None));
        self.leaving.insert((until, Arc::clone(identity)));
    }

    /// A client of an earlier life of this process, which died when the client was there, or just gone.
    pub(super) fn recall(&mut self, survivor: &Survivor, now: Instant, tell: &mut impl FnMut(ClientChange)) {
        let Survivor { identity, reason, connects, reconnects } = survivor.clone();
        if self.clients.contains_key(&identity) || !self.make_room() {
            return;
        }
        let until = now + self.grace;
        let presence = Presence::Reconnecting { until, reason };
        let client = Client { presence, since: now, connects, reconnects };
        if reason == ClientReason::ProxyDied {
            tell(client.change(&identity, None));
        }
        self.clients.insert(Arc::clone(&identity), client);
        self.leaving.insert((until, identity));
    }

    /// Whether there is a place for one more, perhaps since the one that has been gone longest was forgotten.
    fn make_room(&mut self) -> bool {
        if self.clients.len() >= self.entries_max
            && let Some((_, identity)) = self.gone.pop_first()
        {
            self.clients.remove(&identity);
        }
        self.clients.len() < self.entries_max
    }

    /// Those whose grace is over are disconnected.
    // Reconnecting => Disconnected
    pub(super) fn handle_deadlines(&mut self, now: Instant, tell: &mut impl FnMut(ClientChange)) {
        while let Some((until, identity)) = self.leaving.pop_first() {
            if until > now {
                self.leaving.insert((until, identity));
                return;
            }
            let Some(client) = self.clients.get_mut(&identity) else { continue };
            let Presence::Reconnecting { reason, .. } = client.presence else { continue };
            client.presence = Presence::Disconnected { reason };
            tell(client.change(&identity, None));
            self.gone.insert((client.since, identity));
        }
    }

    /// When [`Self::handle_deadlines`] has something to do.
    pub(super) fn next_deadline(&self) -> Instant {
        self.leaving.first().map_or(Instant::NEVER, |(until, _)| *until)
    }

    pub(super) fn standing(&self, identity: &str) -> Option<Standing> {
        self.clients.get(identity).map(Client::standing)
    }

    pub(super) fn census(&self) -> Census {
        let (reconnecting, disconnected) = (self.leaving.len(), self.gone.len());
        let connected = self.clients.len() - reconnecting - disconnected;
        Census { connected, reconnecting, disconnected, untracked: self.untracked }
    }
}

impl Client {
    fn standing(&self) -> Standing {
        let Self { presence, since, connects, reconnects } = *self;
        Standing { presence, since, connects, reconnects }
    }

    fn change(&self, identity: &Arc<str>, away: Option<Duration>) -> ClientChange {
        ClientChange { identity: Arc::clone(identity), now: self.standing(), away }
    }
}
