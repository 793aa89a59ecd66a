//! Runs one way to ask against everybody, and counts what comes of it.

use std::time::Duration;

use belay::dataplane::probe::{Networks, Shared, Step};
use belay::time::Instant;
use rand::rngs::SmallRng;
use rand::{Rng, SeedableRng};

use crate::askers::{Asker, Way};
use crate::events::{Event, Events};
use crate::figures::Figures;
use crate::mars::Mars;
use crate::path::{Path, Sent, Towards};
use crate::people::{self, Network};

/// Nothing is counted before: ways that learn have a day to learn in.
const LEARNING: Duration = Duration::from_secs(24 * 3_600);
/// Everybody connects within this time.
const ARRIVALS: Duration = Duration::from_secs(600);
const RECONNECT: Duration = Duration::from_secs(2);

pub(crate) struct World<'w> {
    way: &'w Way,
    networks: Vec<(Network, Shared)>,
    clients: Vec<Client>,
    events: Events,
    now: Instant,
    learning: Figures,
    figures: Figures,
}

struct Client {
    network: usize,
    path: Path,
    mars: Mars,
    is_chatting: bool,
    is_chatter: bool,
    died: Option<Instant>,
    /// The server's side of its connection. A client that is back has a new one, while the server may not know yet that the
    /// old one is of no more use.
    session: Option<Session>,
    sessions: u32,
    dice: SmallRng,
}

struct Session {
    number: u32,
    asker: Asker,
    heard: Instant,
    /// When its prober is due; another event is void.
    armed: Instant,
    begun: Instant,
    is_lost: bool,
}

impl<'w> World<'w> {
    pub(crate) fn new(way: &'w Way, clients: usize, nat_from: u64, seed: u64) -> Self {
        let mut dice = SmallRng::seed_from_u64(seed);
        let now = Instant::ZERO;
        let known = Networks::new(usize::MAX);
        let mut world = Self {
            way,
            networks: vec![],
            clients: vec![],
            events: Events::default(),
            now,
            learning: Figures::default(),
            figures: Figures::default(),
        };
        for size in people::networks(clients) {
            let name = format!("network {}", world.networks.len());
            world.networks.push((Network::some(nat_from, &mut dice), known.join(now, name.into())));
            for _ in 0..size {
                world.settle_in(&mut dice);
            }
        }
        world
    }

    fn settle_in(&mut self, dice: &mut SmallRng) {
        let network = self.networks.len() - 1;
        let mut dice = SmallRng::seed_from_u64(dice.random());
        let key = self.clients.len();
        let comes = self.now + ARRIVALS.mul_f64(dice.random());
        self.events.add(comes, key, Event::Connects);
        self.events.add(comes + people::until_death(&mut dice), key, Event::Dies);
        let is_chatter = people::is_chatter(&mut dice);
        if is_chatter {
            self.events.add(comes + people::until_mood_changes(false, &mut dice), key, Event::ChangesMood);
        }
        self.events.add(comes + people::until_it_is_told(false, &mut dice), key, Event::IsToldSomething);
        let path = Path::new(&self.networks[network].0, comes, &mut dice);
        self.clients.push(Client {
            network,
            path,
            mars: Mars::new(),
            is_chatting: false,
            is_chatter,
            died: None,
            session: None,
            sessions: 0,
            dice,
        });
    }

    /// The figures of so many hours after the first day.
    pub(crate) fn run(mut self, hours: u64) -> Figures {
        let end = self.now + LEARNING + Duration::from_secs(hours * 3_600);
        while let Some((at, client, event)) = self.events.next() {
            if at >= end {
                break;
            }
            self.now = at;
            self.happen(client, event);
        }
        self.now = end;
        for client in 0..self.clients.len() {
            self.end_session(client);
        }
        self.figures
    }

    fn happen(&mut self, key: usize, event: Event) {
        let Self { clients, networks, .. } = self;
        let client = &mut clients[key];
        let network = &networks[client.network].0;
        match event {
            Event::Connects => self.connect(key),
            Event::Dies => {
                if client.died.is_none() {
                    client.died = Some(self.now);
                    self.events.add(self.now + people::away(&mut client.dice), key, Event::Connects);
                }
            }
            Event::ChangesMood => {
                client.is_chatting = !client.is_chatting;
                let next = people::until_mood_changes(client.is_chatting, &mut client.dice);
                self.events.add(self.now + next, key, Event::ChangesMood);
                if client.is_chatting {
                    self.events.add(self.now, key, Event::Talks);
                }
            }
            Event::Talks => {
                if client.is_chatter && client.is_chatting {
                    self.events.add(self.now + people::until_it_talks(&mut client.dice), key, Event::Talks);
                    let awake = client.path.awake(network, self.now, &mut client.dice);
                    if client.died.is_none() && awake == self.now {
                        self.speak(key, self.now, None);
                    }
                }
            }
            Event::IsToldSomething => {
                let next = people::until_it_is_told(client.is_chatting, &mut client.dice);
                self.events.add(self.now + next, key, Event::IsToldSomething);
                if let Some(session) = &mut client.session {
                    session.asker.on_written(self.now);
                    self.send_down(key, None);
                }
            }
            Event::Notices { session } => {
                if client.session.as_ref().is_none_or(|own| own.number == session) && client.died.is_none() {
                    self.connect(key);
                }
            }
            Event::IsDue { session } => self.on_due(key, session),
            Event::IsAsked { session, number } => {
                let awake = client.path.awake(network, self.now, &mut client.dice);
                if client.sessions == session && client.died.is_none() {
                    self.speak(key, awake, Some(number));
                }
            }
            Event::IsHeard { session: of, number } => {
                if let Some(session) = client.session.as_mut().filter(|session| session.number == of) {
                    session.heard = self.now;
                    if let Some(number) = number {
                        session.asker.handle_answer(self.way, &mut client.mars, self.now, number);
                        self.arm(key);
                    }
                }
            }
        }
    }

    /// A new connection of a client; what is left of an old one is closed, as far as the figures go, when the new one is made.
    fn connect(&mut self, key: usize) {
        self.end_session(key);
        let client = &mut self.clients[key];
        if client.died.take().is_some() {
            self.events.add(self.now + people::until_death(&mut client.dice), key, Event::Dies);
        }
        client.path.reconnect(self.now);
        client.path.forget_before(self.now);
        client.sessions += 1;
        let phase = client.dice.random();
        let network = &self.networks[client.network].1;
        client.session = Some(Session {
            number: client.sessions,
            asker: Asker::new(self.way, &mut client.mars, network, self.now, phase),
            heard: self.now,
            armed: Instant::NEVER,
            begun: self.now,
            is_lost: false,
        });
        self.arm(key);
    }

    fn arm(&mut self, key: usize) {
        let Some(session) = &mut self.clients[key].session else { return };
        let due = session.asker.next_due(self.way, session.heard);
        if due != session.armed {
            session.armed = due;
            self.events.add(due.max(self.now), key, Event::IsDue { session: session.number });
        }
    }

    fn on_due(&mut self, key: usize, of: u32) {
        let (now, way) = (self.now, self.way);
        let client = &mut self.clients[key];
        let Some(session) = client.session.as_mut().filter(|s| s.number == of && s.armed == now) else { return };
        session.armed = Instant::NEVER;
        match session.asker.handle_due(way, &mut client.mars, now, session.heard) {
            Step::Wait => {}
            Step::Ask { number, .. } => {
                session.asker.on_written(now);
                self.figures().probes += 1;
                self.send_down(key, Some(number));
            }
            Step::Dead => return self.on_taken_for_dead(key),
        }
        self.arm(key);
    }

    fn on_taken_for_dead(&mut self, key: usize) {
        let now = self.now;
        let client = &mut self.clients[key];
        let network = &self.networks[client.network].0;
        let is_forgotten = client.path.is_forgotten(network, now);
        let (died, number) = (client.died, client.sessions);
        match died {
            Some(died) => self.figures().detections.push(now - died),
            None if is_forgotten => {}
            None => self.figures().false_positives += 1,
        }
        if died.is_none() {
            let notices = people::until_it_notices(&mut self.clients[key].dice);
            self.events.add(now + notices, key, Event::Notices { session: number });
        }
        self.end_session(key);
    }

    /// The server sends a question, or what the backend says.
    fn send_down(&mut self, key: usize, number: Option<u64>) {
        let now = self.now;
        let client = &mut self.clients[key];
        if client.died.is_some() {
            return;
        }
        let sent = client.path.send(&self.networks[client.network].0, now, Towards::Client, &mut client.dice);
        match (sent, number) {
            (Sent::Arrives(at), Some(number)) => {
                let session = client.sessions;
                self.events.add(at, key, Event::IsAsked { session, number });
            }
            (Sent::Forgotten, _) => self.on_forgotten(key),
            (Sent::Arrives(_), None) | (Sent::GivenUp, _) => {}
        }
    }

    /// The client sends an answer, or something of its own.
    fn speak(&mut self, key: usize, at: Instant, number: Option<u64>) {
        let client = &mut self.clients[key];
        if client.session.is_none() {
            return;
        }
        match client.path.send(&self.networks[client.network].0, at, Towards::Server, &mut client.dice) {
            Sent::Arrives(arrival) => {
                let session = client.sessions;
                self.events.add(arrival, key, Event::IsHeard { session, number });
            }
            Sent::Forgotten => {
                // The NAT gives it another port, which the server refuses: it knows at once.
                let session = client.sessions;
                self.on_forgotten(key);
                self.events.add(at + RECONNECT, key, Event::Notices { session });
            }
            Sent::GivenUp => {}
        }
    }

    fn on_forgotten(&mut self, key: usize) {
        let Some(session) = &mut self.clients[key].session else { return };
        if !std::mem::replace(&mut session.is_lost, true) {
            self.figures().mappings_lost += 1;
        }
    }

    fn end_session(&mut self, key: usize) {
        let Some(session) = self.clients[key].session.take() else { return };
        let counted_from = session.begun.max(Instant::ZERO + LEARNING);
        self.figures.connected += self.now.since(counted_from);
    }

    fn figures(&mut self) -> &mut Figures {
        if self.now < Instant::ZERO + LEARNING { &mut self.learning } else { &mut self.figures }
    }
}
