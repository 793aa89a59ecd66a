//! The session of the event: its attributes, what its upstream is told, its timers.

use std::time::Duration;

use http::{HeaderName, HeaderValue};

use crate::dataplane::chain::{
    ATTRIBUTE_NAME_BYTES_MAX, ATTRIBUTE_VALUE_BYTES_MAX, ATTRIBUTES_MAX, FactsInner, FilterTimer, Pairs,
    SUBPROTOCOL_BYTES_MAX, SUBPROTOCOLS_MAX, TIMERS_MAX, UPSTREAM_HEADER_BYTES_MAX, UPSTREAM_HEADERS_MAX,
};
use crate::wasm::abi::current::Host;
use crate::wasm::state::{Phase, State};

impl Host for State {
    fn attribute(&mut self, name: String) -> wasmtime::Result<Option<String>> {
        self.host_call()?;
        Ok(self.facts.attribute(&name).map(str::to_owned))
    }

    fn set_attribute(&mut self, name: String, value: String) -> wasmtime::Result<()> {
        self.change(|facts, _| {
            if name.len() > ATTRIBUTE_NAME_BYTES_MAX || value.len() > ATTRIBUTE_VALUE_BYTES_MAX {
                return Err(format!(
                    "an attribute's name has at most {ATTRIBUTE_NAME_BYTES_MAX} bytes and its value {ATTRIBUTE_VALUE_BYTES_MAX}, \
                     this has {} and {}",
                    name.len(),
                    value.len()
                ));
            }
            facts.renamed = true;
            set(&mut facts.attributes, &name, &value, ATTRIBUTES_MAX, "attributes")
        })
    }

    fn remove_attribute(&mut self, name: String) -> wasmtime::Result<()> {
        self.host_call()?;
        if self.facts.attribute(&name).is_some() {
            let facts = self.facts.inner_mut();
            facts.attributes.remove(&name);
            facts.renamed = true;
        }
        Ok(())
    }

    fn set_upstream_header(&mut self, name: String, value: String) -> wasmtime::Result<()> {
        self.change(|facts, _| {
            let name =
                HeaderName::from_bytes(name.as_bytes()).map_err(|_| format!("HTTP allows no header named {name:?}"))?;
            if value.len() > UPSTREAM_HEADER_BYTES_MAX || HeaderValue::from_str(&value).is_err() {
                return Err(format!("HTTP allows no such value of the header {name}, or it is longer than 8 KiB"));
            }
            set(&mut facts.upstream_headers, name.as_str(), &value, UPSTREAM_HEADERS_MAX, "upstream headers")
        })
    }

    fn offer_subprotocols(&mut self, names: Vec<String>) -> wasmtime::Result<()> {
        self.change(|facts, _| {
            if names.len() > SUBPROTOCOLS_MAX {
                return Err(format!("at most {SUBPROTOCOLS_MAX} subprotocols can be offered, not {}", names.len()));
            }
            names.iter().try_for_each(|name| subprotocol(name))?;
            facts.offered_subprotocols = Some(names.into_iter().map(String::into_boxed_str).collect());
            Ok(())
        })
    }

    fn default_subprotocol(&mut self, name: String) -> wasmtime::Result<()> {
        self.change(|facts, _| {
            subprotocol(&name)?;
            facts.default_subprotocol = Some(name.into());
            Ok(())
        })
    }

    fn set_timer(&mut self, timer: u32, after_ms: u64) -> wasmtime::Result<()> {
        // At once is in the worker's next turn: what sets itself again at once must not be due for ever in this one.
        let at = self.now + Duration::from_millis(after_ms.max(1));
        self.change(|facts, position| {
            facts.timers.retain(|known| (known.position, known.timer) != (position, timer));
            if facts.timers.iter().filter(|known| known.position == position).count() >= TIMERS_MAX {
                return Err(format!("a filter has at most {TIMERS_MAX} timers a session"));
            }
            // Most sessions have one, for long.
            facts.timers.reserve_exact(1);
            facts.timers.push(FilterTimer { position, timer, at });
            Ok(())
        })
    }

    fn cancel_timer(&mut self, timer: u32) -> wasmtime::Result<()> {
        self.host_call()?;
        let position = self.position;
        if self.facts.inner().is_some_and(|facts| !facts.timers.is_empty()) {
            self.facts.inner_mut().timers.retain(|known| (known.position, known.timer) != (position, timer));
        }
        Ok(())
    }
}

impl State {
    /// Changes the session's facts, if there is a session. A change that is not allowed fails the event.
    fn change(&mut self, change: impl FnOnce(&mut FactsInner, usize) -> Result<(), String>) -> wasmtime::Result<()> {
        self.host_call()?;
        let Phase::Event(..) = self.phase else { return Ok(()) };
        if let Err(what) = change(self.facts.inner_mut(), self.position) {
            self.misused(what);
        }
        Ok(())
    }
}

fn set(pairs: &mut Pairs, name: &str, value: &str, count_max: usize, what: &str) -> Result<(), String> {
    if pairs.len() >= count_max && pairs.get(name).is_none() {
        return Err(format!("a session has at most {count_max} {what}"));
    }
    pairs.set(name, value);
    Ok(())
}

/// RFC 6455, section 4.1: a token of HTTP, as header names are.
fn subprotocol(name: &str) -> Result<(), String> {
    let fits = name.len() <= SUBPROTOCOL_BYTES_MAX && HeaderName::from_bytes(name.as_bytes()).is_ok();
    if fits { Ok(()) } else { Err(format!("{name:?} cannot name a subprotocol")) }
}
