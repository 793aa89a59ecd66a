//! Runs a filter in the fake host, with what the proxy does around it: subscriptions, session numbers, timers, callouts.

use std::collections::BTreeSet;
use std::time::Duration;

use super::bench_host::{Facts, Phase, renew, with};
use super::service::{ANSWERS_AN_EVENT_MAX, answered};
use crate::subscription::Wanted;
use crate::{
    Admission, CloseReason, Direction, Filter, Handshake, Incoming, Interest, Message, MessageKind, Reaction, Refusal,
    Stateful, Subscription, UpstreamEvent, Verdict, configured,
    runner::{Carried, Events, Runner},
};

/// A filter at work, as one worker has it.
pub struct Bench<F: Filter> {
    runner: Runner<F>,
    subscription: Subscription,
    sessions: BTreeSet<u32>,
}

/// A timer that was due, and what the filter made of it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct TimerFired {
    /// The session it was set for.
    pub session: u32,
    /// Its number.
    pub timer: u32,
    /// The answer.
    pub reaction: Reaction,
}

impl<F: Filter> Bench<F> {
    /// Starts it with this config (as JSON; `null`: none) in a host where nothing has happened yet but that tests may have set
    /// its clock and the filter's files.
    pub fn start(config: &str) -> configured::Result<Self> {
        renew();
        Self::start_beside(config)
    }

    /// Starts another instance in the same host: another worker's, or the one after a trap.
    pub fn start_beside(config: &str) -> configured::Result<Self> {
        let mut runner = Runner::new();
        with(|host| host.phase = Phase::Configuring);
        let configured = runner.configure(config);
        with(|host| host.phase = Phase::Running);
        Ok(Self { runner, subscription: configured?, sessions: BTreeSet::new() })
    }

    /// What it subscribed to.
    pub fn subscription(&self) -> Subscription {
        self.subscription
    }

    /// A client asks to be let in. Gives the session's number.
    pub fn connect(&mut self, handshake: Handshake) -> Result<u32, Refusal> {
        self.connect_knowing(handshake, &[])
    }

    /// The same, with attributes that a filter before this one has set.
    pub fn connect_knowing(&mut self, handshake: Handshake, attributes: &[(&str, &str)]) -> Result<u32, Refusal> {
        let session = with(|host| {
            let session = (0..).find(|session| !host.sessions.contains_key(session)).unwrap_or(u32::MAX);
            let attributes = attributes.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
            host.sessions.insert(session, Facts { attributes: attributes.collect(), ..Facts::default() });
            session
        });
        self.sessions.insert(session);
        if self.subscription.handshake == Wanted::Yes
            && let Err(refusal) = self.ask(session, &handshake)
        {
            self.close(session, 1006);
            return Err(refusal);
        }
        Ok(session)
    }

    fn ask(&mut self, session: u32, handshake: &Handshake) -> Result<(), Refusal> {
        let mut admission = self.within(session, |runner| runner.on_handshake(session, handshake.clone()))?;
        let mut asked = 0;
        while let Admission::CallOut(request) = admission {
            let answer = answered(request, asked);
            admission =
                self.within(session, |runner| runner.on_handshake_answer(session, handshake.clone(), answer))?;
            asked += 1;
            assert!(asked <= ANSWERS_AN_EVENT_MAX + 1, "it asks on after it was told that it asks too much");
        }
        Ok(())
    }

    /// A session of another instance goes on in this one.
    pub fn reopen(&mut self, session: u32, handshake: Handshake) {
        self.sessions.insert(session);
        if self.subscription.handshake == Wanted::Yes {
            self.within(session, |runner| runner.on_reopen(session, handshake));
        }
    }

    /// A reload: an instance with this config takes this one's place, and carries over what is kept of each session. Gives
    /// the sessions whose state it did not accept, with what it said; they were opened again.
    pub fn reload(&mut self, config: &str, handshake: &Handshake) -> configured::Result<Vec<(u32, String)>>
    where
        F: Stateful,
    {
        let mut next = Self::start_beside(config)?;
        let mut refused = Vec::new();
        for &session in &self.sessions {
            let Some(state) = self.runner.snapshot(session) else {
                next.reopen(session, handshake.clone());
                continue;
            };
            next.sessions.insert(session);
            let restored = next.within(session, |runner| runner.restore(session, handshake.clone(), &state));
            if let Err(complaint) = restored {
                next.reopen(session, handshake.clone());
                refused.push((session, complaint));
            }
        }
        *self = next;
        Ok(refused)
    }

    /// The client says this text.
    pub fn to_backend(&mut self, session: u32, text: &str) -> Verdict {
        self.message(session, Direction::ToBackend, Message::text(text))
    }

    /// The backend says this text.
    pub fn to_client(&mut self, session: u32, text: &str) -> Verdict {
        self.message(session, Direction::ToClient, Message::text(text))
    }

    /// A message passes. The filter sees as much of it as it subscribed to.
    pub fn message(&mut self, session: u32, direction: Direction, message: Message) -> Verdict {
        let interest = match direction {
            Direction::ToBackend => self.subscription.to_backend,
            Direction::ToClient => self.subscription.to_client,
        };
        let Message { kind, mut payload } = message;
        let size = payload.len() as u32;
        match interest {
            Interest::Ignore => return Verdict::Continue,
            Interest::Size => payload.clear(),
            Interest::Prefix(bytes) => payload.truncate(bytes as usize),
            Interest::Whole => {}
        }
        let message = Incoming { direction, kind, size, payload };
        let mut verdict = self.within(session, |runner| runner.on_message(session, message.clone()));
        let mut asked = 0;
        while let Verdict::CallOut(request) = verdict {
            let answer = answered(request, asked);
            verdict = self.within(session, |runner| runner.on_message_answer(session, message.clone(), answer));
            asked += 1;
            assert!(asked <= ANSWERS_AN_EVENT_MAX + 1, "it asks on after it was told that it asks too much");
        }
        if let Verdict::Reply(Message { kind: MessageKind::Text, payload }) = &verdict {
            assert!(std::str::from_utf8(payload).is_ok(), "a text must be UTF-8");
        }
        verdict
    }

    /// Something became of the session's upstream.
    pub fn upstream(&mut self, session: u32, event: UpstreamEvent) -> Reaction {
        match self.subscription.upstream {
            Wanted::Yes => self.reaction(session, |runner| runner.on_upstream(session, event)),
            Wanted::No => Reaction::None,
        }
    }

    /// A heartbeat was answered.
    pub fn heartbeat(&mut self, session: u32, direction: Direction) -> Reaction {
        match self.subscription.heartbeat {
            Wanted::Yes => self.reaction(session, |runner| runner.on_heartbeat(session, direction)),
            Wanted::No => Reaction::None,
        }
    }

    /// The session is over. Its number will be used again.
    pub fn close(&mut self, session: u32, code: u16) {
        if self.subscription.close == Wanted::Yes {
            self.within(session, |runner| runner.on_close(session, CloseReason { code, reason: String::new() }));
        }
        self.sessions.remove(&session);
        with(|host| host.sessions.remove(&session));
    }

    /// Lets time pass, and fires this instance's timers that are due, each at its time.
    pub fn advance(&mut self, by: Duration) -> Vec<TimerFired> {
        let until_ms = with(|host| host.now_ms + by.as_millis() as u64);
        let mut fired = Vec::new();
        while let Some((at_ms, session, timer)) = self.next_timer().filter(|(at_ms, ..)| *at_ms <= until_ms) {
            with(|host| {
                host.now_ms = host.now_ms.max(at_ms);
                host.sessions.get_mut(&session).map(|facts| facts.timers.remove(&timer))
            });
            let reaction = self.reaction(session, |runner| runner.on_timer(session, timer));
            fired.push(TimerFired { session, timer, reaction });
        }
        with(|host| host.now_ms = until_ms);
        fired
    }

    /// What filters know of a session and have asked for it.
    pub fn facts(&self, session: u32) -> Facts {
        with(|host| host.sessions.get(&session).cloned().unwrap_or_default())
    }

    /// A call-out is answered at once, and the answer's reaction is the event's.
    fn reaction(&mut self, session: u32, act: impl FnOnce(&mut Runner<F>) -> Reaction) -> Reaction {
        let mut reaction = self.within(session, act);
        while let Reaction::CallOut(request) = reaction {
            let answer = answered(request, 0);
            reaction = self.within(session, |runner| runner.on_answer(session, answer));
        }
        reaction
    }

    fn next_timer(&self) -> Option<(u64, u32, u32)> {
        with(|host| {
            let facts = self.sessions.iter().filter_map(|session| Some((*session, host.sessions.get(session)?)));
            facts.flat_map(|(session, facts)| facts.timers.iter().map(move |(&timer, &at)| (at, session, timer))).min()
        })
    }

    fn within<R>(&mut self, session: u32, act: impl FnOnce(&mut Runner<F>) -> R) -> R {
        with(|host| host.current = Some(session));
        let result = act(&mut self.runner);
        with(|host| host.current = None);
        result
    }
}
