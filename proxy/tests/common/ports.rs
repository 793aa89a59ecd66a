//! Free ports. They are taken from below the range that the system gives to outgoing connections, so that none of those
//! takes one away between the choice and its use.

use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};

const FIRST: u32 = 10_000;
const COUNT: u32 = 20_000;

/// A loopback address that nobody listens on. Tests of one process never get the same one twice; two processes start
/// looking in different places.
pub fn free() -> SocketAddr {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    for _ in 0..COUNT {
        let offset = std::process::id().wrapping_mul(97).wrapping_add(NEXT.fetch_add(1, Relaxed)) % COUNT;
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, (FIRST + offset) as u16));
        if TcpListener::bind(address).is_ok() {
            return address;
        }
    }
    panic!("no port of {COUNT} is free");
}
