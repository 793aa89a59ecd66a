//! What a server tells a client that begins with HTTP polling, as far as a session that follows must know it.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use super::terms::{OPEN_BYTES_MAX, Open, Terms, Version};

/// The terms that were last heard on a route's plain HTTP. All of a server's clients have the same. One a route and worker.
#[derive(Default, Debug)]
pub struct Overheard {
    /// Interval and timeout in milliseconds, in the upper half and the lower; 0 before any were heard.
    terms: AtomicU64,
}

impl Overheard {
    /// Whether the answer to a request with this query has an open packet: it polls, and has no session yet.
    pub fn concerns(query: &str) -> bool {
        let has = |name: &str| query.split('&').any(|pair| pair == name);
        let has_session = query.split('&').any(|pair| pair.starts_with("sid="));
        Version::asked_for(query).is_some() && has("transport=polling") && !has_session
    }

    /// The beginning of such an answer. In version 3 the length of the packet stands before it.
    pub fn hear(&self, body: &[u8]) {
        let readable = &body[..body.len().min(OPEN_BYTES_MAX)];
        let Some(object) = memchr::memmem::find(readable, b"0{").map(|at| &readable[at + 1..]) else { return };
        // What follows the packet is another.
        if let Some(Ok(open)) = serde_json::Deserializer::from_slice(object).into_iter::<Open>().next() {
            let millis = |time: u64| time.min(u32::MAX.into());
            self.terms.store(millis(open.ping_interval.max(1)) << 32 | millis(open.ping_timeout), Relaxed);
        }
    }

    pub(super) fn terms(&self) -> Option<Terms> {
        let terms = self.terms.load(Relaxed);
        let heard = Terms::new(Duration::from_millis(terms >> 32), Duration::from_millis(terms & u64::from(u32::MAX)));
        (terms != 0).then_some(heard)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn open_packets_of_both_versions_are_read_from_answers_to_polling() {
        for body in [
            &br#"0{"sid":"x","upgrades":["websocket"],"pingInterval":1000,"pingTimeout":60000,"maxPayload":9}"#[..],
            br#"85:0{"sid":"x","upgrades":["websocket"],"pingInterval":1000,"pingTimeout":60000}2:40"#,
            b"\x00\x08\x05\xff0{\"sid\":\"x\",\"upgrades\":[],\"pingInterval\":1000,\"pingTimeout\":60000}\x00\x02\xff40",
        ] {
            let overheard = Overheard::default();
            overheard.hear(body);
            let terms = overheard.terms().expect("an open packet");
            assert_eq!((terms.interval, terms.timeout), (Duration::from_secs(1), Duration::from_secs(60)));
        }
        let overheard = Overheard::default();
        for body in [&b"\x1f\x8b\x08gzip"[..], b"0{\"sid\":\"x\",\"pingInt", b"0{}", b"ok", b""] {
            overheard.hear(body);
            assert!(overheard.terms().is_none());
        }
    }

    #[test]
    fn only_the_first_poll_of_a_client_is_listened_to() {
        assert!(Overheard::concerns("EIO=4&transport=polling&t=abc"));
        assert!(!Overheard::concerns("EIO=4&transport=polling&t=abc&sid=x"));
        assert!(!Overheard::concerns("EIO=4&transport=websocket"));
        assert!(!Overheard::concerns("transport=polling"));
    }
}
