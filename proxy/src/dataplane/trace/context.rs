//! The name of a span, as plain data that a session can keep and write down.

use std::fmt::{self, Write};

use http::HeaderValue;
use tracing::field::{self, DisplayValue};

/// A span's ids and flags (<https://www.w3.org/TR/trace-context/>, section 3.2), and how many of a session's messages are
/// sampled. 32 bytes.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct TraceContext {
    trace: [u8; 16],
    span: [u8; 8],
    /// Of 2³² messages so many are sampled. Here and not with the exporter, so that a message costs one comparison.
    message_share: u32,
    sampled: bool,
}

impl TraceContext {
    /// No span: telemetry is off.
    pub const NONE: Self = Self { trace: [0; 16], span: [0; 8], message_share: 0, sampled: false };

    /// The name of a span that is exported if `sampled` is.
    pub fn new(trace: [u8; 16], span: [u8; 8], sampled: Sampled) -> Self {
        match sampled {
            Sampled::Yes { message_share } => Self { trace, span, message_share, sampled: true },
            Sampled::No => Self { trace, span, message_share: 0, sampled: false },
        }
    }

    /// Whether there is no span.
    pub fn is_none(&self) -> bool {
        self.trace == [0; 16]
    }

    /// Whether the trace is being exported, apart from what is kept in any case.
    pub fn is_sampled(&self) -> bool {
        self.sampled
    }

    /// As big-endian bytes.
    pub fn trace_id(&self) -> [u8; 16] {
        self.trace
    }

    /// As big-endian bytes.
    pub fn span_id(&self) -> [u8; 8] {
        self.span
    }

    /// Whether this message is one of those that are sampled.
    #[inline]
    pub(super) fn samples_message(&self) -> bool {
        self.may_sample_messages() && (self.message_share == u32::MAX || rand::random::<u32>() < self.message_share)
    }

    /// Whether messages of this session may be sampled.
    #[inline]
    pub fn may_sample_messages(&self) -> bool {
        self.message_share != 0
    }

    /// Another span of the same trace.
    pub(super) fn with_span(&self, span: [u8; 8]) -> Self {
        if self.is_none() { *self } else { Self { span, ..*self } }
    }

    /// For lines of the log, beside the session: `trace_id = trace.logged()`. Nothing where nothing is traced.
    pub fn logged(&self) -> Option<DisplayValue<TraceId>> {
        (!self.is_none()).then_some(field::display(TraceId(self.trace)))
    }

    /// As `traceparent` says it: version 00, and no flag but `sampled`.
    pub fn traceparent(&self) -> Option<HeaderValue> {
        if self.is_none() {
            return None;
        }
        let mut text = String::with_capacity(55);
        // Writing to a string does not fail.
        let _ = write!(
            text,
            "00-{:032x}-{:016x}-{:02x}",
            u128::from_be_bytes(self.trace),
            u64::from_be_bytes(self.span),
            u8::from(self.sampled)
        );
        HeaderValue::from_str(&text).ok()
    }
}

/// Shown as W3C has it: 32 hexadecimal digits.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct TraceId([u8; 16]);

impl fmt::Display for TraceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:032x}", u128::from_be_bytes(self.0))
    }
}

/// What was decided about a trace.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Sampled {
    /// It is exported, and of 2³² of its session's messages so many.
    Yes {
        /// `u32::MAX`: every one.
        message_share: u32,
    },
    /// Only what is kept in any case is.
    No,
}
