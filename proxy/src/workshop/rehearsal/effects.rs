//! What a step led to, besides the filter's answer.

use super::lines::Author;
use super::stage::{Actor, Stage};
use super::{Difference, compare, say};
use crate::dataplane::chain::{FactsInner, Pairs};
use crate::workshop::script::{Restored, Step, WantedLine, WantedText};

/// What the host says when a state was not taken in; the filter's own words follow it.
const NOT_TAKEN_IN: &str = "a filter did not take in a session's state: ";

impl Stage<'_> {
    /// What is other than the script has it.
    pub(super) fn effects(&mut self, step: &Step) -> Vec<Difference> {
        let mut found = Vec::new();
        self.counters(step, &mut found);
        self.log(step, &mut found);
        self.carried_over(step, &mut found);
        let facts = self.session(&step.session).and_then(|actor: &Actor| actor.solo.facts.inner());
        let none = FactsInner::default();
        let facts = facts.unwrap_or(&none);
        texts("attributes", &step.effects.attributes, &facts.attributes, &mut found);
        texts("upstream_headers", &step.effects.upstream_headers, &facts.upstream_headers, &mut found);
        if let Some(wanted) = &step.effects.subprotocols {
            let got = facts.offered_subprotocols.as_deref();
            if got != Some(&**wanted) {
                let got = got.map_or_else(|| "those of the client".to_owned(), |names| names.join(", "));
                found.push(Difference::new("subprotocols", wanted.join(", "), got));
            }
        }
        if let Some(wanted) = &step.effects.default_subprotocol
            && facts.default_subprotocol.as_ref() != Some(wanted)
        {
            let got = facts.default_subprotocol.as_deref().map_or_else(|| "none".to_owned(), say::quoted);
            found.push(Difference::new("default_subprotocol", say::quoted(wanted), got));
        }
        for (number, wanted) in &step.effects.timers {
            let got = facts.timers.iter().find(|timer| timer.timer == *number).map(|timer| timer.at.since(self.now));
            if got != *wanted {
                let words = |due: Option<_>| due.map_or_else(|| "not set".to_owned(), say::duration);
                found.push(Difference::new(format!("timers.{number}"), words(*wanted), words(got)));
            }
        }
        found
    }

    fn counters(&self, step: &Step, found: &mut Vec<Difference>) {
        if step.effects.counters.is_empty() {
            return;
        }
        let counts = self.host.services().counts();
        for (name, wanted) in &step.effects.counters {
            let got = counts.iter().find(|count| count.name == *name).map(|count| count.value);
            if got != *wanted {
                let words = |sum: Option<u64>| sum.map_or_else(|| "never counted".to_owned(), |sum| sum.to_string());
                found.push(Difference::new(format!("counters.{name}"), words(*wanted), words(got)));
            }
        }
    }

    fn log(&self, step: &Step, found: &mut Vec<Difference>) {
        let Some(wanted) = &step.effects.log else { return };
        let got: Vec<_> = self.lines.peek().into_iter().filter(|line| line.by == Author::Filter).collect();
        let is_wanted = |wanted: &WantedLine, got: &super::Line| {
            wanted.level.is_none_or(|level| level == got.level)
                && wanted.text.as_ref().is_none_or(|text| compare::is_text(text, &got.text))
        };
        if wanted.len() != got.len() || wanted.iter().zip(&got).any(|(wanted, got)| !is_wanted(wanted, got)) {
            let expected = wanted.iter().map(say::wanted_line).collect::<Vec<_>>().join("; ");
            let came = got.iter().map(say::line).collect::<Vec<_>>().join("; ");
            let or_none = |text: String| if text.is_empty() { "no lines".to_owned() } else { text };
            found.push(Difference::new("log", or_none(expected), or_none(came)));
        }
    }

    fn carried_over(&mut self, step: &Step, found: &mut Vec<Difference>) {
        let carried = self.scripted.take_carried();
        let taken = if self.carried() > 0 { carried.clone() } else { None };
        let words =
            |state: Option<&Vec<u8>>| state.map_or_else(|| "nothing".to_owned(), |state| say::bytes_in_words(state));
        match &step.effects.restored {
            Some(Restored::Nothing) if taken.is_some() => {
                found.push(Difference::new("restored", "nothing", words(taken.as_ref())));
            }
            Some(Restored::State(wanted)) if taken.as_ref() != Some(wanted) => {
                let refused = if taken.is_none() && carried.is_some() { " (and the filter refused it)" } else { "" };
                let got = words(taken.as_ref().or(carried.as_ref())) + refused;
                found.push(Difference::new("restored", words(Some(wanted)), got));
            }
            _ => {}
        }
        if let Some(wanted) = &step.effects.not_restored {
            let said = self.lines.peek().into_iter().find_map(|line| {
                let text = line.text.strip_prefix(NOT_TAKEN_IN)?;
                (line.by == Author::Host).then(|| text.to_owned())
            });
            match said {
                Some(said) => found.extend(compare::text("not_restored", wanted, &said)),
                None => {
                    let got = if taken.is_some() { "the state was taken in" } else { "there was no state to take in" };
                    found.push(Difference::new("not_restored", say::text(wanted), got));
                }
            }
        }
    }
}

fn texts(of: &str, wanted: &[(Box<str>, Option<WantedText>)], got: &Pairs, found: &mut Vec<Difference>) {
    for (name, wanted) in wanted {
        let got = got.get(name);
        let same = match (wanted, got) {
            (Some(wanted), Some(got)) => compare::is_text(wanted, got),
            (None, None) => true,
            _ => false,
        };
        if !same {
            let absent = || "not there".to_owned();
            let expected = wanted.as_ref().map_or_else(absent, say::text);
            found.push(Difference::new(format!("{of}.{name}"), expected, got.map_or_else(absent, say::quoted)));
        }
    }
}
