//! The shapes of contexts, and what costs nothing.

//! What the spans of the data path carry.

use super::context::Sampled;
use super::*;

const TRACE: [u8; 16] = [0x11; 16];
const SPAN: [u8; 8] = [0x22; 8];

#[test]
fn a_context_takes_32_bytes() {
    assert!(size_of::<TraceContext>() <= 32);
}

#[test]
fn traceparent_is_written_as_w3c_has_it() {
    let sampled = TraceContext::new(TRACE, SPAN, Sampled::Yes { message_share: 0 });
    let text = "00-11111111111111111111111111111111-2222222222222222-01";
    assert_eq!(sampled.traceparent().unwrap(), text);
    let unsampled = TraceContext::new(TRACE, SPAN, Sampled::No);
    assert_eq!(unsampled.traceparent().unwrap(), text.replace("-01", "-00"));
    assert_eq!(TraceContext::NONE.traceparent(), None);
}

#[test]
fn without_a_hook_nothing_is_traced_and_headers_stay_as_they_are() {
    let request = http::Request::get("/chat").body(()).unwrap();
    let span = HandshakeSpan::start(&request, &http::uri::Scheme::HTTP, "127.0.0.1:5000".parse().unwrap());
    assert!(span.context().is_none());
    assert!(!span.context().may_sample_messages());
    let mut headers = HeaderMap::new();
    headers.insert("traceparent", http::HeaderValue::from_static("as the client sent it"));
    ConnectSpan::none().inject(&mut headers);
    assert_eq!(headers["traceparent"], "as the client sent it");
    assert!(HoldSpan::start().context(&TraceContext::NONE).is_none());
}

#[test]
fn messages_are_sampled_by_their_share() {
    let all = TraceContext::new(TRACE, SPAN, Sampled::Yes { message_share: u32::MAX });
    let half = TraceContext::new(TRACE, SPAN, Sampled::Yes { message_share: 1 << 31 });
    let none = TraceContext::new(TRACE, SPAN, Sampled::Yes { message_share: 0 });
    let count = |context: TraceContext| (0..10_000).filter(|_| context.samples_message()).count();
    assert_eq!(count(all), 10_000);
    assert_eq!(count(none), 0);
    assert!((4_000..6_000).contains(&count(half)));
}

#[test]
fn a_hold_is_a_span_of_its_own_in_the_sessions_trace() {
    let session = TraceContext::new(TRACE, SPAN, Sampled::No);
    let hold = HoldSpan::start().context(&session);
    assert_eq!(hold.trace_id(), TRACE);
    assert_ne!(hold.span_id(), SPAN);
    assert!(!hold.is_sampled());
}
