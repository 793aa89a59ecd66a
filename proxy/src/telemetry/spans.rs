//! Spans of the data path as OpenTelemetry has them: their places, ids and sampling.

use std::cell::Cell;
use std::time::SystemTime;

use http::HeaderMap;
use opentelemetry::propagation::{Extractor, TextMapPropagator};
use opentelemetry::trace::{
    Link, Span as _, SpanContext, SpanId, SpanKind, Status, TraceContextExt, TraceFlags, TraceId, TraceState, Tracer,
    TracerProvider,
};
use opentelemetry::{Context, KeyValue};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::propagation::TraceContextPropagator;
use opentelemetry_sdk::trace::{
    IdGenerator, RandomIdGenerator, Sampler, SamplingDecision, SamplingResult, SdkTracer, SdkTracerProvider,
    ShouldSample,
};
use tracing::{Span, Subscriber};
use tracing_opentelemetry::{OpenTelemetryLayer, OpenTelemetrySpanExt};
use tracing_subscriber::Layer;
use tracing_subscriber::filter::filter_fn;
use tracing_subscriber::registry::LookupSpan;

use super::Sample;
use super::keep::{KEPT_FOR, Keep};
use crate::dataplane::trace::{HoldReport, Hook, Installed, Place, Sampled, TARGET, TraceContext};
use crate::time::Instant;

/// What makes spans.
pub(super) fn provider(sample: &Sample, resource: Resource, keep: Keep) -> SdkTracerProvider {
    SdkTracerProvider::builder()
        .with_resource(resource)
        .with_sampler(RecordAll { roots: Sampler::TraceIdRatioBased(sample.sessions) })
        .with_id_generator(Ids::default())
        .with_span_processor(keep)
        .build()
}

/// What turns the data path's spans, and nobody else's, into OpenTelemetry's.
pub(super) fn layer<S>(provider: &SdkTracerProvider, sample: &Sample) -> impl Layer<S> + use<S>
where
    S: Subscriber + for<'a> LookupSpan<'a>,
{
    let tracer = provider.tracer("belay");
    let hook = Installed::new(Places { tracer: tracer.clone(), message_share: share(sample.messages) });
    OpenTelemetryLayer::new(tracer)
        .with_location(false)
        .with_threads(false)
        .with_target(false)
        .with_tracked_inactivity(false)
        .with_context_activation(false)
        .and_then(hook)
        .with_filter(filter_fn(|metadata| metadata.is_span() && metadata.target() == TARGET))
}

/// Of 2³² so many.
fn share(of_one: f64) -> u32 {
    // A cast from a float saturates.
    (of_one.clamp(0.0, 1.0) * f64::from(u32::MAX)) as u32
}

/// In the subscriber only to be found there.
impl<S: Subscriber> Layer<S> for Installed {}

/// The data path's hook.
struct Places {
    tracer: SdkTracer,
    message_share: u32,
}

impl Hook for Places {
    fn place(&self, span: &Span, place: Place<'_>) {
        match place {
            Place::UnderClient(headers) => {
                let parent = TraceContextPropagator::new().extract_with_context(&Context::new(), &W3c(headers));
                if parent.has_active_span() {
                    // It cannot fail: the span was just made, by this subscriber.
                    let _ = span.set_parent(parent);
                }
            }
            Place::Under(context, tracestate) => {
                let _ = span.set_parent(parent(context, tracestate));
            }
            Place::LinkedTo(context) => span.add_link(span_context(context, None)),
        }
    }

    fn context(&self, span: &Span) -> TraceContext {
        let context = span.context();
        let span = context.span();
        let named = span.span_context();
        let sampled = match named.is_sampled() {
            true => Sampled::Yes { message_share: self.message_share },
            false => Sampled::No,
        };
        TraceContext::new(named.trace_id().to_bytes(), named.span_id().to_bytes(), sampled)
    }

    fn hold_ended(&self, report: &HoldReport<'_>) {
        let end = &report.end;
        let attributes = vec![
            KeyValue::new("belay.session.id", end.session.to_string()),
            KeyValue::new("belay.route", end.route.to_owned()),
            KeyValue::new("belay.hold.outcome", end.outcome.label()),
            KeyValue::new("belay.hold.attempts", i64::from(end.attempts)),
            KeyValue::new("belay.hold.messages", i64::try_from(end.messages_held).unwrap_or(i64::MAX)),
            KeyValue::new("belay.hold.unconfirmed", i64::try_from(end.messages_unconfirmed).unwrap_or(i64::MAX)),
            KeyValue::new(KEPT_FOR, "hold"),
        ];
        let builder = self
            .tracer
            .span_builder(format!("hold {}", end.route))
            .with_kind(SpanKind::Internal)
            .with_start_time(wall(end.started))
            .with_attributes(attributes);
        NEXT_SPAN_ID.set(Some(SpanId::from_bytes(report.context.span_id())));
        let mut span = self.tracer.build_with_context(builder, &parent(&report.parent, None));
        NEXT_SPAN_ID.set(None);
        if end.outcome.is_error() {
            span.set_attribute(KeyValue::new("error.type", end.outcome.label()));
            span.set_status(Status::error(end.outcome.label()));
        }
        span.end_with_timestamp(wall(end.ended));
    }
}

/// The headers that name the client's span. Two `traceparent` headers name none (W3C Trace Context, section 4.2).
struct W3c<'a>(&'a HeaderMap);

impl Extractor for W3c<'_> {
    fn get(&self, key: &str) -> Option<&str> {
        let mut values = self.0.get_all(key).iter();
        let first = values.next()?.to_str().ok()?;
        if key == "traceparent" && values.next().is_some() {
            return None;
        }
        Some(first)
    }

    fn keys(&self) -> Vec<&str> {
        self.0.keys().map(http::HeaderName::as_str).collect()
    }
}

fn parent(context: &TraceContext, tracestate: Option<&str>) -> Context {
    Context::new().with_remote_span_context(span_context(context, tracestate))
}

fn span_context(context: &TraceContext, tracestate: Option<&str>) -> SpanContext {
    let flags = if context.is_sampled() { TraceFlags::SAMPLED } else { TraceFlags::NOT_SAMPLED };
    // A tracestate that is not understood is left away, as the W3C wants.
    let state = tracestate.and_then(|text| text.parse().ok()).unwrap_or_default();
    let (trace, span) = (TraceId::from_bytes(context.trace_id()), SpanId::from_bytes(context.span_id()));
    SpanContext::new(trace, span, flags, false, state)
}

/// The data path's clock, on the wall.
fn wall(at: Instant) -> SystemTime {
    SystemTime::now() - Instant::now().since(at)
}

/// The sampling that the client or the dice decide, except that every span is recorded: [`Keep`] may want it when it ends.
#[derive(Clone, Debug)]
struct RecordAll {
    roots: Sampler,
}

impl ShouldSample for RecordAll {
    fn should_sample(
        &self,
        parent: Option<&Context>,
        trace_id: TraceId,
        name: &str,
        kind: &SpanKind,
        attributes: &[KeyValue],
        links: &[Link],
    ) -> SamplingResult {
        let span = parent.map(|context| context.span());
        let decided = match span.as_ref().map(|span| span.span_context()).filter(|context| context.is_valid()) {
            Some(parent) => parent.is_sampled(),
            // The data path makes a message's span only if it has chosen it, or to be kept.
            None if !links.is_empty() => attributes.iter().all(|attribute| attribute.key.as_str() != KEPT_FOR),
            None => {
                let result = self.roots.should_sample(None, trace_id, name, kind, attributes, links);
                result.decision == SamplingDecision::RecordAndSample
            }
        };
        SamplingResult {
            decision: if decided { SamplingDecision::RecordAndSample } else { SamplingDecision::RecordOnly },
            attributes: Vec::new(),
            trace_state: span.map(|span| span.span_context().trace_state().clone()).unwrap_or(TraceState::NONE),
        }
    }
}

thread_local! {
    /// The id that a hold's connects already know it by.
    static NEXT_SPAN_ID: Cell<Option<SpanId>> = const { Cell::new(None) };
}

#[derive(Debug, Default)]
struct Ids(RandomIdGenerator);

impl IdGenerator for Ids {
    fn new_trace_id(&self) -> TraceId {
        self.0.new_trace_id()
    }

    fn new_span_id(&self) -> SpanId {
        NEXT_SPAN_ID.take().unwrap_or_else(|| self.0.new_span_id())
    }
}
