//! Limits how often clients connect, and how much is said in each direction, by count and by bytes. The buckets are the
//! host's, shared by all workers; this decides which bucket an event draws from, and what happens when it is empty.

mod config;
mod key;

use belay_filter::limiter::{Limiter, Quota};
use belay_filter::{
    Admission, Direction, Filter, Handshake, Incoming, Interest, Refusal, Subscription, Verdict, configured, host,
};

use config::{Config, Counted, Event, Exceeded, Rule};
use key::{Keys, Source};

struct RateLimit {
    /// What buckets are chosen by, each once.
    sources: Vec<Source>,
    connects: Vec<Limit>,
    to_backend: Vec<Limit>,
    to_client: Vec<Limit>,
}

/// A rule at work.
struct Limit {
    name: String,
    limiter: Limiter,
    /// A place in `sources`.
    source: usize,
    counted: Counted,
    exceeded: Exceeded,
}

impl Filter for RateLimit {
    type Config = Config;
    type Session = Keys;

    fn configure(config: Config) -> configured::Result<Self> {
        let mut filter =
            Self { sources: Vec::new(), connects: Vec::new(), to_backend: Vec::new(), to_client: Vec::new() };
        for rule in config.rules {
            filter.add(rule)?;
        }
        Ok(filter)
    }

    fn subscription(&self) -> Subscription {
        let size = |limits: &[Limit]| if limits.is_empty() { Interest::Ignore } else { Interest::Size };
        Subscription::new().handshake().to_backend(size(&self.to_backend)).to_client(size(&self.to_client))
    }

    fn on_handshake(&mut self, keys: &mut Keys, handshake: Handshake) -> Result<Admission, Refusal> {
        *keys = Keys::of(&self.sources, &handshake);
        for limit in &self.connects {
            if let Err(exhausted) = limit.limiter.take(keys.find(&self.sources, limit.source), 1) {
                host::count(&limit.name, 1);
                return Err(Refusal::new(429, "too many connects\n").retry_after_ms(exhausted.retry_after_ms));
            }
        }
        Ok(Admission::Accept)
    }

    fn on_reopen(&mut self, keys: &mut Keys, handshake: Handshake) {
        *keys = Keys::of(&self.sources, &handshake);
    }

    fn on_message(&mut self, keys: &mut Keys, message: Incoming) -> Verdict {
        let limits = match message.direction {
            Direction::ToBackend => &self.to_backend,
            Direction::ToClient => &self.to_client,
        };
        for limit in limits {
            let tokens = match limit.counted {
                Counted::Items => 1,
                Counted::Bytes => message.size,
            };
            if tokens > 0 && limit.limiter.take(keys.find(&self.sources, limit.source), tokens).is_err() {
                host::count(&limit.name, 1);
                return limit.exceeded.verdict();
            }
        }
        Verdict::Continue
    }
}

impl RateLimit {
    fn add(&mut self, rule: Rule) -> configured::Result<()> {
        let source = self.sources.iter().position(|source| *source == rule.per).unwrap_or_else(|| {
            self.sources.push(rule.per);
            self.sources.len() - 1
        });
        let limiter = Limiter::define(&rule.name, Quota { burst: rule.burst, ..Quota::of(rule.rate) })?;
        let limits = match rule.on {
            Event::Connect => &mut self.connects,
            Event::Message(Direction::ToBackend) => &mut self.to_backend,
            Event::Message(Direction::ToClient) => &mut self.to_client,
        };
        let Rule { name, rate, exceeded, .. } = rule;
        limits.push(Limit { name, limiter, source, counted: rate.of, exceeded });
        Ok(())
    }
}

belay_filter::export!(RateLimit);

#[cfg(test)]
mod tests;
