//! The host of filters, driven through the data path's seam with small components, one for each way to behave.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "helpers of tests")]

#[path = "support/guest.rs"]
mod guest;

#[path = "wasm_filters/answers.rs"]
mod answers;
#[path = "wasm_filters/failures.rs"]
mod failures;
#[path = "wasm_filters/isolation.rs"]
mod isolation;
#[path = "wasm_filters/loading.rs"]
mod loading;
#[path = "wasm_filters/recycling.rs"]
mod recycling;
#[path = "wasm_filters/reload.rs"]
mod reload;
#[path = "wasm_filters/services.rs"]
mod services;
#[path = "wasm_filters/shipped.rs"]
mod shipped;
#[path = "wasm_filters/shortcut.rs"]
mod shortcut;

use std::time::Duration;

use belay::dataplane::callout::CalloutError;
use belay::dataplane::chain::{
    Admission, Filter, FilterFailure, Handle, Interest, Reaction, Renewal, Subscription, UpstreamEvent, Verdict,
};
use belay::dataplane::message::{CloseReason, Direction, Message, MessageKind};
use belay::dataplane::route::{FailurePolicy, FilterLimits, FilterSpec, Isolation};
use belay::time::Instant;
use belay::wasm::{Host, LoadError, LoadProblem};
use belay::workshop::solo::Solo;
use guest::{FIRST, Guest, WANT_ALL};
use http::HeaderValue;

fn spec() -> FilterSpec {
    FilterSpec {
        config: serde_json::json!({ "a": 1 }),
        limits: FilterLimits { deadline: Duration::from_millis(20), ..FilterLimits::default() },
        ..FilterSpec::shipped("probe")
    }
}

fn load(guest: &Guest) -> Box<dyn Filter> {
    load_as(spec(), guest).unwrap()
}

fn load_as(spec: FilterSpec, guest: &Guest) -> Result<Box<dyn Filter>, LoadError> {
    Host::new(None).unwrap().load(&spec, &guest.component())?.instantiate()
}

fn problem(bytes: &[u8]) -> LoadProblem {
    Host::new(None).unwrap().load(&spec(), bytes).unwrap_err().problem
}

/// What filters are asked about.
fn a_session() -> Solo {
    let headers = [("host", "chat.example"), ("sec-websocket-protocol", "chat.v2, chat.v1"), ("x-user", "ann")];
    let headers = headers.map(|(name, value)| (name, HeaderValue::from_static(value)));
    Solo { position: 2, ..Solo::new(7, "/chat?room=1", &headers) }
}

/// How filters are asked.
trait Asks {
    fn text(&mut self, filter: &mut dyn Filter, text: &str) -> Result<Verdict, FilterFailure>;
    fn connect(&mut self, filter: &mut dyn Filter) -> Result<Admission, FilterFailure>;
    fn close(&mut self, filter: &mut dyn Filter);
}

impl Asks for Solo {
    fn text(&mut self, filter: &mut dyn Filter, text: &str) -> Result<Verdict, FilterFailure> {
        filter.on_message(self.call(), Direction::ToBackend, MessageKind::Text, text.as_bytes())
    }

    fn connect(&mut self, filter: &mut dyn Filter) -> Result<Admission, FilterFailure> {
        filter.on_handshake(self.call())
    }

    fn close(&mut self, filter: &mut dyn Filter) {
        filter.on_close(self.call(), &CloseReason::new(1000, "bye"));
    }
}

/// The cause of the failure of one message, for a filter that answers like this.
fn cause(on_message: &'static str) -> Box<str> {
    let mut filter = load(&Guest::answering(on_message));
    let failure = a_session().text(&mut *filter, "x").unwrap_err();
    assert_eq!((&*failure.filter, failure.policy), ("probe", FailurePolicy::Deny));
    failure.cause
}

fn verdict(on_message: &'static str) -> Verdict {
    a_session().text(&mut *load(&Guest::answering(on_message)), "x").unwrap()
}
