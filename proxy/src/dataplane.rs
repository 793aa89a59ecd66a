//! The data path, in the order a connection meets it. It knows nothing of YAML, wasmtime or exporters: they are given to
//! it at its seams ([`route`] for what was configured, [`chain`] for filters, [`ledger`] for what is counted, [`state`] for who
//! is connected, [`trace`] for spans).

pub mod route;

pub mod listener;
pub mod serve;

pub mod handshake;
pub mod upstream;

pub mod driver;
pub mod session;

pub mod codec;
pub mod forward;
pub mod head;
pub mod message;
pub mod rewound;

pub mod callout;
pub mod chain;
pub mod complaints;
pub mod drain;
pub mod heartbeat;
pub mod hold;
pub mod ledger;
pub mod memory;
pub mod probe;
pub mod state;
pub mod trace;
pub mod visit;
pub mod worker;
