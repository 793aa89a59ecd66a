//! What a filter's answers may say. They go to the wire as they are, so nothing passes that RFC 6455 or HTTP does not allow:
//! such an answer is the filter's failure.

use http::{HeaderName, HeaderValue};

use super::abi::exports::belay::filter::filter as wit;
use super::abi::types;
use crate::dataplane::callout::{Answer, CalloutError, Request};
use crate::dataplane::chain::{Admission, Interest, Reaction, Refusal, Subscription, Verdict};
use crate::dataplane::message::{CloseReason, Message, MessageKind, REASON_BYTES_MAX};

/// Headers of a refusal.
const REFUSAL_HEADERS_MAX: usize = 32;

/// What was wrong with an answer, to follow the name of the call.
type Checked<T> = Result<T, String>;

/// The answer to a client that asks to be let in.
pub(super) fn admission(admission: wit::Admission) -> Checked<Admission> {
    Ok(match admission {
        wit::Admission::Accept => Admission::Accept,
        wit::Admission::Refuse(refused) => Admission::Refuse(refusal(refused)?),
        wit::Admission::CallOut(asked) => Admission::CallOut(request(asked)),
    })
}

/// What a filter says of a message, on its way to being checked. Nearly always a word, so that it is small.
pub(super) enum Said {
    Continue,
    Remember,
    Drop,
    /// Any verdict.
    More(Box<wit::Verdict>),
}

impl From<wit::Verdict> for Said {
    fn from(verdict: wit::Verdict) -> Self {
        Self::More(Box::new(verdict))
    }
}

/// The answer to a message of this kind.
pub(super) fn verdict(said: Said, kind: MessageKind) -> Checked<Verdict> {
    match said {
        Said::Continue => Ok(Verdict::Continue),
        Said::Remember => Ok(Verdict::Remember),
        Said::Drop => Ok(Verdict::Drop),
        Said::More(verdict) => more(*verdict, kind),
    }
}

fn more(verdict: wit::Verdict, kind: MessageKind) -> Checked<Verdict> {
    Ok(match verdict {
        wit::Verdict::Continue => Verdict::Continue,
        wit::Verdict::Remember => Verdict::Remember,
        wit::Verdict::Replace(payload) => Verdict::Replace(payload_of(kind, payload)?),
        wit::Verdict::Reply(reply) => Verdict::Reply(message(reply)?),
        wit::Verdict::Drop => Verdict::Drop,
        wit::Verdict::Heartbeat(answer) => Verdict::Heartbeat(answer.map(message).transpose()?),
        wit::Verdict::Close(reason) => Verdict::Close(close(reason)?),
        wit::Verdict::CallOut(asked) => Verdict::CallOut(request(asked)),
    })
}

/// The answer to what is not a message.
pub(super) fn reaction(reaction: wit::Reaction) -> Checked<Reaction> {
    Ok(match reaction {
        wit::Reaction::None => Reaction::None,
        wit::Reaction::Send(sent) => Reaction::Send(message(sent)?),
        wit::Reaction::Close(reason) => Reaction::Close(close(reason)?),
        wit::Reaction::CallOut(asked) => Reaction::CallOut(request(asked)),
    })
}

/// The answer to a client that is not let in.
fn refusal(refusal: types::Refusal) -> Checked<Refusal> {
    if !(300..=599).contains(&refusal.status) {
        return Err(format!("it refused with status {}; 300 to 599 refuse", refusal.status));
    }
    if refusal.headers.len() > REFUSAL_HEADERS_MAX {
        return Err(format!("it refused with {} headers, more than {REFUSAL_HEADERS_MAX}", refusal.headers.len()));
    }
    let headers = refusal.headers.into_iter().map(header).collect::<Checked<_>>()?;
    Ok(Refusal { status: refusal.status, headers, body: refusal.body })
}

/// What is wrong with a request is told to the filter as the callout's own outcome.
fn request(request: types::Request) -> Box<Request> {
    let headers = request.headers.into_iter().map(|header| (header.name.into(), header.value.into()));
    Box::new(Request {
        method: request.method,
        url: request.url,
        headers: headers.collect(),
        body: request.body,
        timeout_ms: request.timeout_ms,
    })
}

/// What became of a callout, in the form that goes over the boundary.
pub(super) fn with_answer<R>(answer: &Answer, lend: impl FnOnce(types::Answer<'_>) -> R) -> R {
    match answer {
        Ok(response) => {
            let headers = response.headers.iter().map(|(name, value)| types::HeaderParam { name, value });
            let headers: Vec<_> = headers.collect();
            lend(Ok(types::Response { status: response.status, headers: &headers, body: &response.body }))
        }
        Err(error) => lend(Err(match error {
            CalloutError::Forbidden => types::CalloutError::Forbidden,
            CalloutError::Busy => types::CalloutError::Busy,
            CalloutError::Timeout => types::CalloutError::Timeout,
            CalloutError::Unreachable => types::CalloutError::Unreachable,
            CalloutError::TooLarge => types::CalloutError::TooLarge,
        })),
    }
}

/// What the filter wants to hear; `on-close` is the instance's own affair.
pub(super) fn subscription(subscription: wit::Subscription) -> Subscription {
    let interest = |interest| match interest {
        types::Interest::Ignore => Interest::Ignore,
        types::Interest::Size => Interest::Size,
        types::Interest::Prefix(bytes) => Interest::Prefix(bytes),
        types::Interest::Whole => Interest::Whole,
    };
    let wants = |event| subscription.events.contains(event);
    Subscription {
        to_backend: interest(subscription.to_backend),
        to_client: interest(subscription.to_client),
        handshake: wants(types::Events::HANDSHAKE),
        upstream: wants(types::Events::UPSTREAM),
        heartbeat: wants(types::Events::HEARTBEAT),
    }
}

fn message(message: types::Message) -> Checked<Message> {
    let kind = match message.kind {
        types::MessageKind::Text => MessageKind::Text,
        types::MessageKind::Binary => MessageKind::Binary,
    };
    Ok(Message { kind, payload: payload_of(kind, message.payload)? })
}

fn payload_of(kind: MessageKind, payload: Vec<u8>) -> Checked<Vec<u8>> {
    match kind {
        MessageKind::Text if simdutf8::basic::from_utf8(&payload).is_err() => {
            Err("it made a text message of bytes that are not UTF-8".into())
        }
        MessageKind::Text | MessageKind::Binary => Ok(payload),
    }
}

fn close(reason: types::CloseReasonResult) -> Checked<CloseReason> {
    if !may_be_sent(reason.code) {
        return Err(format!("it closed with code {}, which may not stand in a close frame", reason.code));
    }
    if reason.reason.len() > REASON_BYTES_MAX {
        let length = reason.reason.len();
        return Err(format!(
            "it closed with a reason of {length} bytes, more than the {REASON_BYTES_MAX} of a close frame"
        ));
    }
    Ok(CloseReason { code: Some(reason.code), reason: reason.reason.into() })
}

/// RFC 6455, section 7.4, and the registry it founded: 1004 is reserved, 1005, 1006 and 1015 never stand on the wire.
fn may_be_sent(code: u16) -> bool {
    matches!(code, 1000..=1003 | 1007..=1014 | 3000..=4999)
}

fn header(header: types::HeaderResult) -> Checked<(Box<str>, Box<str>)> {
    let name = HeaderName::from_bytes(header.name.as_bytes())
        .map_err(|_| format!("it refused with a header {:?}, which HTTP does not allow", header.name))?;
    if HeaderValue::from_str(&header.value).is_err() {
        return Err(format!("it refused with a value of the header {name} that HTTP does not allow"));
    }
    Ok((name.as_str().into(), header.value.into()))
}
