//! The cases. What a case prepares it prepares once, so that the difference of two counts is the case itself.

use std::cell::RefCell;
use std::error::Error;
use std::hint::black_box;
use std::rc::Rc;
use std::time::Duration;

use belay::dataplane::chain::{Chain, Interest, SharedFilter, Subscription};
use belay::dataplane::codec::{Framing, Opcode, Role, encode};
use belay::dataplane::message::MessageKind;
use belay::dataplane::route::MessageLimits;
use belay::time::Instant;
use belay::wheel::Wheel;

use crate::world::{Ear, World, called};

pub(crate) type Outcome = Result<(), Box<dyn Error>>;

pub(crate) struct Case {
    pub(crate) name: &'static str,
    /// Does it so many times.
    pub(crate) run: fn(u32) -> Outcome,
}

pub(crate) const CASES: [Case; 14] = [
    Case { name: "read a frame of 128 bytes", run: |times| read(Role::Server, Opcode::Binary, 128, times) },
    Case { name: "read a text of 1 KiB", run: |times| read(Role::Server, Opcode::Text, 1024, times) },
    Case { name: "read a backend's frame of 128 bytes", run: |times| read(Role::Client, Opcode::Binary, 128, times) },
    Case { name: "write a frame of 128 bytes to a client", run: |times| write(Role::Server, 128, times) },
    Case { name: "write a frame of 128 bytes to a backend", run: |times| write(Role::Client, 128, times) },
    Case { name: "message there and back", run: |times| echo(Chain::default(), times) },
    Case { name: "message there and back, 8 filters not subscribed", run: |times| echo(ears(8, NOTHING), times) },
    Case { name: "message there and back, 3 filters", run: |times| echo(ears(3, WHOLE), times) },
    Case { name: "filter called, without payload", run: |times| called(Interest::Size, times) },
    Case { name: "filter called, with 128 bytes", run: |times| called(Interest::Whole, times) },
    Case { name: "text heartbeat answered", run: |times| answered(Opcode::Text, times) },
    Case { name: "ping answered", run: |times| answered(Opcode::Ping, times) },
    Case { name: "message held and delivered", run: held },
    Case { name: "timer moved", run: moved },
];

const NOTHING: Subscription = Subscription {
    to_backend: Interest::Ignore,
    to_client: Interest::Ignore,
    handshake: false,
    upstream: false,
    heartbeat: false,
};
const WHOLE: Subscription = Subscription { to_backend: Interest::Whole, to_client: Interest::Whole, ..NOTHING };

fn ears(count: usize, subscription: Subscription) -> Chain {
    let filter = || -> SharedFilter { Rc::new(RefCell::new(Box::new(Ear { subscription }))) };
    Chain::new((0..count).map(|_| filter()).collect())
}

/// `role` is ours: what is read was said by the other.
fn read(role: Role, opcode: Opcode, bytes: usize, times: u32) -> Outcome {
    let peer = if role == Role::Server { Role::Client } else { Role::Server };
    let mut frame = Vec::new();
    encode(peer, opcode, &vec![b'x'; bytes], &mut frame);
    let (mut reader, mut input) = (Framing::WebSocket.reader(role), frame.clone());
    for _ in 0..times {
        // Reading unmasks in place.
        input.copy_from_slice(&frame);
        black_box(reader.read(&mut &mut input[..], &MessageLimits::default())?);
    }
    Ok(())
}

fn write(role: Role, bytes: usize, times: u32) -> Outcome {
    let (payload, mut out) = (vec![b'x'; bytes], Vec::new());
    for _ in 0..times {
        out.clear();
        Framing::WebSocket.write(role, MessageKind::Binary, &payload, &mut out)?;
        black_box(&mut out);
    }
    Ok(())
}

fn echo(chain: Chain, times: u32) -> Outcome {
    let mut world = World::new(chain);
    (0..times).for_each(|_| world.echo());
    Ok(())
}

fn answered(opcode: Opcode, times: u32) -> Outcome {
    let mut world = World::new(Chain::default());
    (0..times).for_each(|_| world.heartbeat(opcode));
    Ok(())
}

/// Sixteen at a time, through an outage each.
fn held(times: u32) -> Outcome {
    const AT_A_TIME: u32 = 16;
    let mut world = World::new(Chain::default());
    for _ in 0..times / AT_A_TIME {
        world.outage(AT_A_TIME);
    }
    Ok(())
}

/// As a session moves its own with every message: again and again, hardly ever to fire.
fn moved(times: u32) -> Outcome {
    const SESSIONS: usize = 1_000;
    let (mut wheel, mut now) = (Wheel::default(), Instant::ZERO);
    (0..SESSIONS).for_each(|key| wheel.arm(key, now + Duration::from_secs(30)));
    for turn in 0..times {
        now = now + Duration::from_millis(1);
        wheel.arm(turn as usize % SESSIONS, now + Duration::from_secs(30));
        wheel.advance(now, |key| {
            black_box(key);
        });
    }
    Ok(())
}
