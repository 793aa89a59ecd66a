//! A session between a client and a backend that are bytes and nothing else, and filters that have nothing to say.

use std::error::Error;
use std::hint::black_box;
use std::path::Path;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use belay::dataplane::callout::CalloutPolicy;
use belay::dataplane::chain::{Call, Chain, Facts, Filter, FilterFailure, Handle, Interest, Subscription, Verdict};
use belay::dataplane::codec::{Framing, Opcode, Role, encode};
use belay::dataplane::handshake::Handshake;
use belay::dataplane::heartbeat::{Answerer, HeartbeatPolicy, Text};
use belay::dataplane::hold::HoldPolicy;
use belay::dataplane::ledger::Counters;
use belay::dataplane::message::{Direction, MessageKind};
use belay::dataplane::probe::Networks;
use belay::dataplane::route::{
    Backend, FailurePolicy, FilterLimits, FilterSource, FilterSpec, Isolation, Match, MessageLimits, Route, SlowClient,
};
use belay::dataplane::session::{Budget, Context, Ending, Pool, Session};
use belay::dataplane::worker::RouteState;
use belay::id::SessionId;
use belay::time::{Instant, UnixTime};
use belay::wasm::Host;
use rand::SeedableRng;
use rand::rngs::SmallRng;

use crate::guest::{Guest, WANT_ALL};

const MESSAGE: [u8; 128] = [b'x'; 128];
/// Asks for the size of every message.
const WANT_SIZES: &str = "
    (i32.store8 (i32.const 0) (i32.const 0))
    (i32.store8 (i32.const 4) (i32.const 1))
    (i32.store8 (i32.const 12) (i32.const 1))
    (i32.const 0)";

pub(crate) struct World {
    session: Session,
    counters: Counters,
    budget: Budget,
    pool: Pool,
    rng: SmallRng,
    networks: Networks,
    now: Instant,
    bytes: Vec<u8>,
}

impl World {
    pub(crate) fn new(chain: Chain) -> Self {
        let route = Route {
            name: "bench".into(),
            framing: Framing::WebSocket,
            matches: Match::default(),
            backend: Backend::at("127.0.0.1:1"),
            filters: Vec::new(),
            heartbeat: HeartbeatPolicy {
                answer: vec![Answerer::Text(Text::exact("ping", "pong"))],
                ..HeartbeatPolicy::default()
            },
            hold: HoldPolicy::default(),
            messages: MessageLimits::default(),
            slow_client: SlowClient::default(),
        };
        let (counters, budget, networks) = (Counters::default(), Budget::new(usize::MAX), Networks::default());
        let (mut pool, mut rng) = (Pool::default(), SmallRng::seed_from_u64(7));
        let now = Instant::ZERO + Duration::from_secs(1_000);
        let handles = chain.handles();
        let route = Rc::new(RouteState::new(Arc::new(route), chain, Arc::default()));
        let mut cx = Context {
            now,
            clock: UnixTime::now,
            counters: &counters,
            pool: &mut pool,
            budget: &budget,
            random: &mut rng,
            states: &(),
            networks: &networks,
        };
        let session = Session::new(&mut cx, route, handshake(), Facts::default(), handles, Duration::ZERO);
        Self { session, counters, budget, pool, rng, networks, now, bytes: Vec::new() }
    }

    /// A message of the client's, and its echo.
    pub(crate) fn echo(&mut self) {
        self.says(Role::Client, Opcode::Binary, &MESSAGE);
        self.write_all();
        self.says(Role::Server, Opcode::Binary, &MESSAGE);
        self.write_all();
    }

    pub(crate) fn heartbeat(&mut self, opcode: Opcode) {
        self.says(Role::Client, opcode, b"ping");
        self.write_all();
    }

    /// The backend goes, the client says so much, and the backend is there again.
    pub(crate) fn outage(&mut self, messages: u32) {
        self.act(|session, cx| session.handle_upstream_gone(cx, Ending::Broken));
        self.act(|session, cx| session.handle_dialling(cx));
        for _ in 0..messages {
            self.says(Role::Client, Opcode::Binary, &MESSAGE);
        }
        self.act(|session, cx| session.handle_connected(cx, Duration::ZERO));
        self.write_all();
        // Long enough that the next outage is not the same one.
        self.now = self.now + Duration::from_secs(10);
    }

    /// `who` is the role of whoever speaks.
    fn says(&mut self, who: Role, opcode: Opcode, payload: &[u8]) {
        let mut bytes = std::mem::take(&mut self.bytes);
        bytes.clear();
        encode(who, opcode, payload, &mut bytes);
        match who {
            Role::Client => self.act(|session, cx| session.handle_client_bytes(cx, &mut bytes)),
            Role::Server => self.act(|session, cx| session.handle_upstream_bytes(cx, &mut bytes)),
        }
        self.bytes = bytes;
    }

    fn write_all(&mut self) {
        let to_upstream = black_box(self.session.upstream_output()).len();
        if to_upstream > 0 {
            self.act(|session, cx| session.handle_upstream_written(cx, to_upstream));
        }
        let to_client = black_box(self.session.client_output()).len();
        if to_client > 0 {
            self.act(|session, cx| session.handle_client_written(cx, to_client));
        }
        self.act(|session, cx| session.handle_flushed(cx));
    }

    fn act(&mut self, act: impl FnOnce(&mut Session, &mut Context<'_>)) {
        let mut cx = Context {
            now: self.now,
            clock: UnixTime::now,
            counters: &self.counters,
            pool: &mut self.pool,
            budget: &self.budget,
            random: &mut self.rng,
            states: &(),
            networks: &self.networks,
        };
        act(&mut self.session, &mut cx);
    }
}

fn handshake() -> Handshake {
    Handshake::new(SessionId::from(1), ([127, 0, 0, 1], 4711).into(), "/chat", std::iter::empty())
}

/// A component's filter, through the data path's seam.
pub(crate) fn called(interest: Interest, times: u32) -> Result<(), Box<dyn Error>> {
    let configure = if interest == Interest::Whole { WANT_ALL } else { WANT_SIZES };
    let spec = FilterSpec {
        name: "bench".into(),
        source: FilterSource::Shipped("bench".into()),
        sha256: None,
        config: serde_json::Value::Null,
        secrets: Default::default(),
        files: Vec::new(),
        on_failure: FailurePolicy::Deny,
        isolation: Isolation::Shared,
        // A call takes fifty times as long where its instructions are counted.
        limits: FilterLimits { deadline: Duration::from_secs(60), ..FilterLimits::default() },
        callouts: CalloutPolicy::default(),
    };
    // Compiled by whoever comes first: under a counter of instructions that takes long.
    let cache = Path::new(env!("CARGO_TARGET_TMPDIR")).join("hot-paths");
    let mut filter =
        Host::new(Some(&cache))?.load(&spec, &Guest { configure, ..Guest::default() }.component())?.instantiate()?;
    let (handshake, mut facts, mut handle) = (handshake(), Facts::default(), Handle::default());
    for _ in 0..times {
        let call = Call {
            now: Instant::ZERO,
            route: "bench",
            handshake: &handshake,
            facts: &mut facts,
            handle: &mut handle,
            position: 0,
        };
        black_box(filter.on_message(call, Direction::ToBackend, MessageKind::Binary, &MESSAGE)?);
    }
    Ok(())
}

/// A filter that listens and says nothing.
pub(crate) struct Ear {
    pub(crate) subscription: Subscription,
}

impl Filter for Ear {
    fn name(&self) -> &str {
        "ear"
    }

    fn subscription(&self) -> Subscription {
        self.subscription
    }

    fn on_message(
        &mut self,
        _: Call<'_>,
        _: Direction,
        _: MessageKind,
        payload: &[u8],
    ) -> Result<Verdict, FilterFailure> {
        black_box(payload);
        Ok(Verdict::Continue)
    }
}
