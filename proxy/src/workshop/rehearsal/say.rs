//! Events and expectations as a person reads them: one line each, as [`words`](crate::wasm::words) has the filter's answers.

use std::time::Duration;

use super::lines::Line;
use crate::dataplane::chain::{Interest, UpstreamEvent};
use crate::dataplane::message::Direction;
use crate::wasm::words::{SHOWN_MAX, close, message_in_words};
pub(in crate::workshop) use crate::wasm::words::{admission, bytes_in_words, quoted, reaction, verdict};
use crate::workshop::script::{
    CalloutOutcome, Event, Events, Fire, LogLevel, Step, Wanted, WantedClose, WantedContent, WantedLine, WantedText,
};

/// Of contents that differ, so many characters before the place are shown.
const BEFORE: usize = 24;

/// Where long contents first differ, on both lines.
pub(super) fn point_out(wanted: &[u8], got: &[u8], expected: &mut String, came: &mut String) {
    if wanted.len().max(got.len()) <= SHOWN_MAX || wanted == got {
        return;
    }
    let at = wanted.iter().zip(got).position(|(a, b)| a != b).unwrap_or(wanted.len().min(got.len()));
    let from = at.saturating_sub(BEFORE);
    let around = |bytes: &[u8]| {
        let end = (from + SHOWN_MAX).min(bytes.len());
        String::from_utf8_lossy(bytes.get(from..end).unwrap_or_default()).into_owned()
    };
    *expected += &format!("; from byte {from} on, {}", quoted(&around(wanted)));
    *came += &format!("; from byte {from} on, {}", quoted(&around(got)));
}

pub(super) fn event(step: &Step) -> String {
    let what = match &step.event {
        Event::Connect(connect) => format!("connect {}", connect.target),
        Event::Message(direction, message) => format!("{} {}", way(*direction), message_in_words(message)),
        Event::Upstream(UpstreamEvent::Connected(time)) => format!("upstream connected in {}", duration(*time)),
        Event::Upstream(UpstreamEvent::Failed) => "upstream failed".to_owned(),
        Event::Upstream(UpstreamEvent::Lost) => "upstream lost".to_owned(),
        Event::Upstream(UpstreamEvent::Latency(time)) => format!("upstream latency {}", duration(*time)),
        Event::Heartbeat(direction) => format!("heartbeat {}", way(*direction)),
        Event::Advance { by, .. } => return format!("advance {}", duration(*by)),
        Event::Answer(outcome) => format!("answer {}", callout_outcome(outcome)),
        Event::Files(files) => {
            return format!("files {}", files.iter().map(|(name, _)| &**name).collect::<Vec<_>>().join(", "));
        }
        Event::Reload(_) => return "reload".to_owned(),
        Event::InstanceLost => return "instance lost".to_owned(),
        Event::Close(reason) => close(reason),
    };
    format!("{what}, session {}", step.session)
}

fn way(direction: Direction) -> &'static str {
    match direction {
        Direction::ToBackend => "to_backend",
        Direction::ToClient => "to_client",
    }
}

fn callout_outcome(outcome: &CalloutOutcome) -> String {
    match outcome {
        CalloutOutcome::Response { status, .. } => format!("with status {status}"),
        CalloutOutcome::Forbidden => "forbidden".to_owned(),
        CalloutOutcome::Busy => "busy".to_owned(),
        CalloutOutcome::Timeout => "timeout".to_owned(),
        CalloutOutcome::Unreachable => "unreachable".to_owned(),
        CalloutOutcome::TooLarge => "too-large".to_owned(),
    }
}

pub(super) fn wanted(wanted: &Wanted) -> String {
    match wanted {
        Wanted::Accept => "accept".to_owned(),
        Wanted::Refuse(refusal) => {
            let status = refusal.status.map_or_else(String::new, |status| format!(" {status}"));
            let body = refusal.body.as_ref().map_or_else(String::new, |body| format!(", body {}", content(body)));
            format!("refuse{status}{}{body}", wanted_headers(&refusal.headers))
        }
        Wanted::Continue => "continue".to_owned(),
        Wanted::Remember => "remember".to_owned(),
        Wanted::Replace(it) => format!("replace {}", content(it)),
        Wanted::Reply(it) => format!("reply {}", content(it)),
        Wanted::Drop => "drop".to_owned(),
        Wanted::Heartbeat(None) => "heartbeat".to_owned(),
        Wanted::Heartbeat(Some(it)) => format!("heartbeat {}", content(it)),
        Wanted::Unasked => "unasked".to_owned(),
        Wanted::None => "none".to_owned(),
        Wanted::Send(it) => format!("send {}", content(it)),
        Wanted::Close(WantedClose { code, reason: None }) => format!("close {code}"),
        Wanted::Close(WantedClose { code, reason: Some(reason) }) => format!("close {code} {}", quoted(reason)),
        Wanted::CallOut(request) => {
            let method = request.method.as_deref().map_or_else(String::new, |method| format!(" {method}"));
            let url = request.url.as_ref().map_or_else(String::new, |url| format!(" {}", text(url)));
            let body = request.body.as_ref().map_or_else(String::new, |body| format!(", body {}", content(body)));
            let timeout = request.timeout.map_or_else(String::new, |time| format!(", timeout {}", duration(time)));
            format!("call_out{method}{url}{}{body}{timeout}", wanted_headers(&request.headers))
        }
        Wanted::Fail(None) => "the filter fails".to_owned(),
        Wanted::Fail(Some(cause)) => format!("the filter fails, {}", text(cause)),
    }
}

fn wanted_headers(headers: &[(Box<str>, Option<WantedText>)]) -> String {
    let one = |(name, value): &(Box<str>, Option<WantedText>)| match value {
        Some(value) => format!(", header {name}: {}", text(value)),
        None => format!(", no header {name}"),
    };
    headers.iter().map(one).collect()
}

fn content(wanted: &WantedContent) -> String {
    match wanted {
        WantedContent::Is(message) => message_in_words(message),
        WantedContent::Like(wanted) => text(wanted),
        WantedContent::Json(value) => format!("json {value}"),
    }
}

pub(super) fn text(wanted: &WantedText) -> String {
    match wanted {
        WantedText::Is(text) => quoted(text),
        WantedText::Contains(part) => format!("a text that contains {}", quoted(part)),
        WantedText::StartsWith(start) => format!("a text that starts with {}", quoted(start)),
    }
}

pub(super) fn fire(fire: &Fire) -> String {
    let after = fire.after.map_or_else(String::new, |after| format!(" after {}", duration(after)));
    let answer = fire.wanted.as_ref().map_or_else(|| "none".to_owned(), wanted);
    format!("timer {} of '{}'{after}: {answer}", fire.timer, fire.session)
}

pub(super) fn line(line: &Line) -> String {
    format!("{} {}", level(line.level), quoted(&line.text))
}

pub(super) fn wanted_line(line: &WantedLine) -> String {
    let level = line.level.map_or("any level", level);
    format!("{level} {}", line.text.as_ref().map_or_else(|| "any text".to_owned(), text))
}

fn level(level: LogLevel) -> &'static str {
    match level {
        LogLevel::Debug => "debug",
        LogLevel::Info => "info",
        LogLevel::Warn => "warn",
        LogLevel::Error => "error",
    }
}

pub(in crate::workshop) fn interest(interest: Interest) -> String {
    match interest {
        Interest::Ignore => "ignore".to_owned(),
        Interest::Size => "size".to_owned(),
        Interest::Prefix(bytes) => format!("the first {bytes} bytes"),
        Interest::Whole => "whole".to_owned(),
    }
}

pub(in crate::workshop) fn events(events: Events) -> String {
    let all = [
        (events.handshake, "handshake"),
        (events.upstream, "upstream"),
        (events.heartbeat, "heartbeat"),
        (events.close, "close"),
    ];
    let names: Vec<&str> = all.into_iter().filter(|(wants, _)| *wants).map(|(_, name)| name).collect();
    if names.is_empty() { "none".to_owned() } else { names.join(", ") }
}

/// In the largest unit that is exact.
pub(super) fn duration(duration: Duration) -> String {
    let micros = duration.as_micros();
    let units = [("h", 3_600_000_000), ("m", 60_000_000), ("s", 1_000_000), ("ms", 1_000), ("us", 1)];
    let unit = units.iter().find(|(_, unit)| micros.is_multiple_of(*unit) && micros > 0);
    unit.map_or_else(|| "0s".to_owned(), |(name, unit)| format!("{}{name}", micros / unit))
}
