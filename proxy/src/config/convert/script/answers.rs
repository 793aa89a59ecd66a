//! Which answers an event can have.

use super::super::Convert;
use crate::config::path::Path;
use crate::workshop::script::{Event, Wanted};

impl Convert<'_> {
    /// Whether this can be the answer to that event.
    pub(super) fn suits(&mut self, wanted: &Wanted, event: &Event, path: &Path) {
        let kind = match event {
            Event::Connect(_) => Kind::Admission,
            Event::Message(..) => Kind::Verdict,
            Event::Upstream(_) | Event::Heartbeat(_) => Kind::Reaction,
            Event::Answer(_) => Kind::Any,
            Event::Advance { .. } => {
                let help = "write what timers answer under 'fires': [{ timer: 1, expect: … }]".to_owned();
                return self.note_key(path, "time alone is not answered".to_owned(), Some(help));
            }
            Event::Files(_) | Event::Reload(_) | Event::InstanceLost | Event::Close(_) => {
                let help = "remove it; what it leads to is seen at the session's next event".to_owned();
                return self.note_key(path, "the filter does not answer to this".to_owned(), Some(help));
            }
        };
        self.suits_kind(wanted, kind, path);
    }

    pub(super) fn suits_kind(&mut self, wanted: &Wanted, kind: Kind, path: &Path) {
        let (is, known) = match wanted {
            Wanted::Accept | Wanted::Refuse(_) => (Kind::Admission, kind),
            Wanted::Continue
            | Wanted::Remember
            | Wanted::Replace(_)
            | Wanted::Reply(_)
            | Wanted::Drop
            | Wanted::Heartbeat(_) => (Kind::Verdict, kind),
            Wanted::None | Wanted::Send(_) => (Kind::Reaction, kind),
            Wanted::Close(_) if kind != Kind::Admission => return,
            Wanted::Close(_) => (Kind::Verdict, kind),
            Wanted::Unasked | Wanted::CallOut(_) | Wanted::Fail(_) => return,
        };
        if is != known && known != Kind::Any {
            let help = format!("known here: {}", known.answers());
            self.note(path, "this is not an answer to what happens here".to_owned(), Some(help));
        }
    }
}

/// What an event is answered with.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Admission,
    Verdict,
    Reaction,
    Any,
}

impl Kind {
    fn answers(self) -> &'static str {
        match self {
            Self::Admission => "accept, refuse, call_out, unasked, fail",
            Self::Verdict => "continue, remember, replace, reply, drop, heartbeat, close, call_out, unasked, fail",
            Self::Reaction => "none, send, close, call_out, unasked, fail",
            Self::Any => "any",
        }
    }
}
