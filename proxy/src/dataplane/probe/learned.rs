//! What was learned of networks, as text that outlives the process: JSON with a version. Times are relative, since the
//! process that reads it has another clock. Files are the app's.

use std::time::Duration;

use serde_json::{Value, json};

use super::network::{Network, Search};
use super::networks::NetworkState;
use crate::time::Instant;

/// Another is not read.
const VERSION: u64 = 1;
/// A silence that no network was ever asked for: what says so is damaged.
const SILENCE_MAX: Duration = Duration::from_secs(7 * 24 * 3_600);

/// Why a text was not taken.
#[derive(Debug, thiserror::Error)]
pub enum LearnedError {
    /// Cut off, or never ours.
    #[error("it is not JSON: {0}")]
    NotJson(#[from] serde_json::Error),
    /// From a Belay that writes it otherwise.
    #[error("its version is {0}, and {VERSION} is what is read")]
    Version(Value),
    /// Something in it makes no sense.
    #[error("the network {0} makes no sense")]
    Network(Value),
}

pub(super) fn to_text<'a>(now: Instant, states: impl Iterator<Item = &'a NetworkState>) -> String {
    let networks: Vec<_> = states.filter_map(|state| network_to_json(now, state)).collect();
    format!("{:#}\n", json!({ "version": VERSION, "networks": networks }))
}

pub(super) fn from_text(now: Instant, text: &str) -> Result<Vec<(Box<str>, Network)>, LearnedError> {
    let learned: Value = serde_json::from_str(text)?;
    if learned["version"] != VERSION {
        return Err(LearnedError::Version(learned["version"].clone()));
    }
    let networks = learned["networks"].as_array().ok_or_else(|| LearnedError::Network(learned["networks"].clone()))?;
    let read = |value: &Value| network_from_json(now, value).ok_or_else(|| LearnedError::Network(value.clone()));
    networks.iter().map(read).collect()
}

fn network_to_json(now: Instant, state: &NetworkState) -> Option<Value> {
    let (bad, retry) = match state.search {
        Search::Climbing => (None, None),
        Search::Between { bad } => (Some(bad), None),
        Search::Settled { bad, retry } => (Some(bad), Some(retry.since(now))),
        Search::Retrying { bad } => (Some(bad), Some(Duration::ZERO)),
    };
    if state.good.is_zero() && bad.is_none() {
        return None;
    }
    let mut network = json!({ "network": state.name, "good_ms": state.good.as_millis() as u64 });
    if let Some(bad) = bad {
        network["bad_ms"] = json!(bad.as_millis() as u64);
    }
    if let Some(retry) = retry {
        network["retry_in_s"] = json!(retry.as_secs());
    }
    Some(network)
}

fn network_from_json(now: Instant, value: &Value) -> Option<(Box<str>, Network)> {
    let millis = |key: &str| match &value[key] {
        Value::Null => Some(None),
        number => number.as_u64().map(Duration::from_millis).filter(|silence| *silence <= SILENCE_MAX).map(Some),
    };
    let (good, bad) = (millis("good_ms")??, millis("bad_ms")?);
    let search = match (bad, value["retry_in_s"].as_u64()) {
        (None, _) => Search::Climbing,
        (Some(bad), _) if bad <= good => return None,
        (Some(bad), None) => Search::Between { bad },
        (Some(bad), Some(secs)) => Search::Settled { bad, retry: now + Duration::from_secs(secs) },
    };
    Some((value["network"].as_str()?.into(), Network::restored(now, good, search)))
}
