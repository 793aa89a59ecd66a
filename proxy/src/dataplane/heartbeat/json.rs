//! JSON messages that are heartbeats: a pattern that some fields match, and a template for the answer. Only messages in
//! which the pattern's words are found as they stand are parsed, and only if they are of a heartbeat's size, so that others
//! cost a search. Protocols that many use are [`presets`].

mod pattern;
mod presets;
mod template;

use memchr::memmem;

pub use pattern::PatternError;
pub use presets::Preset;
pub use template::TemplateError;

use self::pattern::Pattern;
use self::template::Template;
use super::{Finding, Sender, is_of_heartbeats_size};
use crate::dataplane::message::{Direction, Message, MessageKind};
use crate::time::UnixTime;

/// See the module.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Json {
    from: Sender,
    pattern: Pattern,
    /// What stands in every message that matches, those that stand in the fewest others first.
    words: Box<[Box<[u8]>]>,
    reply: Option<Template>,
}

impl Json {
    /// Messages of this sender that have the fields of `pattern`, whatever others they have, and the answer to them: none,
    /// or `reply`. In `pattern` the text `{any}` stands for any value. In `reply`, `{a.b}` stands for the field `b` of the
    /// message's field `a`, and `{now:ms}`, `{now:s}`, `{now:rfc3339}` for the time.
    ///
    /// # Errors
    /// If the pattern would match almost anything.
    pub fn new(
        from: Sender,
        pattern: &serde_json::Value,
        reply: Option<&serde_json::Value>,
    ) -> Result<Self, JsonError> {
        let pattern = Pattern::new(pattern)?;
        Ok(Self { from, words: pattern.words()?, pattern, reply: reply.map(Template::new).transpose()? })
    }

    pub(super) fn find(
        &self,
        direction: Direction,
        kind: MessageKind,
        payload: &[u8],
        clock: fn() -> UnixTime,
    ) -> Finding {
        let is_candidate = self.from.sends(direction)
            && is_of_heartbeats_size(payload)
            && self.words.iter().all(|word| memmem::find(payload, word).is_some());
        if !is_candidate {
            return Finding::Other;
        }
        match serde_json::from_slice(payload) {
            Ok(message) if self.pattern.matches(&message) => {
                let answer = self.reply.as_ref().map(|reply| reply.fill_in(&message, clock));
                Finding::Heartbeat(answer.map(|payload| Message { kind, payload }))
            }
            _ => Finding::Other,
        }
    }
}

/// Why a pattern or a template cannot be used.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum JsonError {
    /// The pattern's fault.
    #[error(transparent)]
    Pattern(#[from] PatternError),
    /// The template's.
    #[error(transparent)]
    Template(#[from] TemplateError),
}

#[cfg(test)]
mod tests;
