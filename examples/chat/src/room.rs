//! Rooms: who says what, in which order. Each message gets the room's next number; a message that is sent again (same
//! sender, same id) keeps the number it has, so "at least once" on the way here is "once" in the room.

use std::collections::{HashMap, HashSet, VecDeque};
use std::io;
use std::path::Path;
use std::sync::{Mutex, PoisonError};

use tokio::sync::watch;

use crate::journal::{Journal, Said};

/// Rooms there may be.
const ROOMS_MAX: usize = 100;
/// Messages of a room that are kept in memory: how far a client can have been away.
const KEPT_MAX: usize = 1_000;

/// All rooms, shared by all connections.
pub(crate) struct Rooms(Mutex<Inner>);

struct Inner {
    journal: Journal,
    rooms: HashMap<String, Room>,
}

#[derive(Default)]
struct Room {
    said: VecDeque<Said>,
    /// Sender and id of everything in `said`.
    known: HashSet<(String, String)>,
    /// The number of the last message.
    last: watch::Sender<u64>,
}

impl Rooms {
    /// As the journal in this folder has them.
    pub(crate) fn open(folder: &Path) -> io::Result<Self> {
        let (journal, said) = Journal::open(folder)?;
        let mut inner = Inner { journal, rooms: HashMap::new() };
        for said in said {
            inner.rooms.entry(said.room.clone()).or_default().keep(said);
        }
        Ok(Self(Mutex::new(inner)))
    }

    /// Tells of new messages in a room; nothing if there are too many rooms.
    pub(crate) fn enter(&self, room: &str) -> Option<watch::Receiver<u64>> {
        let mut inner = self.lock();
        if inner.rooms.len() >= ROOMS_MAX && !inner.rooms.contains_key(room) {
            return None;
        }
        Some(inner.rooms.entry(room.to_owned()).or_default().last.subscribe())
    }

    /// Says something in a room that was entered.
    pub(crate) fn say(&self, room: &str, from: &str, id: String, text: String) -> io::Result<()> {
        let mut inner = self.lock();
        let Inner { journal, rooms } = &mut *inner;
        let Some(place) = rooms.get_mut(room) else { return Ok(()) };
        if place.known.contains(&(from.to_owned(), id.clone())) {
            return Ok(());
        }
        let number = *place.last.borrow() + 1;
        let said = Said { room: room.to_owned(), number, from: from.to_owned(), id, text };
        journal.add(&said)?;
        place.keep(said);
        Ok(())
    }

    /// What was said in a room after a message of this number.
    pub(crate) fn after(&self, room: &str, number: u64) -> Vec<Said> {
        let inner = self.lock();
        let Some(room) = inner.rooms.get(room) else { return Vec::new() };
        room.said.iter().filter(|said| said.number > number).cloned().collect()
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Inner> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Room {
    fn keep(&mut self, said: Said) {
        if self.said.len() == KEPT_MAX
            && let Some(old) = self.said.pop_front()
        {
            self.known.remove(&(old.from, old.id));
        }
        self.known.insert((said.from.clone(), said.id.clone()));
        self.last.send_replace(said.number);
        self.said.push_back(said);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_sent_again_keeps_its_number_also_after_a_crash() {
        let folder = std::env::temp_dir().join(format!("chat-room-{}", std::process::id()));
        for _ in 0..2 {
            let rooms = Rooms::open(&folder).unwrap();
            rooms.enter("lobby").unwrap();
            for id in ["a1", "a2", "a1"] {
                rooms.say("lobby", "ada", id.into(), "hello".into()).unwrap();
            }
            let numbers: Vec<_> = rooms.after("lobby", 0).into_iter().map(|said| (said.number, said.id)).collect();
            assert_eq!(numbers, [(1, "a1".into()), (2, "a2".into())]);
        }
        std::fs::remove_dir_all(&folder).unwrap();
    }
}
