//! The data path's seam, spoken to an instance: each event becomes a call, each answer is checked.

use super::abi::exports::belay::filter::filter as wit;
use super::abi::types;
use super::answer;
use super::handshake;
use super::instance::{Closing, Instance};
use super::program::Exports;
use super::state::State;
use crate::dataplane::chain::{
    Admission, Call, Filter, FilterFailure, Interest, Reaction, Renewal, Subscription, UpstreamEvent, Verdict,
};
use crate::dataplane::message::{CloseReason, Direction, MessageKind};
use crate::time::Instant;

/// What a close without a code is called (RFC 6455, section 7.4.1).
const NO_CODE: u16 = 1005;

impl Filter for Instance {
    fn name(&self) -> &str {
        &self.context.name
    }

    fn subscription(&self) -> Subscription {
        self.subscription
    }

    fn renew(&mut self, now: Instant) -> Renewal {
        self.renewed(now)
    }

    fn on_handshake(&mut self, mut call: Call<'_>) -> Result<Admission, FilterFailure> {
        self.open(&mut call)?;
        let handshake = handshake::Owned::new(call.route, call.handshake);
        let answer = self.call(&mut call, "on-handshake", |exports, store, slot| {
            handshake.with(|handshake| exports.filter.call_on_handshake(store, slot, handshake))
        })?;
        match answer {
            Ok(()) => {
                self.stats.accepted.add(1);
                Ok(Admission::Accept)
            }
            Err(refusal) => {
                let refusal = answer::refusal(refusal).map_err(|what| self.misused(&call, "on-handshake", &what))?;
                self.stats.refused.add(1);
                Ok(Admission::Refuse(refusal))
            }
        }
    }

    fn on_message(
        &mut self,
        mut call: Call<'_>,
        direction: Direction,
        kind: MessageKind,
        payload: &[u8],
    ) -> Result<Verdict, FilterFailure> {
        let interest = match direction {
            Direction::ToBackend => self.subscription.to_backend,
            Direction::ToClient => self.subscription.to_client,
        };
        let seen = match interest {
            Interest::Ignore => return Ok(Verdict::Continue),
            Interest::Size => &[],
            Interest::Prefix(bytes) => &payload[..payload.len().min(bytes as usize)],
            Interest::Whole => payload,
        };
        let size = u32::try_from(payload.len()).unwrap_or(u32::MAX);
        let wit_kind = match kind {
            MessageKind::Text => types::MessageKind::Text,
            MessageKind::Binary => types::MessageKind::Binary,
        };
        let verdict = self.event(&mut call, "on-message", |exports, store, slot| {
            exports.filter.call_on_message(store, slot, wit_direction(direction), wit_kind, size, seen)
        })?;
        let verdict = answer::verdict(verdict, kind).map_err(|what| self.misused(&call, "on-message", &what))?;
        self.stats.count_verdict(&verdict);
        Ok(verdict)
    }

    fn on_upstream(&mut self, call: Call<'_>, event: UpstreamEvent) -> Result<Reaction, FilterFailure> {
        let micros = |time: std::time::Duration| u64::try_from(time.as_micros()).unwrap_or(u64::MAX);
        let event = match event {
            UpstreamEvent::Connected(time) => types::UpstreamEvent::Connected(micros(time)),
            UpstreamEvent::Failed => types::UpstreamEvent::Failed,
            UpstreamEvent::Lost => types::UpstreamEvent::Lost,
            UpstreamEvent::Latency(time) => types::UpstreamEvent::Latency(micros(time)),
        };
        self.reaction(call, "on-upstream", |exports, store, slot| exports.filter.call_on_upstream(store, slot, event))
    }

    fn on_heartbeat(&mut self, call: Call<'_>, direction: Direction) -> Result<Reaction, FilterFailure> {
        self.reaction(call, "on-heartbeat", |exports, store, slot| {
            exports.filter.call_on_heartbeat(store, slot, wit_direction(direction))
        })
    }

    fn on_timer(&mut self, call: Call<'_>, timer: u32) -> Result<Reaction, FilterFailure> {
        self.reaction(call, "on-timer", |exports, store, slot| exports.filter.call_on_timer(store, slot, timer))
    }

    /// An instance that does not know the session has nothing to free, so it is not told.
    fn on_close(&mut self, mut call: Call<'_>, reason: &CloseReason) {
        if self.closing(*call.handle) == Closing::Told {
            let reason = types::CloseReasonParam { code: reason.code.unwrap_or(NO_CODE), reason: &reason.reason };
            // A failure has been logged and counted, and there is no event left that a policy could decide about.
            let _ = self
                .call(&mut call, "on-close", |exports, store, slot| exports.filter.call_on_close(store, slot, reason));
        }
        self.forget(call.handle);
    }
}

impl Instance {
    fn reaction(
        &mut self,
        mut call: Call<'_>,
        name: &'static str,
        run: impl FnOnce(&Exports, &mut wasmtime::Store<State>, u32) -> wasmtime::Result<wit::Reaction>,
    ) -> Result<Reaction, FilterFailure> {
        let reaction = self.event(&mut call, name, run)?;
        let reaction = answer::reaction(reaction).map_err(|what| self.misused(&call, name, &what))?;
        self.stats.count_reaction(&reaction);
        Ok(reaction)
    }
}

fn wit_direction(direction: Direction) -> types::Direction {
    match direction {
        Direction::ToBackend => types::Direction::ToBackend,
        Direction::ToClient => types::Direction::ToClient,
    }
}
