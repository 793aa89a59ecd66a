//! The journal: every message of every room, one line of JSON each, in the order of their numbers. It is what lets the
//! backend crash at any time and go on with the next number, knowing what it has already taken.

use std::fs::{File, OpenOptions};
use std::io::{self, BufRead, BufReader, Write};
use std::path::Path;

use serde::{Deserialize, Serialize};

/// What was said in a room.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Said {
    pub(crate) room: String,
    /// Counts the room's messages from 1.
    pub(crate) number: u64,
    /// Who said it.
    pub(crate) from: String,
    /// The client's own name for the message; the same again is the same message.
    pub(crate) id: String,
    pub(crate) text: String,
}

/// Open for adding to.
pub(crate) struct Journal(File);

impl Journal {
    /// Opens the journal in this folder, and reads what is in it.
    pub(crate) fn open(folder: &Path) -> io::Result<(Self, Vec<Said>)> {
        std::fs::create_dir_all(folder)?;
        let mut file = OpenOptions::new().read(true).append(true).create(true).open(folder.join("chat.jsonl"))?;
        let mut said = Vec::new();
        let mut torn = false;
        for line in BufReader::new(&file).lines() {
            match serde_json::from_str(&line?) {
                Ok(entry) => said.push(entry),
                // The last line of a process that died while writing. Nobody was told of that message.
                Err(_) => torn = true,
            }
        }
        if torn {
            file.write_all(b"\n")?;
        }
        Ok((Self(file), said))
    }

    /// Adds one message. When this returns it outlives the process, though not the machine.
    pub(crate) fn add(&mut self, said: &Said) -> io::Result<()> {
        let mut line = serde_json::to_vec(said)?;
        line.push(b'\n');
        self.0.write_all(&line)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_added_is_there_when_the_journal_is_opened_again() {
        let folder = std::env::temp_dir().join(format!("chat-journal-{}", std::process::id()));
        let said = |number| Said {
            room: "lobby".into(),
            number,
            from: "ada".into(),
            id: format!("a{number}"),
            text: "hello\nworld".into(),
        };
        let (mut journal, before) = Journal::open(&folder).unwrap();
        assert!(before.is_empty());
        journal.add(&said(1)).unwrap();
        journal.0.write_all(b"{\"room\":\"lobby\",\"numb").unwrap();
        let (mut journal, _) = Journal::open(&folder).unwrap();
        journal.add(&said(2)).unwrap();
        let (_, after) = Journal::open(&folder).unwrap();
        assert_eq!(after.iter().map(|said| said.number).collect::<Vec<_>>(), [1, 2]);
        std::fs::remove_dir_all(&folder).unwrap();
    }
}
