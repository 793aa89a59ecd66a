//! What filters answer, told as it happens: to whoever tries one out, or looks for a fault. Nobody is told unless the log is
//! set to `belay::verdict=debug`; then what an instance answers is thinned as its own lines are.

use tracing::Level;

use super::instance::Instance;
use super::words;
use crate::dataplane::chain::{Admission, Call, Reaction, Verdict};
use crate::dataplane::message::{Direction, MessageKind};
use crate::gate::Admitted;

/// The log's name for these lines.
macro_rules! target {
    () => {
        "belay::verdict"
    };
}

impl Instance {
    /// A handshake was answered.
    pub(super) fn tell_admission(&mut self, call: &Call<'_>, answer: &Admission) {
        self.tell(call, || format!("{} -> {}", call.handshake.target(), words::admission(answer)));
    }

    /// A message was judged.
    pub(super) fn tell_verdict(
        &mut self,
        call: &Call<'_>,
        direction: Direction,
        kind: MessageKind,
        payload: &[u8],
        answer: &Verdict,
    ) {
        self.tell(call, || {
            let way = match direction {
                Direction::ToBackend => "to_backend",
                Direction::ToClient => "to_client",
            };
            let said = match kind {
                MessageKind::Text => words::payload(payload),
                MessageKind::Binary => words::bytes_in_words(payload),
            };
            format!("{way} {said} -> {}", words::verdict(answer))
        });
    }

    /// Something else was answered; that nothing is done is not worth a line.
    pub(super) fn tell_reaction(&mut self, call: &Call<'_>, name: &str, answer: &Reaction) {
        if *answer != Reaction::None {
            self.tell(call, || format!("{name} -> {}", words::reaction(answer)));
        }
    }

    fn tell(&mut self, call: &Call<'_>, what: impl FnOnce() -> String) {
        if !tracing::enabled!(target: target!(), Level::DEBUG) {
            return;
        }
        if let Admitted::Write { thinned } = self.answers_told.admit(call.now) {
            let (filter, session, untold) =
                (&*self.context.name, call.handshake.session, (thinned > 0).then_some(thinned));
            let trace_id = call.handshake.trace.logged();
            tracing::debug!(target: target!(), filter, %session, trace_id, untold, "{}", what());
        }
    }
}
