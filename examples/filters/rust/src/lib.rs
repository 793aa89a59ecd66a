//! `word-guard`: masks words in what clients say, minds who says them, and closes who goes on. The same filter stands in
//! `examples/filters` in every language; `sdk/conformance/word-guard.yaml` judges them all.

mod config;
mod mask;

use belay_filter::host::{self, Level};
use belay_filter::limiter::{Limiter, Quota};
use belay_filter::{
    Admission, CloseReason, Filter, Handshake, Incoming, Interest, MessageKind, Refusal, Stateful, Subscription,
    Verdict, configured, current, store,
};

use config::Config;

/// How long strikes are remembered in the store, across sessions of one name.
const STRIKES_TTL_MS: u64 = 3_600_000;
/// Policy violation (RFC 6455, section 7.4.1).
const POLICY_VIOLATION: u16 = 1008;

struct WordGuard {
    config: Config,
    messages: Limiter,
}

/// What is kept of a session.
#[derive(Default)]
struct Speaker {
    user: String,
    peer_address: String,
    strikes: u32,
}

impl Filter for WordGuard {
    type Config = Config;
    type Session = Speaker;

    fn configure(config: Config) -> configured::Result<Self> {
        let per_minute = config.per_minute.get();
        let quota = Quota { tokens: per_minute, period_ms: 60_000, burst: per_minute };
        Ok(Self { messages: Limiter::define("messages", quota)?, config })
    }

    fn subscription(&self) -> Subscription {
        Subscription::new().handshake().to_backend(Interest::Whole)
    }

    fn on_handshake(&mut self, speaker: &mut Speaker, handshake: Handshake) -> Result<Admission, Refusal> {
        *speaker = Speaker::of(&handshake);
        if speaker.user.is_empty() {
            let refusal = Refusal::new(400, "word-guard: say who you are: ?name=…\n");
            return Err(refusal.with_header("content-type", "text/plain"));
        }
        current::set_attribute("user", &speaker.user);
        current::set_upstream_header("x-user", &speaker.user);
        Ok(Admission::Accept)
    }

    fn on_reopen(&mut self, speaker: &mut Speaker, handshake: Handshake) {
        *speaker = Speaker::of(&handshake);
    }

    fn on_message(&mut self, speaker: &mut Speaker, message: Incoming) -> Verdict {
        if message.kind == MessageKind::Binary {
            return Verdict::Continue;
        }
        if self.messages.take(&speaker.peer_address, 1).is_err() {
            return Verdict::reply("word-guard: too many messages");
        }
        let mut text = message.payload;
        let masked = mask::mask(&mut text, &self.config.words);
        if masked == 0 {
            return Verdict::Continue;
        }
        speaker.strikes += 1;
        host::count("masked", masked);
        let total = store::add(&["strikes:", &speaker.user].concat(), 1, STRIKES_TTL_MS);
        if speaker.strikes == self.config.close_after.get() {
            host::log(Level::Info, &["word-guard: closing ", &speaker.user].concat());
            return Verdict::close(POLICY_VIOLATION, "word-guard: too many words");
        }
        if speaker.strikes == self.config.notice_after.get() {
            let total = total.to_string();
            return Verdict::reply(["word-guard: mind your words, ", &speaker.user, " (", &total, " so far)"].concat());
        }
        Verdict::Replace(text)
    }

    fn on_close(&mut self, _: Speaker, _: CloseReason) {}
}

impl Stateful for WordGuard {
    fn snapshot(&self, speaker: &Speaker) -> Option<Vec<u8>> {
        (speaker.strikes > 0).then(|| speaker.strikes.to_le_bytes().to_vec())
    }

    fn restore(&mut self, speaker: &mut Speaker, handshake: Handshake, state: &[u8]) -> Result<(), String> {
        let strikes =
            state.try_into().map_err(|_| ["word-guard: 4 bytes of state, not ", &state.len().to_string()].concat())?;
        *speaker = Speaker { strikes: u32::from_le_bytes(strikes), ..Speaker::of(&handshake) };
        Ok(())
    }
}

impl Speaker {
    /// A client that has said nothing yet. It names itself by `?name=…`, taken as it stands, or by the header `x-name`.
    fn of(handshake: &Handshake) -> Self {
        let named = handshake.query.split('&').find_map(|pair| pair.strip_prefix("name="));
        let user = named.or_else(|| handshake.header("x-name")).unwrap_or_default();
        Self { user: user.to_owned(), peer_address: handshake.peer_address.clone(), strikes: 0 }
    }
}

belay_filter::export!(WordGuard, stateful);

#[cfg(test)]
mod tests;
