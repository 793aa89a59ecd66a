//! From the workers to the thread that follows clients: a bounded box of notes. When it is full, the notes of a session
//! are merged into its last one, since the last one says what is true now; what a merge leaves out is counted.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;

use crate::dataplane::route::Route;
use crate::dataplane::state::{SessionState, StateChange};
use crate::id::SessionId;
use crate::time::Instant;

/// A change as it waits to be read.
#[derive(Clone, Debug)]
pub(super) struct Note {
    pub(super) session: SessionId,
    pub(super) route: Arc<Route>,
    pub(super) peer: SocketAddr,
    pub(super) identity: Option<Arc<str>>,
    pub(super) at: Instant,
    pub(super) state: SessionState,
}

impl Note {
    pub(super) fn of(change: &StateChange<'_>, attribute: &str) -> Self {
        Self {
            session: change.session,
            route: Arc::clone(change.route),
            peer: change.peer,
            identity: change.facts.attribute(attribute).filter(|name| !name.is_empty()).map(Arc::from),
            at: change.at,
            state: change.state,
        }
    }
}

/// See the module.
pub(super) struct Mailbox {
    notes: Mutex<Notes>,
    filled: Notify,
    notes_max: usize,
}

struct Notes {
    waiting: Vec<Note>,
    /// Merge when there are so many.
    merge_at: usize,
    merged: u64,
}

/// A second's worth of a reconnecting crowd, 6 MB. After a merge there is one note for each session that its reader or a
/// worker knows, so twice the listeners' connections are the bound when the reader stands still.
const NOTES_MAX: usize = 65_536;

impl Default for Mailbox {
    fn default() -> Self {
        Self::new(NOTES_MAX)
    }
}

impl Mailbox {
    fn new(notes_max: usize) -> Self {
        let notes = Notes { waiting: Vec::new(), merge_at: notes_max, merged: 0 };
        Self { notes: Mutex::new(notes), filled: Notify::new(), notes_max }
    }

    fn notes(&self) -> MutexGuard<'_, Notes> {
        self.notes.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Never waits for its reader.
    pub(super) fn put(&self, note: Note) {
        let mut notes = self.notes();
        let was_empty = notes.waiting.is_empty();
        notes.waiting.push(note);
        if notes.waiting.len() >= notes.merge_at {
            notes.merge();
            notes.merge_at = self.notes_max.max(notes.waiting.len() * 2);
        }
        drop(notes);
        if was_empty {
            self.filled.notify_one();
        }
    }

    /// Whether something waits.
    pub(super) async fn filled(&self) {
        self.filled.notified().await;
    }

    /// Everything that waits, in its order.
    pub(super) fn take(&self) -> Vec<Note> {
        let mut notes = self.notes();
        notes.merge_at = self.notes_max;
        std::mem::take(&mut notes.waiting)
    }

    /// Changes that were merged away, ever.
    pub(super) fn merged(&self) -> u64 {
        self.notes().merged
    }
}

impl Notes {
    fn merge(&mut self) {
        let before = self.waiting.len();
        let mut last = HashMap::with_capacity(before);
        let mut unheard_of = HashMap::new();
        for (index, note) in self.waiting.iter().enumerate() {
            last.insert(note.session, index);
            unheard_of.entry(note.session).or_insert(note.state == SessionState::Connecting);
        }
        let mut index = 0;
        self.waiting.retain(|note| {
            let is_last = last.get(&note.session) == Some(&index);
            index += 1;
            // One that came and went between two readings was never known, so that it went says nothing.
            let went = matches!(note.state, SessionState::Disconnected(_));
            is_last && !(went && unheard_of.get(&note.session) == Some(&true))
        });
        self.merged += (before - self.waiting.len()) as u64;
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::{ended, note};
    use super::*;
    use crate::dataplane::state::EndReason;

    #[test]
    fn a_full_box_keeps_the_last_word_of_each_session() {
        let mailbox = Mailbox::new(4);
        mailbox.put(note(1, 0, SessionState::Connected));
        mailbox.put(note(1, 1, SessionState::Holding));
        mailbox.put(note(2, 2, SessionState::Connecting));
        assert_eq!(mailbox.merged(), 0);
        mailbox.put(note(1, 3, SessionState::Connected));
        assert_eq!(mailbox.merged(), 2);
        let kept: Vec<_> = mailbox.take().into_iter().map(|note| (note.session, note.state)).collect();
        assert_eq!(kept, [(2.into(), SessionState::Connecting), (1.into(), SessionState::Connected)]);
    }

    #[test]
    fn a_full_box_forgets_who_came_and_went_but_not_who_only_went() {
        let mailbox = Mailbox::new(4);
        mailbox.put(note(1, 0, SessionState::Connecting));
        mailbox.put(note(1, 1, SessionState::Connected));
        mailbox.put(note(1, 2, ended(EndReason::ClientGone)));
        mailbox.put(note(2, 3, ended(EndReason::ClientGone)));
        let kept: Vec<_> = mailbox.take().into_iter().map(|note| note.session).collect();
        assert_eq!(kept, [2.into()]);
        assert_eq!(mailbox.merged(), 3);
    }

    #[test]
    fn a_box_that_nobody_reads_holds_a_note_for_each_open_session() {
        let mailbox = Mailbox::new(64);
        for round in 0..1000 {
            for session in 0..10 {
                mailbox.put(note(session, round, SessionState::Connected));
                mailbox.put(note(session, round, SessionState::Holding));
            }
        }
        assert!(mailbox.take().len() <= 64);
    }
}
