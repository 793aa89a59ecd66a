//! Lets in whom an HTTP service lets in: it is sent what the client asked for, and its status decides. What it says of the client
//! becomes attributes of the session and headers for the backend. Answers are kept for a while in the host's store, and asked
//! for again while a session lasts if the config says so.

mod cache;
mod config;
mod decision;
mod question;

#[cfg(test)]
mod tests;

use belay_filter::{
    Admission, Answer, CloseReason, Filter, Handshake, Reaction, Refusal, Request, Subscription, configured, current,
    host,
};

use config::{Config, OnError};
use decision::Decision;

/// The only timer.
const RECHECK: u32 = 1;
/// After a recheck without an answer: soon, and not all at once.
const RECHECK_AGAIN_MS: u64 = 5_000;

struct AuthHttp {
    config: Config,
}

/// What is kept of a session: what is to be asked of it again, and where the answer is kept. Nothing if nothing is.
#[derive(Default)]
struct Asked(Option<Box<Question>>);

struct Question {
    request: Request,
    key: Option<String>,
}

impl Filter for AuthHttp {
    type Config = Config;
    type Session = Asked;

    fn configure(config: Config) -> configured::Result<Self> {
        config.check()?;
        Ok(Self { config })
    }

    fn subscription(&self) -> Subscription {
        Subscription::new().handshake()
    }

    fn on_handshake(&mut self, asked: &mut Asked, handshake: Handshake) -> Result<Admission, Refusal> {
        let question = self.question(&handshake);
        let known = question.key.as_deref().and_then(cache::find);
        let request = question.request.clone();
        *asked = Asked(Some(Box::new(question)));
        match known {
            Some(decision) => {
                host::count("cached", 1);
                self.admit(asked, decision)
            }
            None => Ok(request.into()),
        }
    }

    fn on_handshake_answer(
        &mut self,
        asked: &mut Asked,
        handshake: Handshake,
        answer: Answer,
    ) -> Result<Admission, Refusal> {
        // Another instance may have asked.
        let question = asked.0.get_or_insert_with(|| Box::new(self.question(&handshake)));
        match self.decide(question.key.as_deref(), answer) {
            Some(decision) => self.admit(asked, decision),
            None => match self.config.on_error {
                OnError::Allow => {
                    host::count("allowed-unasked", 1);
                    self.admit(asked, Decision::Allow { upstream_headers: Vec::new(), attributes: Vec::new() })
                }
                OnError::Deny => Err(Refusal::new(503, "who you are cannot be checked now\n").retry_after_ms(1000)),
            },
        }
    }

    fn on_reopen(&mut self, asked: &mut Asked, handshake: Handshake) {
        if self.config.recheck.is_some() {
            *asked = Asked(Some(Box::new(self.question(&handshake))));
        }
    }

    fn on_timer(&mut self, asked: &mut Asked, _timer: u32) -> Reaction {
        match &asked.0 {
            Some(question) => question.request.clone().into(),
            None => Reaction::None,
        }
    }

    fn on_answer(&mut self, asked: &mut Asked, answer: Answer) -> Reaction {
        let Some(question) = &asked.0 else { return Reaction::None };
        match self.decide(question.key.as_deref(), answer) {
            Some(Decision::Allow { upstream_headers, attributes }) => {
                self.introduce(&upstream_headers, &attributes);
                self.recheck_later();
                Reaction::None
            }
            Some(Decision::Refuse(_)) => {
                host::count("closed", 1);
                let CloseReason { code, reason } = &self.config.close;
                Reaction::close(*code, reason.clone())
            }
            // A service that is away is no reason to send everybody away.
            None => {
                current::set_timer(RECHECK, jittered(RECHECK_AGAIN_MS));
                Reaction::None
            }
        }
    }
}

impl AuthHttp {
    fn question(&self, handshake: &Handshake) -> Question {
        let key = self.config.cache.as_ref().map(|cache| cache::key(cache, &self.config, handshake));
        Question { request: question::request(&self.config, handshake), key }
    }

    fn admit(&self, asked: &mut Asked, decision: Decision) -> Result<Admission, Refusal> {
        match decision {
            Decision::Allow { upstream_headers, attributes } => {
                self.introduce(&upstream_headers, &attributes);
                match self.config.recheck {
                    Some(_) => self.recheck_later(),
                    None => *asked = Asked(None),
                }
                Ok(Admission::Accept)
            }
            Decision::Refuse(refusal) => {
                host::count("refused", 1);
                Err(refusal)
            }
        }
    }

    /// What the service said of the client. The client's own headers of these names are taken away in any case.
    fn introduce(&self, headers: &[(String, String)], attributes: &[(String, String)]) {
        for name in &self.config.upstream_headers {
            let value = headers.iter().find(|(known, _)| known.eq_ignore_ascii_case(name));
            current::set_upstream_header(name, value.map_or("", |(_, value)| value));
        }
        for name in self.config.attributes.keys() {
            match attributes.iter().find(|(known, _)| known == name) {
                Some((_, value)) => current::set_attribute(name, value),
                None => current::remove_attribute(name),
            }
        }
    }

    /// What an answer means, if it means anything.
    fn decide(&self, key: Option<&str>, answer: Answer) -> Option<Decision> {
        let decision = match answer {
            Ok(response) => {
                let decision = decision::of(&self.config, &response);
                if decision.is_none() {
                    host::count("unexpected", 1);
                    host::log(host::Level::Warn, &["the service answered ", &response.status.to_string()].concat());
                }
                decision
            }
            Err(error) => {
                host::count("unanswered", 1);
                host::log(host::Level::Warn, &["the service gave no answer: ", error.name()].concat());
                None
            }
        }?;
        if let (Some(cache), Some(key)) = (&self.config.cache, key) {
            cache::keep(cache, key, &decision);
        }
        Some(decision)
    }

    fn recheck_later(&self) {
        if let Some(recheck) = self.config.recheck {
            current::set_timer(RECHECK, jittered(recheck.ms));
        }
    }
}

/// Up to a tenth sooner, so that a crowd does not ask at once.
fn jittered(ms: u64) -> u64 {
    ms - host::random() % (ms / 10).max(1)
}

belay_filter::export!(AuthHttp);
