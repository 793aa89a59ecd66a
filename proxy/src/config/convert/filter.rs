//! `filters`.

use std::collections::BTreeMap;

use super::Convert;
use super::tls::Scheme;
use crate::config::path::Path;
use crate::config::{nearest, shipped_filters, wire};
use crate::dataplane::callout::{CalloutPolicy, Origin};
use crate::dataplane::route::{FailurePolicy, FilterLimits, FilterSource, FilterSpec, Isolation};
use crate::oci;
use crate::secret::Secrets;

/// 32 bytes.
const SHA256_DIGITS: usize = 64;

impl Convert<'_> {
    /// In the order of the names, which is the order that routes count in.
    pub(super) fn filters(&mut self, filters: BTreeMap<String, wire::Filter>, path: &Path) -> Vec<FilterSpec> {
        let mut validated = Vec::new();
        for (name, filter) in filters {
            let path = path.key(&name);
            validated.push(self.filter(name, filter, &path));
        }
        validated
    }

    fn filter(&mut self, name: String, filter: wire::Filter, path: &Path) -> FilterSpec {
        if name.trim().is_empty() {
            self.note_key(path, "a filter needs a name".to_owned(), None);
        }
        let source = self.source(&filter, path);
        let sha256 = self.pin(filter.sha256.as_deref(), &path.key("sha256"));
        let mut secrets = Secrets::default();
        self.name_secrets_in(&filter.config, &mut secrets, &path.key("config"));
        let files = path.key("files");
        self.check_recycle(&filter.limits, &path.key("limits"));
        FilterSpec {
            name: name.into(),
            source,
            sha256,
            config: filter.config,
            secrets,
            files: filter
                .files
                .into_iter()
                .map(|(name, file)| {
                    let file = self.readable(&file, &files.key(&name));
                    (name.into(), file)
                })
                .collect(),
            on_failure: filter.on_failure.into(),
            isolation: filter.isolation.into(),
            limits: filter.limits.into(),
            callouts: self.callouts(filter.callouts, &path.key("callouts")),
        }
    }

    fn callouts(&mut self, callouts: wire::Callouts, path: &Path) -> CalloutPolicy {
        let allow = self.origins(&callouts.allow, &path.key("allow"));
        let scheme = if allow.iter().any(Origin::is_secure) { Scheme::Secure } else { Scheme::Plain("https") };
        let tls = self.client_tls(callouts.tls, scheme, &path.key("tls"));
        CalloutPolicy {
            allow,
            timeout: callouts.timeout.0,
            body_bytes_max: callouts.body.0,
            in_flight_max: callouts.in_flight as usize,
            tls,
        }
    }

    /// What callouts may ask.
    pub(super) fn origins(&mut self, texts: &[String], path: &Path) -> Vec<Origin> {
        let mut origins = Vec::new();
        for (index, text) in texts.iter().enumerate() {
            match text.parse::<Origin>() {
                Ok(origin) => origins.push(origin),
                Err(error) => {
                    let help = "write scheme, host and port: https://auth.internal:8443".to_owned();
                    self.note(&path.item(index), format!("'{text}' is no origin: {error}"), Some(help));
                }
            }
        }
        origins
    }

    /// What is to be replaced must still live.
    fn check_recycle(&mut self, limits: &wire::FilterLimits, path: &Path) {
        if limits.recycle.is_some_and(|recycle| recycle.0 >= limits.memory.0) {
            let help = "an instance that reaches 'memory' fails; it is to be replaced well before".to_owned();
            self.note(&path.key("recycle"), "must be less than 'memory'".to_owned(), Some(help));
        }
    }

    fn pin(&mut self, given: Option<&str>, path: &Path) -> Option<Box<str>> {
        let given = given?;
        let digits = given.strip_prefix("sha256:").unwrap_or(given);
        if digits.len() != SHA256_DIGITS || !digits.bytes().all(|digit| digit.is_ascii_hexdigit()) {
            let help = "'sha256sum FILE' says it".to_owned();
            self.note(path, "a SHA-256 digest has 64 hexadecimal digits".to_owned(), Some(help));
        }
        Some(digits.to_ascii_lowercase().into())
    }

    fn source(&mut self, filter: &wire::Filter, path: &Path) -> FilterSource {
        match (&filter.shipped, &filter.wasm) {
            (Some(name), None) => {
                if !shipped_filters().contains(&name.as_str()) {
                    let help = nearest::help(name, shipped_filters().iter().copied());
                    self.note(&path.key("use"), format!("no filter '{name}' ships with Belay"), Some(help));
                }
                FilterSource::Shipped(name.as_str().into())
            }
            (None, Some(name)) if name.starts_with(oci::SCHEME) => match name.parse() {
                Ok(reference) => FilterSource::Registry(reference),
                Err(oci::BadReference { message, help }) => {
                    self.note(&path.key("wasm"), message, Some(help));
                    FilterSource::Shipped("".into())
                }
            },
            (None, Some(file)) => FilterSource::File(self.readable(file, &path.key("wasm"))),
            (Some(_), Some(file)) => {
                let help = "'use' is for filters that ship with Belay, 'wasm' for files: remove one".to_owned();
                self.note(&path.key("wasm"), "'use' and 'wasm' are both given".to_owned(), Some(help));
                FilterSource::File(file.into())
            }
            (None, None) => {
                // What the walk has cut out was there, and is noted already.
                let is_there = ["use", "wasm"].iter().any(|key| self.was_noted(&path.key(key)));
                if !is_there {
                    let help =
                        "write 'use: rate-limit' for a filter that ships with Belay, or 'wasm: ./file.wasm'".to_owned();
                    self.note_key(path, "missing field 'use' or 'wasm'".to_owned(), Some(help));
                }
                FilterSource::Shipped("".into())
            }
        }
    }
}

impl From<wire::OnFailure> for FailurePolicy {
    fn from(policy: wire::OnFailure) -> Self {
        match policy {
            wire::OnFailure::Deny => Self::Deny,
            wire::OnFailure::Allow => Self::Allow,
        }
    }
}

impl From<wire::Isolation> for Isolation {
    fn from(isolation: wire::Isolation) -> Self {
        match isolation {
            wire::Isolation::Shared => Self::Shared,
            wire::Isolation::Session => Self::Session,
        }
    }
}

impl From<wire::FilterLimits> for FilterLimits {
    fn from(limits: wire::FilterLimits) -> Self {
        Self {
            memory_bytes_max: limits.memory.0,
            recycle_bytes: limits.recycle.map(|size| size.0),
            deadline: limits.deadline.0,
            host_calls_max: limits.host_calls,
            table_entries_max: limits.table_entries as usize,
            instances_max: limits.instances as usize,
        }
    }
}
