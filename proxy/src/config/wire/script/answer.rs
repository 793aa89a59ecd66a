//! What a filter is to answer, and what is answered to its callouts.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Content, PayloadOrText, TextMatch};
use crate::config::scalar::TimeOrZero;

/// An answer by its name, or with what it says.
#[derive(Deserialize, Serialize, JsonSchema, Debug)]
#[serde(untagged)]
pub(in crate::config) enum Expect {
    /// By its name alone.
    Word(ExpectWord),
    /// With what it says.
    Answer(Box<ExpectAnswer>),
}

/// An answer by its name.
#[derive(Deserialize, Serialize, JsonSchema, Clone, Copy, PartialEq, Eq, Debug)]
#[serde(rename_all = "snake_case")]
pub(in crate::config) enum ExpectWord {
    /// A handshake is let in.
    Accept,
    /// A message goes on as it is.
    Continue,
    /// A message goes on, and is said again to later upstreams.
    Remember,
    /// A message goes no further.
    Drop,
    /// A message was a heartbeat, and is not answered.
    Heartbeat,
    /// The filter is not called, as it did not subscribe.
    Unasked,
    /// Nothing is done.
    None,
    /// The call fails, for whatever cause.
    Fail,
}

/// An answer with what it says.
#[derive(Deserialize, Serialize, JsonSchema, Debug)]
#[serde(rename_all = "snake_case")]
pub(in crate::config) enum ExpectAnswer {
    /// A handshake is refused.
    Refuse(RefusalOrStatus),
    /// Another message goes on, of the same kind.
    Replace(Content),
    /// A message's sender is answered, and nothing goes on.
    Reply(Content),
    /// A message was a heartbeat, and is answered.
    Heartbeat(Content),
    /// The client is sent this.
    Send(Content),
    /// The session ends.
    Close(CloseOrCode),
    /// An HTTP service is asked.
    CallOut(Box<Request>),
    /// The call fails, and the cause has this in it.
    Fail(TextMatch),
}

/// A refusal by its status, or with more.
#[derive(Deserialize, Serialize, JsonSchema, Debug)]
#[serde(untagged)]
pub(in crate::config) enum RefusalOrStatus {
    /// 300 to 599.
    Status(u16),
    /// With more.
    Refusal(Box<Refusal>),
}

/// A refusal. What is not written is not compared.
#[derive(Deserialize, Serialize, JsonSchema, Default, Debug)]
#[serde(default, deny_unknown_fields)]
pub(in crate::config) struct Refusal {
    /// 300 to 599.
    pub(in crate::config) status: Option<u16>,
    /// These, and perhaps others. Null: not there.
    pub(in crate::config) headers: BTreeMap<String, Option<TextMatch>>,
    /// Its body.
    pub(in crate::config) body: Option<Content>,
}

/// A close by its code, or with more.
#[derive(Deserialize, Serialize, JsonSchema, Debug)]
#[serde(untagged)]
pub(in crate::config) enum CloseOrCode {
    /// 1000 to 4999; 1005 for none.
    Code(u16),
    /// With more.
    Close(Close),
}

/// How a session ends.
#[derive(Deserialize, Serialize, JsonSchema, Default, Debug)]
#[serde(default, deny_unknown_fields)]
#[schemars(extend("required" = ["code"]))]
pub(in crate::config) struct Close {
    /// 1000 to 4999; 1005 for none.
    pub(in crate::config) code: u16,
    /// At most 123 bytes. In an expectation: what is not written is not compared.
    pub(in crate::config) reason: Option<String>,
}

/// A callout. What is not written is not compared.
#[derive(Deserialize, Serialize, JsonSchema, Default, Debug)]
#[serde(default, deny_unknown_fields)]
pub(in crate::config) struct Request {
    /// `GET`, `POST`.
    pub(in crate::config) method: Option<String>,
    /// The whole URL.
    pub(in crate::config) url: Option<TextMatch>,
    /// These, and perhaps others. Null: not there.
    pub(in crate::config) headers: BTreeMap<String, Option<TextMatch>>,
    /// Its body.
    pub(in crate::config) body: Option<Content>,
    /// The answer must be there after this time; 0s is the configuration's.
    pub(in crate::config) timeout: Option<TimeOrZero>,
}

/// What is answered to a callout: a status, or why there is none.
#[derive(Deserialize, Serialize, JsonSchema, Default, Debug)]
#[serde(default, deny_unknown_fields)]
pub(in crate::config) struct CalloutAnswer {
    /// Of the response.
    #[schemars(range(min = 100, max = 599))]
    pub(in crate::config) status: Option<u16>,
    /// Of the response.
    pub(in crate::config) headers: BTreeMap<String, String>,
    /// Of the response.
    pub(in crate::config) body: Option<PayloadOrText>,
    /// Why there is no response.
    pub(in crate::config) error: Option<CalloutError>,
}

/// Why there is no response.
#[derive(Deserialize, Serialize, JsonSchema, Clone, Copy, Debug)]
#[serde(rename_all = "kebab-case")]
pub(in crate::config) enum CalloutError {
    /// The configuration does not allow it.
    Forbidden,
    /// Too many are under way.
    Busy,
    /// None came in time.
    Timeout,
    /// No connection.
    Unreachable,
    /// It is longer than allowed.
    TooLarge,
}

/// What a session took in of an earlier version's state.
#[derive(Deserialize, Serialize, JsonSchema, Debug)]
#[serde(untagged)]
pub(in crate::config) enum Restored {
    /// Nothing.
    Nothing(Nothing),
    /// This.
    State(PayloadOrText),
}

/// The word `nothing`.
#[derive(Deserialize, Serialize, JsonSchema, Clone, Copy, Debug)]
#[serde(rename_all = "kebab-case")]
pub(in crate::config) enum Nothing {
    /// Nothing.
    Nothing,
}
