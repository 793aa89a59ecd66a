//! The message with which a client brings a fresh token. It does not reach the backend.

use belay_filter::{Incoming, Interest, Message, MessageKind, Verdict, configured};
use serde::Deserialize;
use serde_json::Value;

use crate::jws::TOKEN_BYTES_MAX;

/// What such a message looks like, and what is said to it.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Refresh {
    /// A text that begins with this; what follows is the token.
    prefix: Option<String>,
    /// A JSON object with this field, which is the token.
    field: Option<String>,
    /// What a client is told whose token was good; nothing if absent.
    reply: Option<String>,
}

/// Longer prefixes and field names help nobody.
const MARK_BYTES_MAX: usize = 256;
/// What JSON may have around a token.
const JSON_BYTES_MAX: usize = 1024;

/// What a message is to us.
#[derive(PartialEq, Eq, Debug)]
pub(crate) enum Content {
    Other,
    Token(String),
    TooLong,
}

impl Refresh {
    pub(crate) fn check(&self) -> configured::Result<()> {
        let (Some(mark), None) =
            (self.prefix.as_ref().or(self.field.as_ref()), self.prefix.as_ref().and(self.field.as_ref()))
        else {
            return Err(configured::Error::at("refresh", "takes either a prefix or a field"));
        };
        if mark.is_empty() || mark.len() > MARK_BYTES_MAX {
            return Err(configured::Error::at("refresh", "the prefix or field has 1 to 256 bytes"));
        }
        Ok(())
    }

    /// Enough to hold a whole one.
    pub(crate) fn interest(&self) -> Interest {
        Interest::Prefix((MARK_BYTES_MAX + JSON_BYTES_MAX + TOKEN_BYTES_MAX) as u32)
    }

    pub(crate) fn token_in(&self, message: &Incoming) -> Content {
        if message.kind != MessageKind::Text {
            return Content::Other;
        }
        let payload = &*message.payload;
        let cut = message.size as usize > payload.len();
        if let Some(prefix) = &self.prefix {
            return match payload.strip_prefix(prefix.as_bytes()) {
                None => Content::Other,
                Some(_) if cut => Content::TooLong,
                Some(token) => Content::Token(String::from_utf8_lossy(token).trim().to_owned()),
            };
        }
        // A message that was cut is larger than any with a token; it is what users say, and may be anything.
        match self.field.as_deref().filter(|field| !cut && contains(payload, field.as_bytes())) {
            Some(field) => field_of(payload, field).map_or(Content::Other, Content::Token),
            None => Content::Other,
        }
    }

    pub(crate) fn answer(&self) -> Verdict {
        self.reply.as_ref().map_or(Verdict::Drop, |text| Verdict::Reply(Message::text(text)))
    }
}

/// A quick look, so that not every message is parsed.
fn contains(payload: &[u8], field: &[u8]) -> bool {
    payload.first() == Some(&b'{') && payload.windows(field.len()).any(|window| window == field)
}

fn field_of(payload: &[u8], field: &str) -> Option<String> {
    let json: Value = serde_json::from_slice(payload).ok()?;
    Some(json.get(field)?.as_str()?.to_owned())
}
