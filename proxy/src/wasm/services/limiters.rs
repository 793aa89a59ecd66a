//! A filter's limiters by name.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use super::lock;
use crate::limiter::{Limiter, Settings};
use crate::time::Instant;

/// Names that one filter may give to limiters: enough for one a route, and a bound for one a user.
pub(super) const NAMES_MAX: usize = 64;

/// Shared by the instances of a filter.
pub(in crate::wasm) struct Limiters {
    filter: Box<str>,
    by_name: Mutex<HashMap<Box<str>, Arc<Limiter>>>,
}

impl Limiters {
    pub(super) fn new(filter: &str) -> Self {
        Self { filter: filter.into(), by_name: Mutex::default() }
    }

    /// The limiter of this name; a new one if there is none, or one with other settings, as after a change of the YAML.
    pub(in crate::wasm) fn define(&self, name: &str, settings: Settings, now: Instant) -> Result<Arc<Limiter>, String> {
        let mut by_name = lock(&self.by_name);
        if let Some(limiter) = by_name.get(name).filter(|limiter| limiter.settings() == settings) {
            return Ok(Arc::clone(limiter));
        }
        if by_name.len() >= NAMES_MAX && !by_name.contains_key(name) {
            return Err(format!("filter {} has {NAMES_MAX} limiters already", self.filter));
        }
        let label = format!("{}/{name}", self.filter);
        let limiter = Arc::new(Limiter::new(label, settings, now));
        by_name.insert(name.into(), Arc::clone(&limiter));
        Ok(limiter)
    }
}
