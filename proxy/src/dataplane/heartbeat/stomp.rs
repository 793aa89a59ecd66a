//! STOMP 1.1 and 1.2 (<https://stomp.github.io/stomp-specification-1.2.html#Heart-beating>): a heart-beat is a line end between
//! frames, and each side says in its first frame how often it can send something and how often it wants to hear something.
//!
//! Both connections go by what client and broker agree on, so that neither notices us. What the broker does not offer we do,
//! in its answer. Frames come one a message, line ends between them as messages of their own; SockJS's framing is not read.

mod head;
mod leg;

use self::head::{Head, Offer};
use self::leg::Leg;
use super::{Beat, Finding};
use crate::dataplane::message::{Direction, MessageKind};
use crate::time::Instant;

/// See the module.
#[derive(Clone, Debug, Default)]
pub struct Stomp {
    phase: Phase,
    broker: Broker,
}

/// How the broker is doing.
#[derive(Clone, Copy, Debug, Default)]
enum Broker {
    #[default]
    Speaks,
    /// The last that it said was an ERROR, after which it means to end the connection (STOMP 1.2, "ERROR").
    HasErred,
}

/// How far client and broker have come.
#[derive(Clone, Debug, Default)]
enum Phase {
    /// The client has not introduced itself.
    #[default]
    Opening,
    /// It has; the broker has not answered.
    Asked(Introduction),
    /// There is an agreement.
    Agreed(Agreed),
    /// There is none: version 1.0, nothing offered, or nothing that can be read.
    Without,
}

/// What the client began with.
#[derive(Clone, Copy, Debug)]
struct Introduction {
    offer: Offer,
    kind: MessageKind,
}

/// What there is on both connections.
#[derive(Clone, Debug)]
struct Agreed {
    introduction: Introduction,
    client: Leg,
    backend: Leg,
}

impl Stomp {
    pub(super) fn handle_message(
        &mut self,
        now: Instant,
        direction: Direction,
        kind: MessageKind,
        payload: &[u8],
    ) -> Finding {
        self.handle_part(now, direction);
        if let b"\n" | b"\r\n" = payload {
            return match self.phase {
                Phase::Agreed(_) => Finding::Heartbeat(None),
                Phase::Opening | Phase::Asked(_) | Phase::Without => Finding::Other,
            };
        }
        if direction == Direction::ToClient {
            let has_erred = payload.starts_with(b"ERROR\n") || payload.starts_with(b"ERROR\r\n");
            self.broker = if has_erred { Broker::HasErred } else { Broker::Speaks };
        }
        match (&mut self.phase, direction) {
            // Opening => (Asked | Without)
            (Phase::Opening, Direction::ToBackend) => {
                self.phase = Introduction::read(kind, payload).map_or(Phase::Without, Phase::Asked);
                Finding::Other
            }
            // Asked => (Agreed | Without)
            (Phase::Asked(introduction), Direction::ToClient) => {
                let answer = Agreed::read(now, *introduction, kind, payload);
                let (next, finding) = answer
                    .map_or((Phase::Without, Finding::Other), |(agreed, finding)| (Phase::Agreed(agreed), finding));
                self.phase = next;
                finding
            }
            // Agreed => Agreed: with a broker that came later, and answers what was said to it again.
            (Phase::Agreed(agreed), Direction::ToClient) if payload.starts_with(head::CONNECTED) => {
                if let Some(broker) = Head::read(payload).and_then(|head| head.accepting_offer()) {
                    agreed.backend = agreed.introduction.backend_leg(now, broker);
                }
                Finding::Other
            }
            _ => Finding::Other,
        }
    }

    pub(super) fn handle_part(&mut self, now: Instant, direction: Direction) {
        if let Phase::Agreed(Agreed { client, backend, .. }) = &mut self.phase {
            match direction {
                Direction::ToBackend => client.on_heard(now),
                Direction::ToClient => backend.on_heard(now),
            }
        }
    }

    pub(super) fn handle_sent(&mut self, now: Instant, direction: Direction) {
        if let Phase::Agreed(Agreed { client, backend, .. }) = &mut self.phase {
            match direction {
                Direction::ToBackend => backend.on_sent(now),
                Direction::ToClient => client.on_sent(now),
            }
        }
    }

    pub(super) fn handle_connected(&mut self) {
        self.broker = Broker::Speaks;
        if let Phase::Agreed(Agreed { backend, .. }) = &mut self.phase {
            backend.suspend();
        }
    }

    pub(super) fn backend_means_to_end(&self) -> bool {
        matches!(self.broker, Broker::HasErred)
    }

    pub(super) fn next_deadline(&self) -> Instant {
        match &self.phase {
            Phase::Agreed(Agreed { client, backend, .. }) => client.next_deadline().min(backend.next_deadline()),
            Phase::Opening | Phase::Asked(_) | Phase::Without => Instant::NEVER,
        }
    }

    pub(super) fn poll_beat(&mut self, now: Instant) -> Option<Beat> {
        let Phase::Agreed(Agreed { client, backend, .. }) = &mut self.phase else { return None };
        if client.take_death(now) {
            return Some(Beat::ClientDead);
        }
        if backend.take_death(now) {
            return Some(Beat::BackendDead);
        }
        client.take_beat(now).map(Beat::ToClient).or_else(|| backend.take_beat(now).map(Beat::ToBackend))
    }
}

impl Introduction {
    fn read(kind: MessageKind, payload: &[u8]) -> Option<Self> {
        let head = Head::read(payload)?;
        let offer = head.introducing_offer()?;
        (offer != Offer::NOTHING).then_some(Self { offer, kind })
    }

    /// We play the client to the broker, which sees nothing but what the client promised and was promised.
    fn backend_leg(&self, now: Instant, broker: Offer) -> Leg {
        Leg::new(now, self.kind, self.offer.agree(broker), broker.agree(self.offer))
    }
}

impl Agreed {
    /// What the broker's answer comes to, and what the client is to see of it.
    fn read(now: Instant, introduction: Introduction, kind: MessageKind, payload: &[u8]) -> Option<(Self, Finding)> {
        let head = Head::read(payload)?;
        let broker = head.accepting_offer()?;
        let ours = broker.completed_for(introduction.offer);
        let finding = if ours == broker {
            Finding::Other
        } else {
            Finding::Rewritten { payload: head.with_offer(ours), answer: None }
        };
        let client = Leg::new(now, kind, ours.agree(introduction.offer), introduction.offer.agree(ours));
        let backend = introduction.backend_leg(now, broker);
        Some((Self { introduction, client, backend }, finding))
    }
}

#[cfg(test)]
mod tests;
