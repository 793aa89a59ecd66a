//! Filters' answers as a person reads them: one line each, long contents cut.

use crate::dataplane::callout::Request;
use crate::dataplane::chain::{Admission, Reaction, Verdict};
use crate::dataplane::message::{CloseReason, Message, MessageKind};

/// Characters of a content that are shown.
pub(crate) const SHOWN_MAX: usize = 160;
/// Bytes of a binary content that are shown.
const BYTES_SHOWN_MAX: usize = 48;
/// In quotes, on one line, cut.
pub(crate) fn quoted(text: &str) -> String {
    let mut shown = String::from("\"");
    for c in text.chars().take(SHOWN_MAX) {
        match c {
            '"' | '\\' => shown.extend(['\\', c]),
            c if c.is_control() => shown.extend(c.escape_default()),
            c => shown.push(c),
        }
    }
    shown.push('"');
    if text.chars().count() > SHOWN_MAX { shown + &format!("… ({} bytes)", text.len()) } else { shown }
}

/// As hexadecimal digits, cut.
pub(crate) fn bytes_in_words(bytes: &[u8]) -> String {
    let digits: String = bytes.iter().take(BYTES_SHOWN_MAX).map(|byte| format!("{byte:02x}")).collect();
    let more = if bytes.len() > BYTES_SHOWN_MAX { "…" } else { "" };
    format!("hex {digits}{more} ({} bytes)", bytes.len())
}

/// Its content, as its kind has it.
pub(crate) fn message_in_words(message: &Message) -> String {
    match (message.kind, std::str::from_utf8(&message.payload)) {
        (MessageKind::Text, Ok(text)) => quoted(text),
        _ => bytes_in_words(&message.payload),
    }
}

pub(crate) fn payload(bytes: &[u8]) -> String {
    std::str::from_utf8(bytes).map_or_else(|_| bytes_in_words(bytes), quoted)
}

pub(crate) fn admission(admission: &Admission) -> String {
    match admission {
        Admission::Accept => "accept".to_owned(),
        Admission::Refuse(refusal) => {
            format!("refuse {}, headers {}, body {}", refusal.status, pairs(&refusal.headers), quoted(&refusal.body))
        }
        Admission::CallOut(request) => call_out(request),
    }
}

pub(crate) fn verdict(verdict: &Verdict) -> String {
    match verdict {
        Verdict::Continue => "continue".to_owned(),
        Verdict::Remember => "remember".to_owned(),
        Verdict::Replace(bytes) => format!("replace {}", payload(bytes)),
        Verdict::Reply(message) => format!("reply {}", message_in_words(message)),
        Verdict::Drop => "drop".to_owned(),
        Verdict::Heartbeat(None) => "heartbeat".to_owned(),
        Verdict::Heartbeat(Some(message)) => format!("heartbeat {}", message_in_words(message)),
        Verdict::Close(reason) => close(reason),
        Verdict::CallOut(request) => call_out(request),
    }
}

pub(crate) fn reaction(reaction: &Reaction) -> String {
    match reaction {
        Reaction::None => "none".to_owned(),
        Reaction::Send(message) => format!("send {}", message_in_words(message)),
        Reaction::Close(reason) => close(reason),
        Reaction::CallOut(request) => call_out(request),
    }
}

fn call_out(request: &Request) -> String {
    let Request { method, url, headers, body, timeout_ms } = request;
    format!(
        "call_out {method} {}, headers {}, body {}, timeout {timeout_ms}ms",
        quoted(url),
        pairs(headers),
        payload(body)
    )
}

fn pairs(pairs: &[(Box<str>, Box<str>)]) -> String {
    let pairs: Vec<String> = pairs.iter().map(|(name, value)| format!("{name}: {}", quoted(value))).collect();
    format!("{{{}}}", pairs.join(", "))
}

pub(crate) fn close(reason: &CloseReason) -> String {
    match reason.code {
        Some(code) if reason.reason.is_empty() => format!("close {code}"),
        Some(code) => format!("close {code} {}", quoted(&reason.reason)),
        None => "close without a code".to_owned(),
    }
}
