//! `routes[].heartbeat` and `routes[].hold`.

use std::time::Duration;

use super::answer::Answers;
use crate::config::convert::Convert;
use crate::config::path::Path;
use crate::config::scalar::{Size, Time};
use crate::config::wire;
use crate::dataplane::heartbeat::{HeartbeatPolicy, MalformedPolicy};
use crate::dataplane::hold::{Backoff, HoldPolicy, Replay, Unconfirmed};
use crate::dataplane::message::Message;

impl Convert<'_> {
    pub(super) fn heartbeat(&mut self, heartbeat: wire::Heartbeat, path: &Path) -> HeartbeatPolicy {
        let Answers { answer, protocol, websocket } = self.answers(heartbeat.answer, &path.key("answer"));
        let malformed = match heartbeat.malformed {
            wire::Malformed::Ignore => MalformedPolicy::Ignore,
            wire::Malformed::Forward => MalformedPolicy::Forward,
            wire::Malformed::Close => MalformedPolicy::Close,
        };
        let (probe, probe_message) = match heartbeat.probe.unwrap_or_else(|| wire::ProbeOrOff::Probe(Box::default())) {
            wire::ProbeOrOff::Off(_) => (None, None),
            wire::ProbeOrOff::Probe(mut probe) => {
                let message = probe.message.take().map(Into::into);
                (Some(self.probe(*probe, &path.key("probe"))), message)
            }
        };
        let expect = heartbeat.expect.map(|expect| expect.0);
        HeartbeatPolicy { answer, protocol, websocket, malformed, probe, probe_message, expect }
    }

    pub(super) fn hold(&mut self, hold: wire::HoldOrOff, path: &Path) -> HoldPolicy {
        let hold = match hold {
            wire::HoldOrOff::Off(_) => return HoldPolicy { time_max: Duration::ZERO, ..HoldPolicy::default() },
            wire::HoldOrOff::Hold(hold) => *hold,
        };
        let mut codes: Vec<u16> = Vec::new();
        for (index, code) in hold.codes.iter().map(|code| code.0).enumerate() {
            if codes.contains(&code) {
                self.note(&path.key("codes").item(index), format!("the code {code} is given twice"), None);
            }
            codes.push(code);
        }
        let confirm_after = hold.confirm_after.map_or(HoldPolicy::default().confirm_after, |time| time.0);
        if let (wire::Unconfirmed::Resend, Duration::ZERO) = (hold.unconfirmed, confirm_after) {
            let help = "with 0s every message counts as read once it is written: raise this, or report".to_owned();
            let message = "hold.unconfirmed: resend has nothing to send again without proof".to_owned();
            self.note(&path.key("confirm_after"), message, Some(help));
        }
        HoldPolicy {
            time_max: hold.time.0,
            bytes_max: hold.buffer.0,
            redial: self.redial(&hold.redial, &path.key("redial")),
            codes,
            replay: self.replay(&hold.replay, hold.buffer, path),
            unconfirmed: match hold.unconfirmed {
                wire::Unconfirmed::Report => Unconfirmed::Report,
                wire::Unconfirmed::Resend => Unconfirmed::Resend,
            },
            confirm_after,
            notice_holding: hold.notice.holding.map(Message::text),
            notice_bound: hold.notice.bound.map(Message::text),
            close_code: hold.close_code.0,
        }
    }

    /// What is replayed goes through the buffer: a default that is too much for it is cut, a number of the user's is not.
    fn replay(&mut self, replay: &wire::Replay, buffer: Size, hold: &Path) -> Replay {
        let default = Size(Replay::default().bytes_max.min(buffer.0));
        let bytes = replay.bytes.unwrap_or(default);
        if bytes.0 > buffer.0 && !self.was_noted(&hold.key("buffer")) {
            let help = "what is replayed goes through the buffer: lower this or raise hold.buffer".to_owned();
            let message = format!("{bytes} is more than hold.buffer, {buffer}");
            self.note(&hold.key("replay").key("bytes"), message, Some(help));
        }
        Replay { first: replay.first, bytes_max: bytes.0, swallow: replay.swallow, greeting: replay.greeting }
    }

    fn redial(&mut self, redial: &wire::Redial, path: &Path) -> Backoff {
        let attempts_max = redial.attempts;
        let (word, other, strays) = match redial.backoff {
            wire::Backoff::Fixed => ("fixed", "exponential", &[("from", redial.from), ("to", redial.to)][..]),
            wire::Backoff::Exponential => ("exponential", "fixed", &[("every", redial.every)][..]),
        };
        for (name, _) in strays.iter().filter(|(_, given)| given.is_some()) {
            let help = format!("'{name}' belongs to 'backoff: {other}'; this is 'backoff: {word}'");
            self.note_key(&path.key(name), format!("'{name}' has no meaning here"), Some(help));
        }
        match (redial.backoff, redial.every) {
            (wire::Backoff::Fixed, Some(Time(every))) => Backoff::Fixed { every, attempts_max },
            (wire::Backoff::Fixed, None) => {
                if !self.was_noted(&path.key("every")) {
                    let help = "every: the wait between two attempts, such as 1s".to_owned();
                    self.note(path, "missing field 'every'".to_owned(), Some(help));
                }
                Backoff::default()
            }
            (wire::Backoff::Exponential, _) => self.exponential(redial, path),
        }
    }

    fn exponential(&mut self, redial: &wire::Redial, path: &Path) -> Backoff {
        let from = redial.from.map_or(Backoff::FROM, |Time(from)| from);
        let to = redial.to.map_or(Backoff::TO, |Time(to)| to);
        if from > to && !self.was_noted(path) {
            let at = if redial.from.is_some() { "from" } else { "to" };
            let message = format!("the first ceiling, {}, is above the last, {}", Time(from), Time(to));
            self.note(&path.key(at), message, Some("lower 'from' or raise 'to'".to_owned()));
        }
        Backoff::Exponential { from, to, attempts_max: redial.attempts }
    }
}
