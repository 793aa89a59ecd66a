//! What a filter is to answer. Whether it does is `rehearsal`'s.

use std::time::Duration;

use serde_json::Value;

use crate::dataplane::message::Message;

/// An answer.
#[derive(Clone, PartialEq, Debug)]
pub enum Wanted {
    /// A handshake is let in.
    Accept,
    /// A handshake is refused.
    Refuse(WantedRefusal),
    /// A message goes on.
    Continue,
    /// A message goes on, and is said again.
    Remember,
    /// Another message goes on.
    Replace(WantedContent),
    /// A message's sender is answered.
    Reply(WantedContent),
    /// A message goes no further.
    Drop,
    /// It was a heartbeat, with this answer if any.
    Heartbeat(Option<WantedContent>),
    /// The filter is not called.
    Unasked,
    /// Nothing is done.
    None,
    /// The client is sent this.
    Send(WantedContent),
    /// The session ends.
    Close(WantedClose),
    /// A service is asked.
    CallOut(Box<WantedRequest>),
    /// The call fails; the cause is to be like this.
    Fail(Option<WantedText>),
}

/// What a text is to be.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum WantedText {
    /// This.
    Is(Box<str>),
    /// It has this in it.
    Contains(Box<str>),
    /// It begins so.
    StartsWith(Box<str>),
}

/// What a content is to be.
#[derive(Clone, PartialEq, Debug)]
pub enum WantedContent {
    /// This. The kind counts where there is a choice.
    Is(Message),
    /// A text like this.
    Like(WantedText),
    /// This value as JSON.
    Json(Value),
}

/// Nothing: not compared.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct WantedRefusal {
    /// 300 to 599.
    pub status: Option<u16>,
    /// These, and perhaps others. Nothing: not there.
    pub headers: Vec<(Box<str>, Option<WantedText>)>,
    /// Its body.
    pub body: Option<WantedContent>,
}

/// How a session is to end.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct WantedClose {
    /// As on the wire.
    pub code: u16,
    /// Nothing: not compared.
    pub reason: Option<Box<str>>,
}

/// Nothing: not compared.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct WantedRequest {
    /// `GET`, `POST`.
    pub method: Option<Box<str>>,
    /// The whole URL.
    pub url: Option<WantedText>,
    /// These, and perhaps others. Nothing: not there.
    pub headers: Vec<(Box<str>, Option<WantedText>)>,
    /// Its body.
    pub body: Option<WantedContent>,
    /// Zero: the configuration's.
    pub timeout: Option<Duration>,
}

/// A line of the log.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct WantedLine {
    /// Nothing: any.
    pub level: Option<LogLevel>,
    /// Nothing: any.
    pub text: Option<WantedText>,
}

/// How much a line of the log matters.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum LogLevel {
    /// `debug`
    Debug,
    /// `info`
    Info,
    /// `warn`
    Warn,
    /// `error`
    Error,
}

/// What a session is to take in of an earlier version's state.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Restored {
    /// Nothing.
    Nothing,
    /// This.
    State(Vec<u8>),
}
