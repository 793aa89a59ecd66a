//! A filter as a component: the bindings made from `sdk/wit`, and the way between their types and this crate's. The one
//! place that changes when the world does; a mismatch does not compile.

use bindings::belay::filter as wit;
use bindings::exports::belay::filter::filter as exported;
use state_bindings::exports::belay::filter::state;

use crate::{
    Admission, Answer, CalloutError, CloseReason, Direction, Handshake, Header, Incoming, Interest, Message,
    MessageKind, Reaction, Refusal, Request, Response, Subscription, UpstreamEvent, Verdict,
    runner::{Carried, Events},
    subscription::Wanted,
};

#[expect(missing_docs, clippy::all, reason = "generated; documented in the WIT")]
#[allow(unsafe_code, reason = "the canonical ABI is raw memory; all of it is generated")]
pub mod bindings {
    wit_bindgen::generate!({
        path: "../wit",
        world: "belay-filter",
        pub_export_macro: true,
        export_macro_name: "__export_component",
    });
}

#[expect(missing_docs, clippy::all, reason = "generated; documented in the WIT")]
#[allow(unsafe_code, reason = "the canonical ABI is raw memory; all of it is generated")]
pub mod state_bindings {
    wit_bindgen::generate!({
        inline: "package belay:sdk; world state-of-a-filter { export belay:filter/state@0.1.0; }",
        path: "../wit",
        with: { "belay:filter/types@0.1.0": super::bindings::belay::filter::types },
        pub_export_macro: true,
        export_macro_name: "__export_state",
    });
}

#[cfg(feature = "allocator")]
#[global_allocator]
static ALLOCATOR: rlsf::SmallGlobalTlsf = rlsf::SmallGlobalTlsf::new();

/// Where a crate keeps the one filter of its component; made by `export!`.
pub trait Component {
    /// Lends it out for one call. The host makes no call from within another.
    fn with<R>(act: impl FnOnce(&mut dyn Events) -> R) -> R;
}

/// The same, of a filter whose state is carried over.
pub trait StatefulComponent {
    /// See [`Component::with`].
    fn with_state<R>(act: impl FnOnce(&mut dyn Carried) -> R) -> R;
}

impl<C: StatefulComponent> state::Guest for C {
    fn snapshot(session: u32) -> Option<Vec<u8>> {
        C::with_state(|filter| filter.snapshot(session))
    }

    fn restore(session: u32, handshake: wit::types::Handshake, state: Vec<u8>) -> Result<(), String> {
        C::with_state(|filter| filter.restore(session, handshake.into(), &state))
    }
}

impl<C: Component> exported::Guest for C {
    fn configure(config: String) -> Result<wit::types::Subscription, String> {
        // The trap that follows says where; what the panic has to say would be lost.
        std::panic::set_hook(Box::new(|panic| wit::host::log(wit::host::Level::Error, &panic.to_string())));
        let subscription = C::with(|filter| filter.configure(&config))?;
        Ok(subscription.into())
    }

    fn on_handshake(session: u32, handshake: wit::types::Handshake) -> wit::types::Admission {
        C::with(|filter| filter.on_handshake(session, handshake.into())).into()
    }

    fn on_handshake_answer(
        session: u32,
        handshake: wit::types::Handshake,
        answer: wit::types::Answer,
    ) -> wit::types::Admission {
        C::with(|filter| filter.on_handshake_answer(session, handshake.into(), answer_of(answer))).into()
    }

    fn on_reopen(session: u32, handshake: wit::types::Handshake) {
        C::with(|filter| filter.on_reopen(session, handshake.into()));
    }

    fn on_message(
        session: u32,
        direction: wit::types::Direction,
        kind: wit::types::MessageKind,
        size: u32,
        payload: Vec<u8>,
    ) -> wit::types::Verdict {
        let message = Incoming { direction: direction.into(), kind: kind.into(), size, payload };
        C::with(|filter| filter.on_message(session, message)).into()
    }

    fn on_message_answer(
        session: u32,
        direction: wit::types::Direction,
        kind: wit::types::MessageKind,
        size: u32,
        payload: Vec<u8>,
        answer: wit::types::Answer,
    ) -> wit::types::Verdict {
        let message = Incoming { direction: direction.into(), kind: kind.into(), size, payload };
        C::with(|filter| filter.on_message_answer(session, message, answer_of(answer))).into()
    }

    fn on_upstream(session: u32, event: wit::types::UpstreamEvent) -> wit::types::Reaction {
        C::with(|filter| filter.on_upstream(session, event.into())).into()
    }

    fn on_heartbeat(session: u32, direction: wit::types::Direction) -> wit::types::Reaction {
        C::with(|filter| filter.on_heartbeat(session, direction.into())).into()
    }

    fn on_timer(session: u32, timer: u32) -> wit::types::Reaction {
        C::with(|filter| filter.on_timer(session, timer)).into()
    }

    fn on_answer(session: u32, answer: wit::types::Answer) -> wit::types::Reaction {
        C::with(|filter| filter.on_answer(session, answer_of(answer))).into()
    }

    fn on_close(session: u32, reason: wit::types::CloseReason) {
        let reason = CloseReason { code: reason.code, reason: reason.reason };
        C::with(|filter| filter.on_close(session, reason));
    }
}

impl From<wit::types::Handshake> for Handshake {
    fn from(wit: wit::types::Handshake) -> Self {
        Self {
            session_id: wit.session_id,
            route: wit.route,
            peer_address: wit.peer_address,
            peer_port: wit.peer_port,
            host: wit.host,
            path: wit.path,
            query: wit.query,
            headers: headers_in(wit.headers),
            subprotocols: wit.subprotocols,
        }
    }
}

impl From<Refusal> for wit::types::Refusal {
    fn from(own: Refusal) -> Self {
        Self { status: own.status, headers: headers_out(own.headers), body: own.body }
    }
}

impl From<Result<Admission, Refusal>> for wit::types::Admission {
    fn from(own: Result<Admission, Refusal>) -> Self {
        match own {
            Ok(Admission::Accept) => Self::Accept,
            Ok(Admission::CallOut(request)) => Self::CallOut(request.into()),
            Err(refusal) => Self::Refuse(refusal.into()),
        }
    }
}

impl From<Request> for wit::types::Request {
    fn from(own: Request) -> Self {
        let Request { method, url, headers, body, timeout_ms } = own;
        Self { method, url, headers: headers_out(headers), body, timeout_ms }
    }
}

fn answer_of(wit: wit::types::Answer) -> Answer {
    match wit {
        Ok(wit::types::Response { status, headers, body }) => {
            Ok(Response { status, headers: headers_in(headers), body })
        }
        Err(wit::types::CalloutError::Forbidden) => Err(CalloutError::Forbidden),
        Err(wit::types::CalloutError::Busy) => Err(CalloutError::Busy),
        Err(wit::types::CalloutError::Timeout) => Err(CalloutError::Timeout),
        Err(wit::types::CalloutError::Unreachable) => Err(CalloutError::Unreachable),
        Err(wit::types::CalloutError::TooLarge) => Err(CalloutError::TooLarge),
    }
}

fn headers_in(wit: Vec<wit::types::Header>) -> Vec<Header> {
    wit.into_iter().map(|header| Header { name: header.name, value: header.value }).collect()
}

fn headers_out(own: Vec<Header>) -> Vec<wit::types::Header> {
    own.into_iter().map(|header| wit::types::Header { name: header.name, value: header.value }).collect()
}

impl From<wit::types::Direction> for Direction {
    fn from(wit: wit::types::Direction) -> Self {
        match wit {
            wit::types::Direction::ToBackend => Self::ToBackend,
            wit::types::Direction::ToClient => Self::ToClient,
        }
    }
}

impl From<wit::types::MessageKind> for MessageKind {
    fn from(wit: wit::types::MessageKind) -> Self {
        match wit {
            wit::types::MessageKind::Text => Self::Text,
            wit::types::MessageKind::Binary => Self::Binary,
        }
    }
}

impl From<Message> for wit::types::Message {
    fn from(own: Message) -> Self {
        let kind = match own.kind {
            MessageKind::Text => wit::types::MessageKind::Text,
            MessageKind::Binary => wit::types::MessageKind::Binary,
        };
        Self { kind, payload: own.payload }
    }
}

impl From<CloseReason> for wit::types::CloseReason {
    fn from(own: CloseReason) -> Self {
        Self { code: own.code, reason: own.reason }
    }
}

impl From<Verdict> for wit::types::Verdict {
    fn from(own: Verdict) -> Self {
        match own {
            Verdict::Continue => Self::Continue,
            Verdict::Remember => Self::Remember,
            Verdict::Replace(payload) => Self::Replace(payload),
            Verdict::Reply(message) => Self::Reply(message.into()),
            Verdict::Drop => Self::Drop,
            Verdict::Heartbeat(message) => Self::Heartbeat(message.map(Into::into)),
            Verdict::Close(reason) => Self::Close(reason.into()),
            Verdict::CallOut(request) => Self::CallOut(request.into()),
        }
    }
}

impl From<Reaction> for wit::types::Reaction {
    fn from(own: Reaction) -> Self {
        match own {
            Reaction::None => Self::None,
            Reaction::Send(message) => Self::Send(message.into()),
            Reaction::Close(reason) => Self::Close(reason.into()),
            Reaction::CallOut(request) => Self::CallOut(request.into()),
        }
    }
}

impl From<wit::types::UpstreamEvent> for UpstreamEvent {
    fn from(wit: wit::types::UpstreamEvent) -> Self {
        match wit {
            wit::types::UpstreamEvent::Connected(us) => Self::Connected(us),
            wit::types::UpstreamEvent::Failed => Self::Failed,
            wit::types::UpstreamEvent::Lost => Self::Lost,
            wit::types::UpstreamEvent::Latency(us) => Self::Latency(us),
        }
    }
}

impl From<Interest> for wit::types::Interest {
    fn from(own: Interest) -> Self {
        match own {
            Interest::Ignore => Self::Ignore,
            Interest::Size => Self::Size,
            Interest::Prefix(bytes) => Self::Prefix(bytes),
            Interest::Whole => Self::Whole,
        }
    }
}

impl From<Subscription> for wit::types::Subscription {
    fn from(own: Subscription) -> Self {
        let wanted = [
            (own.handshake, wit::types::Events::HANDSHAKE),
            (own.upstream, wit::types::Events::UPSTREAM),
            (own.heartbeat, wit::types::Events::HEARTBEAT),
            (own.close, wit::types::Events::CLOSE),
        ];
        let events = wanted.into_iter().filter(|(wanted, _)| *wanted == Wanted::Yes).map(|(_, event)| event);
        let events = events.fold(wit::types::Events::empty(), |all, event| all | event);
        Self { to_backend: own.to_backend.into(), to_client: own.to_client.into(), events }
    }
}

pub(crate) use wit::{current, store};

pub(crate) mod host {
    //! The log's levels in this crate's type.

    use super::wit::host as wit;
    pub(crate) use wit::{count, file_version, now_ms, random, read_file, unix_ms};

    use crate::host::Level;

    pub(crate) fn log(level: Level, text: &str) {
        let level = match level {
            Level::Debug => wit::Level::Debug,
            Level::Info => wit::Level::Info,
            Level::Warn => wit::Level::Warn,
            Level::Error => wit::Level::Error,
        };
        wit::log(level, text);
    }
}

pub(crate) mod limiter {
    //! Quotas in this crate's type.

    use super::wit::limiter as wit;
    pub(crate) use wit::take;

    use crate::limiter::Quota;

    pub(crate) fn define(name: &str, quota: Quota) -> Result<u32, String> {
        let Quota { tokens, period_ms, burst } = quota;
        wit::define(name, wit::Quota { tokens, period_ms, burst })
    }
}

pub(crate) mod breaker {
    //! Settings and states in this crate's types.

    use super::wit::breaker as wit;
    pub(crate) use wit::{admit, failure, keyed, success};

    use crate::breaker::{Settings, State};

    pub(crate) fn define(name: &str, settings: Settings) -> Result<u32, String> {
        let Settings { window_ms, results_min, failure_percent, slow_ms, open_ms, probes } = settings;
        wit::define(name, wit::Settings { window_ms, results_min, failure_percent, slow_ms, open_ms, probes })
    }

    pub(crate) fn state(breaker: u32) -> State {
        match wit::peek(breaker) {
            wit::State::Closed => State::Closed,
            wit::State::Open => State::Open,
            wit::State::HalfOpen => State::HalfOpen,
        }
    }
}
