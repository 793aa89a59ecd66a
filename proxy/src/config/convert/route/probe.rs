//! `routes[].heartbeat.probe`: one shape in the file, three kinds of probe here.

use std::time::Duration;

use crate::config::convert::Convert;
use crate::config::path::Path;
use crate::config::scalar::Time;
use crate::config::wire;
use crate::dataplane::probe::{Adaptive, Fixed, GroupBy, LossAware, Prefixes, Probe};

/// `detect_within` in terms of `min`: what is left is for asking more than once.
const DETECT_MIN: u32 = 2;

impl Convert<'_> {
    pub(super) fn probe(&mut self, probe: wire::Probe, path: &Path) -> Probe {
        match (&probe.every, probe.mode) {
            (wire::Every::Time(every), _) => self.fixed(*every, &probe, path),
            (wire::Every::Word(_), Some(wire::Mode::LossAware)) => self.loss_aware(&probe, path),
            (wire::Every::Word(_), Some(wire::Mode::Learned) | None) => self.adaptive(probe, path),
        }
    }

    fn fixed(&mut self, every: Time, probe: &wire::Probe, path: &Path) -> Probe {
        self.has_no_meaning(
            probe,
            &["mode", "min", "max", "detect_within", "group"],
            "without 'every: adaptive'",
            path,
        );
        let timeout = probe.timeout.unwrap_or(Time(Fixed::default().timeout));
        if timeout.0 > every.0 && !self.was_noted(path) {
            let message = format!("a timeout of {timeout} is longer than every, {every}");
            let help = "a client would be asked again before it is given up: lower timeout or raise every".to_owned();
            self.note(&path.key("timeout"), message, Some(help));
        }
        Probe::Fixed(Fixed { every: every.0, timeout: timeout.0 })
    }

    fn loss_aware(&mut self, probe: &wire::Probe, path: &Path) -> Probe {
        self.has_no_meaning(probe, &["timeout", "detect_within", "group"], "with 'mode: loss-aware'", path);
        let default = LossAware::default();
        let min = probe.min.map_or(default.min, |min| min.0);
        let max = probe.max.map_or(default.max.max(min), |max| max.0);
        self.min_under_max(min, max, path);
        Probe::LossAware(LossAware { min, max })
    }

    fn adaptive(&mut self, probe: wire::Probe, path: &Path) -> Probe {
        self.has_no_meaning(&probe, &["timeout"], "with 'every: adaptive', which learns it", path);
        let default = Adaptive::default();
        let detect_within = probe.detect_within.map_or(default.detect_within, |within| within.0);
        let min = probe.min.map_or(default.min.min(detect_within / DETECT_MIN), |min| min.0);
        let max = probe.max.map_or(default.max.max(min), |max| max.0);
        self.min_under_max(min, max, path);
        if detect_within < min * DETECT_MIN && !self.was_noted(path) {
            let message = format!("{} is less than twice min, {}", Time(detect_within), Time(min));
            let help = "what is left after min is for asking more than once: raise this or lower min".to_owned();
            self.note(&path.key("detect_within"), message, Some(help));
        }
        let group = probe.group.map_or(default.group, |group| self.group(group, &path.key("group")));
        Probe::Adaptive(Adaptive { min, max, detect_within, group })
    }

    fn group(&mut self, group: wire::Group, path: &Path) -> GroupBy {
        let is_by_prefix = group.prefix_v4.is_some() || group.prefix_v6.is_some();
        let ways = [is_by_prefix, group.header.is_some(), group.attribute.is_some()];
        if ways.iter().filter(|given| **given).count() > 1 {
            let help = "keep the prefixes, the header, or the attribute".to_owned();
            self.note(path, "clients are grouped in more than one way".to_owned(), Some(help));
        }
        match (group.header, group.attribute) {
            (Some(header), _) => GroupBy::Header(self.header(&header, None, &path.key("header"))),
            (None, Some(attribute)) => GroupBy::Attribute(attribute.into()),
            (None, None) => {
                let default = Prefixes::default();
                GroupBy::Prefix(Prefixes {
                    v4: group.prefix_v4.unwrap_or(default.v4),
                    v6: group.prefix_v6.unwrap_or(default.v6),
                })
            }
        }
    }

    fn min_under_max(&mut self, min: Duration, max: Duration, path: &Path) {
        if min > max && !self.was_noted(path) {
            let message = format!("min, {}, is more than max, {}", Time(min), Time(max));
            self.note(&path.key("min"), message, Some("lower min or raise max".to_owned()));
        }
    }

    fn has_no_meaning(&mut self, probe: &wire::Probe, keys: &[&str], here: &str, path: &Path) {
        for key in keys {
            let is_given = match *key {
                "timeout" => probe.timeout.is_some(),
                "mode" => probe.mode.is_some(),
                "min" => probe.min.is_some(),
                "max" => probe.max.is_some(),
                "detect_within" => probe.detect_within.is_some(),
                "group" => probe.group.as_ref().is_some_and(|group| *group != wire::Group::default()),
                _ => false,
            };
            if is_given {
                self.note_key(&path.key(key), format!("'{key}' has no meaning {here}"), Some("remove it".to_owned()));
            }
        }
    }
}
