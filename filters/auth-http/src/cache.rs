//! Decisions in the host's store, for all workers. Keys are hashed: what makes a client known is kept by nobody.

use belay_filter::{Handshake, Header, Refusal, store};
use sha2::{Digest, Sha256};

use crate::config::{Cache, Config, Part};
use crate::decision::{Decision, Pairs};

/// The decision's place. Every part stands with its length, so that no two texts make one.
pub(crate) fn key(cache: &Cache, config: &Config, handshake: &Handshake) -> String {
    let mut hash = Sha256::new();
    let mut add = |text: &str| {
        hash.update((text.len() as u64).to_le_bytes());
        hash.update(text);
    };
    add(&handshake.route);
    let mut add_header = |name: &str| {
        for value in handshake.headers_named(name) {
            add(name);
            add(value);
        }
        add("");
    };
    config.headers.iter().for_each(|name| add_header(name));
    for part in &cache.by {
        match part {
            Part::Host => add_header("host"),
            Part::Header(name) => add_header(name),
            _ => {}
        }
    }
    for part in &cache.by {
        match part {
            Part::Path => add(&handshake.path),
            Part::Query => add(&handshake.query),
            Part::Peer => add(&handshake.peer_address),
            Part::Parameter(name) => add(&handshake.query_value(name).unwrap_or_default()),
            Part::Host | Part::Header(_) => {}
        }
    }
    hash.finalize().iter().fold("decision:".to_owned(), |key, byte| {
        const DIGITS: &[u8; 16] = b"0123456789abcdef";
        let digit = |nibble: u8| char::from(DIGITS[usize::from(nibble)]);
        [key, digit(byte >> 4).into(), digit(byte & 15).into()].concat()
    })
}

pub(crate) fn find(key: &str) -> Option<Decision> {
    read(&store::get(key)?)
}

/// In place of an earlier one. What sets a cookie is for one client alone.
pub(crate) fn keep(cache: &Cache, key: &str, decision: &Decision) {
    let ttl_ms = match decision {
        Decision::Allow { .. } => cache.ttl.ms,
        Decision::Refuse(refusal) if refusal.headers.iter().any(|header| header.name == "set-cookie") => 0,
        Decision::Refuse(_) => cache.refused_ttl.ms,
    };
    store::remove(key);
    if ttl_ms > 0 {
        // Without room for it the next client is asked about again.
        let _ = store::set(key, &written(decision), ttl_ms);
    }
}

/// A status, 0 for a yes, and then texts, each behind its length. Written and read by one version and its successors: what is
/// not understood counts as absent.
fn written(decision: &Decision) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut lists: Vec<Pairs> = Vec::new();
    match decision {
        Decision::Allow { upstream_headers, attributes } => {
            bytes.extend(0_u16.to_le_bytes());
            lists.extend([upstream_headers.clone(), attributes.clone()]);
        }
        Decision::Refuse(refusal) => {
            bytes.extend(refusal.status.to_le_bytes());
            lists.push(refusal.headers.iter().map(|header| (header.name.clone(), header.value.clone())).collect());
            lists.push(vec![(refusal.body.clone(), String::new())]);
        }
    }
    for list in lists {
        bytes.extend((list.len() as u32).to_le_bytes());
        for text in list.iter().flat_map(|(name, value)| [name, value]) {
            bytes.extend((text.len() as u32).to_le_bytes());
            bytes.extend(text.as_bytes());
        }
    }
    bytes
}

fn read(mut bytes: &[u8]) -> Option<Decision> {
    let status = u16::from_le_bytes(bytes.split_off(..2)?.try_into().ok()?);
    let (first, mut second) = (pairs(&mut bytes)?, pairs(&mut bytes)?);
    if status == 0 {
        return Some(Decision::Allow { upstream_headers: first, attributes: second });
    }
    let headers = first.into_iter().map(|(name, value)| Header { name, value }).collect();
    Some(Decision::Refuse(Refusal { status, headers, body: second.pop()?.0 }))
}

fn pairs(bytes: &mut &[u8]) -> Option<Pairs> {
    let count = number(bytes)?;
    (0..count).map(|_| Some((text(bytes)?, text(bytes)?))).collect()
}

fn text(bytes: &mut &[u8]) -> Option<String> {
    let length = number(bytes)?;
    String::from_utf8(bytes.split_off(..length)?.to_vec()).ok()
}

fn number(bytes: &mut &[u8]) -> Option<usize> {
    Some(u32::from_le_bytes(bytes.split_off(..4)?.try_into().ok()?) as usize)
}
