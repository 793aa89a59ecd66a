//! Belay: a sidecar proxy that keeps messaging clients connected while backends come and go.
//!
//! The modules stand in reading order: what everybody uses, the data path, then the rooms that meet it at its seams.

pub(crate) mod dial;
pub(crate) mod digest;
pub(crate) mod gate;
pub mod id;
pub mod limiter;
pub mod secret;
pub(crate) mod stamp;
pub mod time;
pub mod tls;
pub mod wheel;

pub mod dataplane;

pub mod wasm;

pub mod clients;
pub mod report;

pub mod config;
pub mod oci;
pub mod shipped;
pub mod telemetry;

pub(crate) mod memory;

pub mod admin;
pub mod profile;

pub mod app;
pub mod workshop;

pub mod cli;
