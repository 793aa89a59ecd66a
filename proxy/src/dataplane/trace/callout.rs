//! The span of one callout, and what the service is told of it.

use http::{HeaderMap, Method, Uri};
use tracing::{Span, field};

use super::{Place, TARGET, TraceContext, ask};
use crate::dataplane::callout::{Answer, CalloutError};

/// One callout, of kind client, by OpenTelemetry's semantic conventions for HTTP: from the dial to the end of the answer.
#[derive(Debug)]
pub struct CalloutSpan {
    span: Span,
    context: TraceContext,
}

impl CalloutSpan {
    /// Under the handshake or the message that waits for it.
    pub fn start(parent: &TraceContext, filter: &str, method: &Method, url: &Uri) -> Self {
        if parent.is_none() {
            return Self { span: Span::none(), context: TraceContext::NONE };
        }
        let host = url.host().unwrap_or_default();
        let default = if url.scheme_str() == Some("https") { 443 } else { 80 };
        let authority = url.authority().map_or("", |authority| authority.as_str());
        let span = tracing::info_span!(
            target: TARGET,
            parent: None,
            "callout",
            otel.name = method.as_str(),
            otel.kind = "client",
            otel.status_description = field::Empty,
            http.request.method = method.as_str(),
            http.response.status_code = field::Empty,
            server.address = host.trim_matches(['[', ']']),
            server.port = i64::from(url.port_u16().unwrap_or(default)),
            // Without the query, which may hold what is nobody else's business.
            url.full = field::display(format_args!("{}://{authority}{}", url.scheme_str().unwrap_or_default(), url.path())),
            "error.type" = field::Empty,
            belay.filter = filter,
            belay.kept_for = field::Empty,
        );
        let context = ask(&span, |hook| {
            hook.place(&span, Place::Under(parent, None));
            hook.context(&span)
        });
        Self { span, context: context.unwrap_or_default() }
    }

    /// Has the service's spans hang under this one. When nothing is traced, what the filter wrote stays.
    pub fn inject(&self, headers: &mut HeaderMap) {
        if let Some(traceparent) = self.context.traceparent() {
            headers.insert("traceparent", traceparent);
        }
    }

    /// What came of it.
    pub fn finish(self, answer: &Answer) {
        match answer {
            Ok(response) => {
                self.span.record("http.response.status_code", i64::from(response.status));
                if response.status >= 400 {
                    self.span.record("error.type", field::display(response.status));
                }
            }
            Err(error) => {
                let kind = match error {
                    CalloutError::Forbidden => "forbidden",
                    CalloutError::Busy => "busy",
                    CalloutError::Timeout => "timeout",
                    CalloutError::Unreachable => "unreachable",
                    CalloutError::TooLarge => "too_large",
                };
                self.span.record("error.type", kind);
                self.span.record("otel.status_description", field::display(error));
            }
        }
    }
}
