//! Every session that is open, and whose it is. Pure: notes and `now` come in, happenings come out.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use super::Settings;
use super::identities::{Census, Identities, Joined};
use super::mailbox::Note;
use super::presence::{ClientChange, ClientReason, Standing, Survivor};
use crate::dataplane::state::{Ended, SessionState};
use crate::id::SessionId;
use crate::time::Instant;

/// See the module.
pub(super) struct Roster {
    sessions: HashMap<SessionId, Known>,
    identities: Identities,
    stages: [usize; Stage::ALL.len()],
}

/// A session that is open.
struct Known {
    stage: Stage,
    /// It counts for this identity.
    identity: Option<Arc<str>>,
    /// An identity that it does not count for, as there was no room.
    unfollowed: Option<Arc<str>>,
    since: Instant,
}

/// The states of an open session.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Stage {
    Connecting,
    Connected,
    Holding,
    Draining,
}

impl Stage {
    pub(super) const ALL: [Self; 4] = [Self::Connecting, Self::Connected, Self::Holding, Self::Draining];

    pub(super) fn label(self) -> &'static str {
        match self {
            Self::Connecting => "connecting",
            Self::Connected => "connected",
            Self::Holding => "holding",
            Self::Draining => "draining",
        }
    }
}

/// Something that whoever keeps count of clients may want to hear of.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Happening {
    /// Of a session.
    Session(SessionChange),
    /// Of a client.
    Client(ClientChange),
    /// Changes came faster than they could be followed, and so many were merged into later ones.
    Merged(u64),
}

/// A session is in another state than before.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct SessionChange {
    /// Which.
    pub session: SessionId,
    /// Its route's name.
    pub route: Arc<str>,
    /// Where its client is.
    pub peer: SocketAddr,
    /// Whose it is, if that is known.
    pub identity: Option<Arc<str>>,
    /// When.
    pub at: Instant,
    /// What it is now.
    pub state: SessionState,
    /// How long it has been there.
    pub age: Duration,
}

/// Clients of an earlier life of this process, as they stood when it died.
pub type Survivors = Vec<Survivor>;

impl Roster {
    pub(super) fn new(settings: &Settings) -> Self {
        let identities = Identities::new(settings.grace, settings.entries_max);
        Self { sessions: HashMap::new(), identities, stages: [0; Stage::ALL.len()] }
    }

    /// Clients that were there when an earlier process died have their grace from now on.
    pub(super) fn recall(&mut self, survivors: &Survivors, now: Instant, tell: &mut impl FnMut(Happening)) {
        for survivor in survivors {
            self.identities.recall(survivor, now, &mut |change| tell(Happening::Client(change)));
        }
    }

    /// Whether the note is of a client that had been gone.
    pub(super) fn handle(&mut self, note: &Note, tell: &mut impl FnMut(Happening)) -> Joined {
        let stage = match note.state {
            SessionState::Connecting => Stage::Connecting,
            SessionState::Connected => Stage::Connected,
            SessionState::Holding => Stage::Holding,
            SessionState::Draining => Stage::Draining,
            SessionState::Disconnected(ended) => {
                self.remove(note, ended, tell);
                return Joined::Here;
            }
        };
        self.stages[stage as usize] += 1;
        let (before, since) = match self.sessions.entry(note.session) {
            Entry::Vacant(entry) => {
                entry.insert(Known { stage, identity: None, unfollowed: None, since: note.at });
                (None, note.at)
            }
            Entry::Occupied(mut entry) => {
                let known = entry.get_mut();
                let before = std::mem::replace(&mut known.stage, stage);
                self.stages[before as usize] -= 1;
                (Some(before), known.since)
            }
        };
        if stage == Stage::Connecting {
            return Joined::Here;
        }
        if before != Some(stage) {
            tell(note.happening(note.at - since));
        }
        self.rename(note, tell)
    }

    /// A session may come to its identity late, or change it.
    fn rename(&mut self, note: &Note, tell: &mut impl FnMut(Happening)) -> Joined {
        let Some(known) = self.sessions.get_mut(&note.session) else { return Joined::Here };
        if known.identity == note.identity || (note.identity.is_some() && known.unfollowed == note.identity) {
            return Joined::Here;
        }
        let tell = &mut |change| tell(Happening::Client(change));
        known.unfollowed = None;
        if let Some(before) = known.identity.take() {
            self.identities.leave(&before, ClientReason::Renamed, note.at, tell);
        }
        let Some(identity) = &note.identity else { return Joined::Here };
        let joined = self.identities.join(identity, note.at, tell);
        match joined {
            Joined::Here | Joined::Back => known.identity = Some(Arc::clone(identity)),
            Joined::NoRoom => known.unfollowed = Some(Arc::clone(identity)),
        }
        joined
    }

    fn remove(&mut self, note: &Note, ended: Ended, tell: &mut impl FnMut(Happening)) {
        let Some(known) = self.sessions.remove(&note.session) else { return };
        self.stages[known.stage as usize] -= 1;
        // Nobody was told that it came.
        if known.stage == Stage::Connecting {
            return;
        }
        tell(note.happening(note.at - known.since));
        if let Some(identity) = known.identity {
            let reason = ClientReason::Ended(ended.reason);
            self.identities.leave(&identity, reason, note.at, &mut |change| tell(Happening::Client(change)));
        }
    }

    pub(super) fn handle_deadlines(&mut self, now: Instant, tell: &mut impl FnMut(Happening)) {
        self.identities.handle_deadlines(now, &mut |change| tell(Happening::Client(change)));
    }

    /// The process ends: nobody will be there to tell later of those that do not come back.
    pub(super) fn handle_end(&mut self, tell: &mut impl FnMut(Happening)) {
        self.handle_deadlines(Instant::NEVER, tell);
    }

    pub(super) fn next_deadline(&self) -> Instant {
        self.identities.next_deadline()
    }

    pub(super) fn standing(&self, identity: &str) -> Option<Standing> {
        self.identities.standing(identity)
    }

    pub(super) fn census(&self) -> Census {
        self.identities.census()
    }

    /// Open sessions in this state.
    pub(super) fn sessions(&self, stage: Stage) -> usize {
        self.stages[stage as usize]
    }
}

impl Note {
    fn happening(&self, age: Duration) -> Happening {
        Happening::Session(SessionChange {
            session: self.session,
            route: Arc::from(&*self.route.name),
            peer: self.peer,
            identity: self.identity.clone(),
            at: self.at,
            state: self.state,
            age,
        })
    }
}
