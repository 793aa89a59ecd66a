//! Spares a backend that keeps failing: while its breaker is open, clients that connect are refused and messages are
//! answered here. Counting and deciding is the host's, shared by all workers; this tells it what became of upstreams, and
//! acts on what it says.

mod config;

use belay_filter::breaker::{Breaker, Settings, State};
use belay_filter::{
    Admission, Filter, Handshake, Incoming, Interest, Reaction, Refusal, Subscription, UpstreamEvent, Verdict,
    configured, current, host,
};

use config::{Config, Losses, OnMessage};

/// What the host calls the breaker, where the config has no name for it.
const NAME: &str = "backend";
/// The timer that decides about a message that went through as a probe.
const SETTLE: u32 = 0;

struct CircuitBreaker {
    config: Config,
    breaker: Breaker,
}

/// What is kept of a session.
#[derive(Default)]
struct Session {
    /// None until the handshake is seen.
    breaker: Option<Breaker>,
    upstream: Upstream,
    probe: Probe,
}

#[derive(Default, PartialEq, Eq)]
enum Upstream {
    /// Also when nothing is known.
    #[default]
    There,
    /// It is being redialled.
    Away,
}

#[derive(Default, PartialEq, Eq)]
enum Probe {
    #[default]
    None,
    /// A message of this session went through as one, and nothing has come of it yet.
    Underway,
}

impl Filter for CircuitBreaker {
    type Config = Config;
    type Session = Session;

    fn configure(config: Config) -> configured::Result<Self> {
        config.check()?;
        let settings = Settings {
            window_ms: config.window.ms,
            results_min: config.results,
            failure_percent: config.failures,
            slow_ms: config.slower_than.map_or(0, |limit| limit.ms),
            open_ms: config.open_for.ms,
            probes: config.probes,
        };
        let breaker = Breaker::define(config.name.as_deref().unwrap_or(NAME), settings)?;
        Ok(Self { config, breaker })
    }

    fn subscription(&self) -> Subscription {
        let messages = match self.config.messages {
            OnMessage::Pass => Interest::Ignore,
            OnMessage::Drop | OnMessage::Reply(_) | OnMessage::Close(_) => Interest::Size,
        };
        Subscription::new().handshake().upstream().to_backend(messages)
    }

    fn on_handshake(&mut self, session: &mut Session, handshake: Handshake) -> Result<Admission, Refusal> {
        let breaker = self.breaker_of(&handshake);
        session.breaker = Some(breaker);
        breaker.admit().map_err(|rejected| {
            host::count("refused", 1);
            Refusal::new(503, "the backend is unavailable\n").retry_after_ms(rejected.retry_after_ms)
        })?;
        Ok(Admission::Accept)
    }

    fn on_reopen(&mut self, session: &mut Session, handshake: Handshake) {
        session.breaker = Some(self.breaker_of(&handshake));
    }

    fn on_message(&mut self, session: &mut Session, _message: Incoming) -> Verdict {
        let breaker = session.breaker.unwrap_or(self.breaker);
        if breaker.state() == State::Closed {
            return Verdict::Continue;
        }
        // What would be held cannot tell how the backend is: the redial is the probe then.
        if session.upstream == Upstream::There && breaker.admit().is_ok() {
            session.probe = Probe::Underway;
            current::set_timer(SETTLE, self.config.settle.ms);
            return Verdict::Continue;
        }
        host::count("answered", 1);
        self.config.messages.verdict()
    }

    fn on_upstream(&mut self, session: &mut Session, event: UpstreamEvent) -> Reaction {
        let breaker = session.breaker.unwrap_or(self.breaker);
        if session.probe == Probe::Underway {
            session.probe = Probe::None;
            current::cancel_timer(SETTLE);
        }
        session.upstream = match event {
            UpstreamEvent::Connected(_) | UpstreamEvent::Latency(_) => Upstream::There,
            UpstreamEvent::Failed | UpstreamEvent::Lost => Upstream::Away,
        };
        match event {
            UpstreamEvent::Connected(us) | UpstreamEvent::Latency(us) => report(breaker, |breaker| breaker.success(us)),
            UpstreamEvent::Lost if self.config.losses == Losses::Ignore => {}
            UpstreamEvent::Failed | UpstreamEvent::Lost => report(breaker, Breaker::failure),
        }
        Reaction::None
    }

    fn on_timer(&mut self, session: &mut Session, timer: u32) -> Reaction {
        // No news is good news: the connection still stands. Without this a breaker would stay half-open for ever where
        // nothing measures the backend's latency.
        if timer == SETTLE && std::mem::take(&mut session.probe) == Probe::Underway {
            report(session.breaker.unwrap_or(self.breaker), |breaker| breaker.success(0));
        }
        Reaction::None
    }
}

impl CircuitBreaker {
    fn breaker_of(&self, handshake: &Handshake) -> Breaker {
        match self.config.name {
            Some(_) => self.breaker,
            None => self.breaker.keyed(&handshake.route),
        }
    }
}

/// Tells the breaker what came of something. One whose open time is over learns from any result, be it a redial's or a
/// heartbeat's that nobody asked leave for: else it would stay open where nothing else happens. It hears of results only once
/// somebody has asked, so this asks; a place that is taken too much is given back by the host.
fn report(breaker: Breaker, result: impl FnOnce(Breaker)) {
    let learns = match breaker.state() {
        State::Closed => true,
        State::Open => breaker.admit().is_ok(),
        State::HalfOpen => {
            let _ = breaker.admit();
            true
        }
    };
    if learns {
        result(breaker);
    }
}

belay_filter::export!(CircuitBreaker);

#[cfg(test)]
mod tests;
