//! The data path's seam, spoken to an instance: each event becomes a call, each answer is checked.

use std::sync::Arc;

use super::abi::exports::belay::filter::filter as wit;
use super::abi::types;
use super::answer::{self, Said};
use super::handshake;
use super::instance::{Closing, Instance};
use super::program::Exports;
use super::state::State;
use crate::dataplane::callout::{Answer, Terms};
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

    fn memory_bytes(&self) -> u64 {
        self.stats.memory_bytes.value()
    }

    fn subscription(&self) -> Subscription {
        self.subscription
    }

    fn callouts(&self) -> Option<&Arc<Terms>> {
        Some(&self.context.terms)
    }

    fn renew(&mut self, now: Instant) -> Renewal {
        self.renewed(now)
    }

    fn on_handshake(&mut self, mut call: Call<'_>) -> Result<Admission, FilterFailure> {
        self.open(&mut call)?;
        let handshake = handshake::Owned::new(call.route, call.handshake);
        let admission = self.call(&mut call, "on-handshake", |exports, store, slot| {
            handshake.with(|handshake| exports.filter.call_on_handshake(store, slot, handshake))
        })?;
        self.admission(&call, "on-handshake", admission)
    }

    fn on_handshake_answer(&mut self, mut call: Call<'_>, answer: &Answer) -> Result<Admission, FilterFailure> {
        let handshake = handshake::Owned::new(call.route, call.handshake);
        let admission = self.event(&mut call, "on-handshake-answer", |exports, store, slot| {
            handshake.with(|handshake| {
                answer::with_answer(answer, |answer| {
                    exports.filter.call_on_handshake_answer(store, slot, handshake, answer)
                })
            })
        })?;
        self.admission(&call, "on-handshake-answer", admission)
    }

    fn on_message(
        &mut self,
        mut call: Call<'_>,
        direction: Direction,
        kind: MessageKind,
        payload: &[u8],
    ) -> Result<Verdict, FilterFailure> {
        let Some(seen) = self.seen(direction, payload) else { return Ok(Verdict::Continue) };
        let said = self.event(&mut call, "on-message", |exports, store, slot| {
            let (direction, kind) = (wit_direction(direction), wit_kind(kind));
            exports.on_message(store, slot, direction, kind, size(payload), seen)
        })?;
        let verdict = self.verdict(&call, "on-message", said, kind)?;
        self.tell_verdict(&call, direction, kind, payload, &verdict);
        Ok(verdict)
    }

    fn on_message_answer(
        &mut self,
        mut call: Call<'_>,
        direction: Direction,
        kind: MessageKind,
        payload: &[u8],
        answer: &Answer,
    ) -> Result<Verdict, FilterFailure> {
        let Some(seen) = self.seen(direction, payload) else { return Ok(Verdict::Continue) };
        let said = self.event(&mut call, "on-message-answer", |exports, store, slot| {
            let (direction, kind) = (wit_direction(direction), wit_kind(kind));
            answer::with_answer(answer, |answer| {
                exports
                    .filter
                    .call_on_message_answer(store, slot, direction, kind, size(payload), seen, answer)
                    .map(Said::from)
            })
        })?;
        let verdict = self.verdict(&call, "on-message-answer", said, kind)?;
        self.tell_verdict(&call, direction, kind, payload, &verdict);
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

    fn on_answer(&mut self, call: Call<'_>, answer: &Answer) -> Result<Reaction, FilterFailure> {
        self.reaction(call, "on-answer", |exports, store, slot| {
            answer::with_answer(answer, |answer| exports.filter.call_on_answer(store, slot, answer))
        })
    }

    fn overasked(&mut self, call: Call<'_>) -> FilterFailure {
        self.misused(&call, "call-out", "it asked on after it was told `busy`")
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
    /// As much of a message as was subscribed to.
    fn seen<'a>(&self, direction: Direction, payload: &'a [u8]) -> Option<&'a [u8]> {
        let interest = match direction {
            Direction::ToBackend => self.subscription.to_backend,
            Direction::ToClient => self.subscription.to_client,
        };
        match interest {
            Interest::Ignore => None,
            Interest::Size => Some(&[]),
            Interest::Prefix(bytes) => Some(&payload[..payload.len().min(bytes as usize)]),
            Interest::Whole => Some(payload),
        }
    }

    fn admission(
        &mut self,
        call: &Call<'_>,
        name: &'static str,
        admission: wit::Admission,
    ) -> Result<Admission, FilterFailure> {
        let admission = answer::admission(admission).map_err(|what| self.misused(call, name, &what))?;
        match admission {
            Admission::Accept => self.stats.accepted.add(1),
            Admission::Refuse(_) => self.stats.refused.add(1),
            Admission::CallOut(_) => {}
        }
        self.tell_admission(call, &admission);
        Ok(admission)
    }

    fn verdict(
        &mut self,
        call: &Call<'_>,
        name: &'static str,
        said: Said,
        kind: MessageKind,
    ) -> Result<Verdict, FilterFailure> {
        let verdict = answer::verdict(said, kind).map_err(|what| self.misused(call, name, &what))?;
        self.stats.count_verdict(&verdict);
        Ok(verdict)
    }

    fn reaction(
        &mut self,
        mut call: Call<'_>,
        name: &'static str,
        run: impl FnOnce(&Exports, &mut wasmtime::Store<State>, u32) -> wasmtime::Result<wit::Reaction>,
    ) -> Result<Reaction, FilterFailure> {
        let reaction = self.event(&mut call, name, run)?;
        let reaction = answer::reaction(reaction).map_err(|what| self.misused(&call, name, &what))?;
        self.stats.count_reaction(&reaction);
        self.tell_reaction(&call, name, &reaction);
        Ok(reaction)
    }
}

fn size(payload: &[u8]) -> u32 {
    u32::try_from(payload.len()).unwrap_or(u32::MAX)
}

fn wit_kind(kind: MessageKind) -> types::MessageKind {
    match kind {
        MessageKind::Text => types::MessageKind::Text,
        MessageKind::Binary => types::MessageKind::Binary,
    }
}

fn wit_direction(direction: Direction) -> types::Direction {
    match direction {
        Direction::ToBackend => types::Direction::ToBackend,
        Direction::ToClient => types::Direction::ToClient,
    }
}
