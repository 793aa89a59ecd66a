//! Networks and clients made of numbers, in virtual time.

mod learned;
mod network;
mod prober;

use std::time::Duration;

use super::*;
use crate::time::Instant;

const NOON: Instant = Instant::ZERO;

fn secs(secs: u64) -> Duration {
    Duration::from_secs(secs)
}

#[test]
fn clients_are_grouped_by_the_bits_of_their_addresses() {
    let network = |address: &str, v4, v6| Prefixes { v4, v6 }.network(address.parse().unwrap());
    assert_eq!(&*network("192.0.2.77", 24, 48), "192.0.2.0/24");
    assert_eq!(&*network("::ffff:192.0.2.77", 24, 48), "192.0.2.0/24");
    assert_eq!(&*network("192.0.2.77", 32, 48), "192.0.2.77/32");
    assert_eq!(&*network("203.0.113.200", 1, 48), "128.0.0.0/1");
    assert_eq!(&*network("2001:db8:7:8::1", 24, 48), "2001:db8:7::/48");
    assert_eq!(&*network("2001:db8:7:8::1", 24, 128), "2001:db8:7:8::1/128");
}

#[test]
fn a_header_names_a_group_and_those_without_it_have_their_address() {
    let name = http::HeaderName::from_static("x-carrier");
    let long = http::HeaderValue::from_str(&"é".repeat(200)).unwrap();
    let handshake = |value: Option<&http::HeaderValue>| {
        let headers = value.map(|value| (&name, value)).into_iter();
        Handshake::new(crate::id::SessionId::from(1), "192.0.2.7:1".parse().unwrap(), "/", headers)
    };
    let by = GroupBy::Header("x-carrier".into());
    let of = |value: Option<&http::HeaderValue>| by.name(&handshake(value), &Facts::default());
    assert_eq!(&*of(Some(&http::HeaderValue::from_static("one"))), "x-carrier=one");
    assert_eq!(&*of(None), "192.0.2.0/24");
    assert!(of(Some(&long)).len() <= NAME_BYTES_MAX);
}

#[test]
fn a_full_table_forgets_what_was_used_least_lately() {
    let networks = Networks::new(32);
    let at = |n: u64| NOON + secs(n);
    let held = networks.join(at(0), "the first".into());
    for n in 0..31 {
        networks.join(at(n), format!("{n}").into());
    }
    networks.join(at(40), "the first".into());
    networks.join(at(41), "one too many".into());
    let names: Vec<_> = networks.states().into_iter().map(|state| state.name).collect();
    assert!(names.len() <= 32, "{names:?}");
    for (name, is_there) in [("the first", true), ("one too many", true), ("0", false), ("30", true)] {
        assert_eq!(names.iter().any(|known| &**known == name), is_there, "{name}");
    }
    for n in 100..10_000 {
        networks.join(at(n), format!("{n}").into());
    }
    assert!(networks.states().len() <= 32);
    // Its sessions go on with what they know.
    let bounds = Bounds { min: secs(30), max: secs(60) };
    assert_eq!(held.interval(bounds), secs(30));
}
