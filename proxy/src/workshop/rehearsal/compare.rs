//! Whether what came is what the script wants.

use std::time::Duration;

use super::{Difference, say};
use crate::dataplane::callout::Request;
use crate::dataplane::chain::{Admission, FilterFailure, Reaction, Refusal, Subscription, Verdict};
use crate::dataplane::message::{CloseReason, Message};
use crate::workshop::script::{
    Event, Events, Fire, Wanted, WantedClose, WantedContent, WantedRefusal, WantedRequest, WantedSubscription,
    WantedText,
};

/// What came of an event.
#[derive(Debug)]
pub(super) enum Got {
    Admission(Admission),
    Verdict(Verdict),
    Reaction(Reaction),
    /// The filter did not subscribe.
    Unasked,
    Failed(FilterFailure),
}

/// The answer to an event. Without a wanted one, that which lets things pass.
pub(super) fn answer(wanted: Option<&Wanted>, got: &Got, event: &Event) -> Option<Difference> {
    let Some(wanted) = wanted else {
        let passes = matches!(
            got,
            Got::Admission(Admission::Accept)
                | Got::Verdict(Verdict::Continue)
                | Got::Reaction(Reaction::None)
                | Got::Unasked
        );
        let usual = match (event, got) {
            (Event::Connect(_), _) | (_, Got::Admission(_)) => "accept",
            (Event::Message(..), _) | (_, Got::Verdict(_)) => "continue",
            _ => "none",
        };
        return (!passes).then(|| Difference::new("the answer", usual, in_words(got)));
    };
    if matches(wanted, got) {
        return None;
    }
    let (mut expected, mut came) = (say::wanted(wanted), in_words(got));
    if let (Some(wanted), Some(got)) = (content_of(wanted), payload_of(got)) {
        say::point_out(wanted, got, &mut expected, &mut came);
    }
    Some(Difference::new("the answer", expected, came))
}

fn matches(wanted: &Wanted, got: &Got) -> bool {
    match (wanted, got) {
        (Wanted::Accept, Got::Admission(Admission::Accept) | Got::Unasked) => true,
        (Wanted::Refuse(wanted), Got::Admission(Admission::Refuse(refusal))) => refuses(wanted, refusal),
        (Wanted::Continue, Got::Verdict(Verdict::Continue) | Got::Unasked) => true,
        (Wanted::Remember, Got::Verdict(Verdict::Remember)) => true,
        (Wanted::Drop, Got::Verdict(Verdict::Drop)) => true,
        // The kind is the message's, whatever the filter says.
        (Wanted::Replace(wanted), Got::Verdict(Verdict::Replace(payload))) => is_content(wanted, payload),
        (Wanted::Reply(wanted), Got::Verdict(Verdict::Reply(message))) => is_message(wanted, message),
        (Wanted::Heartbeat(wanted), Got::Verdict(Verdict::Heartbeat(answer))) => match (wanted, answer) {
            (None, None) => true,
            (Some(wanted), Some(message)) => is_message(wanted, message),
            _ => false,
        },
        (Wanted::Unasked, Got::Unasked) => true,
        (Wanted::None, Got::Reaction(Reaction::None) | Got::Unasked) => true,
        (Wanted::Send(wanted), Got::Reaction(Reaction::Send(message))) => is_message(wanted, message),
        (Wanted::Close(wanted), Got::Verdict(Verdict::Close(reason)) | Got::Reaction(Reaction::Close(reason))) => {
            closes(wanted, reason)
        }
        (
            Wanted::CallOut(wanted),
            Got::Admission(Admission::CallOut(request))
            | Got::Verdict(Verdict::CallOut(request))
            | Got::Reaction(Reaction::CallOut(request)),
        ) => asks(wanted, request),
        (Wanted::Fail(None), Got::Failed(_)) => true,
        (Wanted::Fail(Some(WantedText::Is(part) | WantedText::Contains(part))), Got::Failed(failure)) => {
            failure.cause.contains(&**part)
        }
        (Wanted::Fail(Some(wanted)), Got::Failed(failure)) => is_text(wanted, &failure.cause),
        _ => false,
    }
}

fn content_of(wanted: &Wanted) -> Option<&[u8]> {
    match wanted {
        Wanted::Replace(WantedContent::Is(message))
        | Wanted::Reply(WantedContent::Is(message))
        | Wanted::Send(WantedContent::Is(message))
        | Wanted::Heartbeat(Some(WantedContent::Is(message))) => Some(&message.payload),
        _ => None,
    }
}

fn payload_of(got: &Got) -> Option<&[u8]> {
    match got {
        Got::Verdict(Verdict::Replace(payload)) => Some(payload),
        Got::Verdict(Verdict::Reply(message) | Verdict::Heartbeat(Some(message)))
        | Got::Reaction(Reaction::Send(message)) => Some(&message.payload),
        _ => None,
    }
}

/// A timer that fired, with what it was to be.
pub(super) fn fire(wanted: &Fire, session: &str, timer: u32, after: Duration, got: &Got) -> Option<Difference> {
    let same = wanted.timer == timer && *wanted.session == *session && wanted.after.is_none_or(|time| time == after);
    let answered = match &wanted.wanted {
        Some(wanted) => matches(wanted, got),
        None => matches(&Wanted::None, got),
    };
    (!same || !answered).then(|| Difference::new("the timers", say::fire(wanted), ""))
}

pub(super) fn subscription(wanted: &WantedSubscription, got: &Subscription, close: bool) -> Vec<Difference> {
    let events = Events { handshake: got.handshake, upstream: got.upstream, heartbeat: got.heartbeat, close };
    let mut differences = Vec::new();
    let mut differs = |of: &str, expected: String, got: String| {
        if expected != got {
            differences.push(Difference::new(format!("subscription.{of}"), expected, got));
        }
    };
    if let Some(wanted) = wanted.to_backend {
        differs("to_backend", say::interest(wanted), say::interest(got.to_backend));
    }
    if let Some(wanted) = wanted.to_client {
        differs("to_client", say::interest(wanted), say::interest(got.to_client));
    }
    if let Some(wanted) = wanted.events {
        differs("events", say::events(wanted), say::events(events));
    }
    differences
}

pub(super) fn text(of: &str, wanted: &WantedText, got: &str) -> Option<Difference> {
    (!is_text(wanted, got)).then(|| Difference::new(of, say::text(wanted), say::quoted(got)))
}

pub(super) fn is_text(wanted: &WantedText, got: &str) -> bool {
    match wanted {
        WantedText::Is(text) => **text == *got,
        WantedText::Contains(part) => got.contains(&**part),
        WantedText::StartsWith(start) => got.starts_with(&**start),
    }
}

fn is_content(wanted: &WantedContent, got: &[u8]) -> bool {
    match wanted {
        WantedContent::Is(message) => message.payload == got,
        WantedContent::Like(wanted) => std::str::from_utf8(got).is_ok_and(|text| is_text(wanted, text)),
        WantedContent::Json(value) => serde_json::from_slice::<serde_json::Value>(got).is_ok_and(|got| got == *value),
    }
}

fn is_message(wanted: &WantedContent, got: &Message) -> bool {
    let kind = match wanted {
        WantedContent::Is(message) => message.kind == got.kind,
        WantedContent::Like(_) | WantedContent::Json(_) => true,
    };
    kind && is_content(wanted, &got.payload)
}

fn closes(wanted: &WantedClose, got: &CloseReason) -> bool {
    got.code == Some(wanted.code) && wanted.reason.as_ref().is_none_or(|reason| *reason == got.reason)
}

fn refuses(wanted: &WantedRefusal, got: &Refusal) -> bool {
    wanted.status.is_none_or(|status| status == got.status)
        && has_headers(&wanted.headers, &got.headers)
        && wanted.body.as_ref().is_none_or(|body| is_content(body, got.body.as_bytes()))
}

fn asks(wanted: &WantedRequest, got: &Request) -> bool {
    let timeout = Duration::from_millis(got.timeout_ms.into());
    wanted.method.as_ref().is_none_or(|method| **method == *got.method)
        && wanted.url.as_ref().is_none_or(|url| is_text(url, &got.url))
        && has_headers(&wanted.headers, &got.headers)
        && wanted.body.as_ref().is_none_or(|body| is_content(body, &got.body))
        && wanted.timeout.is_none_or(|wanted| wanted == timeout)
}

/// Of a name that stands there more than once, one value must fit.
fn has_headers(wanted: &[(Box<str>, Option<WantedText>)], got: &[(Box<str>, Box<str>)]) -> bool {
    wanted.iter().all(|(name, value)| {
        let mut values = got.iter().filter(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, value)| value);
        match value {
            Some(wanted) => values.any(|value| is_text(wanted, value)),
            None => values.next().is_none(),
        }
    })
}

pub(super) fn in_words(got: &Got) -> String {
    match got {
        Got::Admission(admission) => say::admission(admission),
        Got::Verdict(verdict) => say::verdict(verdict),
        Got::Reaction(reaction) => say::reaction(reaction),
        Got::Unasked => "unasked: the filter did not subscribe to this".to_owned(),
        Got::Failed(failure) => format!("the filter failed: {}", failure.cause),
    }
}
