//! Puts messages and controls on their way to either end, in the framing of the session's connections.

use super::outbox::{Origin, Outbox};
use super::{Context, Core};
use crate::dataplane::codec::{Control, DoesNotFit, Framing, Role};
use crate::dataplane::handshake::about;
use crate::dataplane::message::{CloseReason, Direction, Message, MessageKind};
use crate::dataplane::state::EndReason;

impl Core {
    /// Queues a message for the client, unless its framing has no form for it.
    pub(super) fn queue_for_client(
        &mut self,
        cx: &mut Context<'_>,
        kind: MessageKind,
        payload: &[u8],
        origin: Origin,
    ) -> Result<(), DoesNotFit> {
        self.queue(cx, Direction::ToClient, kind, payload, origin)
    }

    /// Queues a message for the upstream, unless its framing has no form for it.
    pub(super) fn queue_for_upstream(
        &mut self,
        cx: &mut Context<'_>,
        kind: MessageKind,
        payload: &[u8],
        origin: Origin,
    ) -> Result<(), DoesNotFit> {
        self.queue(cx, Direction::ToBackend, kind, payload, origin)
    }

    fn queue(
        &mut self,
        cx: &mut Context<'_>,
        direction: Direction,
        kind: MessageKind,
        payload: &[u8],
        origin: Origin,
    ) -> Result<(), DoesNotFit> {
        if let Some(edge) = &mut self.edge {
            edge.handle_sent(cx.now, direction);
        }
        let framing = &self.route.route.framing;
        let (outbox, role) = match direction {
            Direction::ToClient => (&mut self.to_client, Role::Server),
            Direction::ToBackend => (&mut self.to_upstream, Role::Client),
        };
        outbox.push(cx.pool, origin, |out| framing.write(role, kind, payload, out))
    }

    /// Queues a control for the client, where its framing has any.
    pub(super) fn signal_client(&mut self, cx: &mut Context<'_>, control: Control<'_>) {
        signal(&self.route.route.framing, &mut self.to_client, cx, Role::Server, control);
    }

    /// Queues a control for the upstream, where its framing has any.
    pub(super) fn signal_upstream(&mut self, cx: &mut Context<'_>, control: Control<'_>) {
        signal(&self.route.route.framing, &mut self.to_upstream, cx, Role::Client, control);
    }

    /// Sends the client a message of our own.
    pub(super) fn tell_client(&mut self, cx: &mut Context<'_>, message: &Message) {
        if self.queue_for_client(cx, message.kind, &message.payload, Origin::Ours).is_err() {
            self.on_misfit(cx);
        }
    }

    /// Sends the upstream a message of our own.
    pub(super) fn tell_upstream(&mut self, cx: &mut Context<'_>, message: &Message) {
        if self.queue_for_upstream(cx, message.kind, &message.payload, Origin::Ours).is_err() {
            self.on_misfit(cx);
        }
    }

    /// A filter made a message that its receiver would take for another. To leave it out would be to lose it in silence.
    pub(super) fn on_misfit(&mut self, cx: &mut Context<'_>) {
        about!(warn, self.handshake, route = %self.route.route.name,
            "a message of a filter's does not fit the listener's framer");
        self.close(cx, CloseReason::new(1011, "a message does not fit the framing"), EndReason::FilterClosed);
    }
}

fn signal(framing: &Framing, outbox: &mut Outbox, cx: &mut Context<'_>, role: Role, control: Control<'_>) {
    let write = |out: &mut Vec<u8>| {
        framing.write_control(role, control, out);
        Ok(())
    };
    // Writing a control cannot fail.
    let _ = outbox.push(cx.pool, Origin::Ours, write);
}
