//! Who may come in: connections are counted, over all workers, for the listener and, where it limits them, for each of its
//! peers. Asked once for a connection, and told when it ends; no message comes by here. What those are told that may not come
//! in is [`super::refusal`]'s.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::refusal::Refused;
use crate::dataplane::memory::Memory;
use crate::dataplane::route::{ListenerLimits, PeerLimits};
use crate::limiter::{Limiter, Rate, Settings};
use crate::time::Instant;

/// One listener's. Its clones count together.
#[derive(Clone)]
pub struct Turnstile {
    open_max: usize,
    whole: Arc<Count>,
    rate: Option<Arc<Limiter>>,
    limits: PeerLimits,
    peers: Arc<Peers>,
    peer_rate: Option<Arc<Limiter>>,
    memory: Memory,
}

/// A connection's place among the open ones. Given back when dropped.
#[derive(Debug)]
pub struct ConnectionSlot(Arc<Count>);

/// Open connections.
#[derive(Debug)]
struct Count {
    open: AtomicUsize,
    of: Of,
}

#[derive(Debug)]
enum Of {
    /// The whole listener.
    Listener,
    /// One of its peers. In the table for as long as any of its connections is open.
    Peer { network: IpAddr, peers: Arc<Peers>, whole: Arc<Count> },
}

/// Peers with open connections: never more than the listener has connections.
#[derive(Debug, Default)]
struct Peers(Mutex<HashMap<IpAddr, Arc<Count>>>);

impl Turnstile {
    /// With nobody inside.
    pub fn new(limits: &ListenerLimits, memory: Memory) -> Self {
        let nobody = Self {
            open_max: 0,
            whole: Arc::new(Count { open: AtomicUsize::new(0), of: Of::Listener }),
            rate: None,
            limits: PeerLimits::default(),
            peers: Arc::default(),
            peer_rate: None,
            memory,
        };
        nobody.limited_by(limits)
    }

    /// From now on by these limits. Those who are inside stay, and count; for a peer only those that came while it was counted.
    #[must_use]
    pub fn limited_by(&self, limits: &ListenerLimits) -> Self {
        let peer = &limits.peer;
        Self {
            open_max: limits.connections_max,
            rate: limiter("connections of a listener", limits.accept, 1, self.rate.as_ref()),
            peer_rate: limiter("connections of peers", peer.accept, peer.entries_max, self.peer_rate.as_ref()),
            limits: peer.clone(),
            ..self.clone()
        }
    }

    /// Gives a connection of `peer` its place.
    ///
    /// # Errors
    /// It has none, and this is why. What is not let in takes nothing from the listener's rate.
    pub fn admit(&self, peer: IpAddr, now: Instant) -> Result<ConnectionSlot, Refused> {
        if self.memory.is_short() {
            return Err(Refused::Memory);
        }
        let network = self.limits.prefixes.first_of(peer);
        let slot = ConnectionSlot(match self.limits.connections_max {
            None => Arc::clone(&self.whole),
            Some(max) => self.peers.join(network, max, &self.whole).ok_or(Refused::PeerConnections)?,
        });
        // Counted before it is compared, so that two workers cannot both take the last place.
        if self.whole.open.fetch_add(1, Relaxed) >= self.open_max {
            return Err(Refused::Connections);
        }
        let has_token = |rate: &Option<Arc<Limiter>>, key| match rate {
            Some(rate) => rate.take(&key, 1, now).is_ok(),
            None => true,
        };
        if !has_token(&self.peer_rate, network) {
            return Err(Refused::PeerRate);
        }
        if !has_token(&self.rate, IpAddr::from([0; 4])) {
            return Err(Refused::Rate);
        }
        Ok(slot)
    }

    /// How many are inside now.
    pub fn open(&self) -> usize {
        self.whole.open.load(Relaxed)
    }
}

/// The same as `before` if it is to limit the same: its buckets are as full as they were.
fn limiter(name: &str, rate: Option<Rate>, keys_max: usize, before: Option<&Arc<Limiter>>) -> Option<Arc<Limiter>> {
    let settings = Settings { rate: rate?, keys_max };
    let before = before.filter(|before| before.settings() == settings).map(Arc::clone);
    Some(before.unwrap_or_else(|| Arc::new(Limiter::new(name.to_owned(), settings, Instant::now()))))
}

impl Peers {
    /// Counts one more, unless there are so many.
    fn join(self: &Arc<Self>, network: IpAddr, max: usize, whole: &Arc<Count>) -> Option<Arc<Count>> {
        let mut table = self.lock();
        let count = table.entry(network).or_insert_with(|| {
            let of = Of::Peer { network, peers: Arc::clone(self), whole: Arc::clone(whole) };
            Arc::new(Count { open: AtomicUsize::new(0), of })
        });
        // Changed under the lock alone.
        if count.open.load(Relaxed) >= max {
            return None;
        }
        count.open.fetch_add(1, Relaxed);
        Some(Arc::clone(count))
    }

    fn leave(&self, network: IpAddr, count: &Count) {
        let mut table = self.lock();
        if count.open.fetch_sub(1, Relaxed) == 1 {
            table.remove(&network);
            if table.is_empty() {
                table.shrink_to_fit();
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<IpAddr, Arc<Count>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for ConnectionSlot {
    fn drop(&mut self) {
        match &self.0.of {
            Of::Listener => drop(self.0.open.fetch_sub(1, Relaxed)),
            Of::Peer { network, peers, whole } => {
                whole.open.fetch_sub(1, Relaxed);
                peers.leave(*network, &self.0);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn turnstile(change: impl FnOnce(&mut ListenerLimits)) -> Turnstile {
        let mut limits = ListenerLimits::default();
        change(&mut limits);
        Turnstile::new(&limits, Memory::default())
    }

    fn from(address: &str, turnstile: &Turnstile) -> Result<ConnectionSlot, Refused> {
        turnstile.admit(address.parse().unwrap(), Instant::ZERO)
    }

    fn rate(tokens: u32, burst: u32) -> Option<Rate> {
        Some(Rate::new(tokens, Duration::from_secs(1), burst).unwrap())
    }

    #[test]
    fn a_listener_is_full_until_one_goes() {
        let turnstile = turnstile(|limits| limits.connections_max = 2);
        let first = from("192.0.2.1", &turnstile).unwrap();
        let _second = from("192.0.2.1", &turnstile.clone()).unwrap();
        assert_eq!(from("192.0.2.2", &turnstile).unwrap_err(), Refused::Connections);
        assert_eq!(from("192.0.2.2", &turnstile).unwrap_err(), Refused::Connections);
        drop(first);
        from("192.0.2.2", &turnstile).unwrap();
    }

    #[test]
    fn a_peer_is_full_and_others_are_not() {
        let turnstile = turnstile(|limits| limits.peer.connections_max = Some(2));
        let first = from("192.0.2.1", &turnstile).unwrap();
        let _second = from("::ffff:192.0.2.1", &turnstile).unwrap();
        assert_eq!(from("192.0.2.1", &turnstile).unwrap_err(), Refused::PeerConnections);
        let _other = from("192.0.2.2", &turnstile).unwrap();
        drop(first);
        from("192.0.2.1", &turnstile).unwrap();
    }

    #[test]
    fn the_addresses_of_one_ipv6_network_are_one_peer() {
        let turnstile = turnstile(|limits| limits.peer.connections_max = Some(1));
        let _first = from("2001:db8:0:7::1", &turnstile).unwrap();
        assert_eq!(from("2001:db8:0:7:ffff::2", &turnstile).unwrap_err(), Refused::PeerConnections);
        from("2001:db8:0:8::1", &turnstile).unwrap();
    }

    #[test]
    fn peers_who_have_gone_are_forgotten_and_the_listener_has_its_places_again() {
        let turnstile = turnstile(|limits| {
            limits.peer.connections_max = Some(2);
            limits.connections_max = 3;
        });
        let inside: Vec<_> = ["192.0.2.1", "192.0.2.1", "192.0.2.2"].map(|peer| from(peer, &turnstile)).into();
        assert_eq!(from("192.0.2.3", &turnstile).unwrap_err(), Refused::Connections);
        assert_eq!(turnstile.peers.lock().len(), 2);
        drop(inside);
        assert_eq!((turnstile.peers.lock().len(), turnstile.whole.open.load(Relaxed)), (0, 0));
        assert_eq!(Arc::strong_count(&turnstile.whole), 1);
    }

    #[test]
    fn a_peer_that_comes_too_fast_takes_nothing_from_the_listener_s_rate() {
        let turnstile = turnstile(|limits| {
            limits.accept = rate(1, 3);
            limits.peer.accept = rate(1, 2);
        });
        let mut outcomes = Vec::new();
        for peer in ["192.0.2.1", "192.0.2.1", "192.0.2.1", "192.0.2.1", "192.0.2.2", "192.0.2.3"] {
            outcomes.push(from(peer, &turnstile).map(drop));
        }
        let (too_fast, full) = (Err(Refused::PeerRate), Err(Refused::Rate));
        assert_eq!(outcomes, [Ok(()), Ok(()), too_fast, too_fast, Ok(()), full]);
        assert_eq!(turnstile.whole.open.load(Relaxed), 0);
    }

    #[test]
    fn other_limits_count_those_who_are_inside_and_rates_that_stay_are_not_full_again() {
        let mut limits = ListenerLimits { accept: rate(1, 2), ..ListenerLimits::default() };
        let before = Turnstile::new(&limits, Memory::default());
        let _inside = from("192.0.2.1", &before).unwrap();
        limits.connections_max = 2;
        let after = before.limited_by(&limits);
        let _second = from("192.0.2.1", &after).unwrap();
        assert_eq!(from("192.0.2.1", &after).unwrap_err(), Refused::Connections);
        limits.connections_max = 3;
        assert_eq!(from("192.0.2.1", &after.limited_by(&limits)).unwrap_err(), Refused::Rate);
    }

    #[test]
    fn without_memory_nobody_comes_in() {
        let memory = Memory::default();
        let turnstile = Turnstile::new(&ListenerLimits::default(), memory.clone());
        memory.set_budget(Some(1));
        memory.observe(2);
        assert_eq!(from("192.0.2.1", &turnstile).unwrap_err(), Refused::Memory);
        memory.observe(0);
        from("192.0.2.1", &turnstile).unwrap();
    }
}
