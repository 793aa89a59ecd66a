//! A script. What a step may expect depends on what happens in it, and which session it is about on the step before: that is
//! settled here.

mod answers;
mod content;
mod step;

use std::path::Path as FilePath;

use super::Convert;
use crate::config::diagnostics::Diagnostic;
use crate::config::path::Path;
use crate::config::tree::Node;
use crate::config::wire::script as wire;
use crate::dataplane::chain::Interest;
use crate::workshop::script::{Events, Plot, Scenario, Script, Setup, UNIX_MS, WantedSubscription};

/// The validated script. It may be less than the file says if mistakes were noted.
pub(in crate::config) fn script(
    file: wire::File,
    tree: &Node,
    folder: &FilePath,
    found: &mut Vec<Diagnostic>,
) -> Script {
    Convert::new(tree, folder, found).script(file)
}

impl Convert<'_> {
    fn script(&mut self, file: wire::File) -> Script {
        let all = Path::default().key("scenarios");
        let mut scenarios: Vec<Scenario> = Vec::new();
        for (index, scenario) in file.scenarios.into_iter().enumerate() {
            let path = all.item(index);
            if let Some(first) = scenarios.iter().find(|known| *known.name == *scenario.name) {
                let help = format!("the first is on line {}: say what is different in this one", first.line);
                self.note(&path.key("name"), "two scenarios have this name".to_owned(), Some(help));
            }
            let scenario = self.scenario(scenario, &file.config, &path);
            scenarios.push(scenario);
        }
        Script { scenarios }
    }

    fn scenario(&mut self, scenario: wire::Scenario, config: &serde_json::Value, path: &Path) -> Scenario {
        let setup = Setup {
            config: scenario.config.unwrap_or_else(|| config.clone()),
            files: scenario
                .files
                .into_iter()
                .map(|(name, content)| {
                    let content = self.payload(content, &path.key("files").key(&name)).payload;
                    (name.into(), content)
                })
                .collect(),
            on_failure: scenario.on_failure.into(),
            isolation: scenario.isolation.into(),
            limits: scenario.limits.into(),
            allow: scenario.callouts.map(|given| self.origins(&given.allow, &path.key("callouts").key("allow"))),
            unix_ms: scenario.unix_ms.unwrap_or(UNIX_MS),
            random: scenario.random,
        };
        let plot = match scenario.refused {
            Some(refused) => {
                if !scenario.steps.is_empty() || scenario.subscription.is_some() {
                    let help = "what is refused does not serve: put the steps into another scenario".to_owned();
                    self.note_key(
                        &path.key("refused"),
                        "'refused' and 'steps' or 'subscription' are both given".to_owned(),
                        Some(help),
                    );
                }
                Plot::Refused(refused.into())
            }
            None => Plot::Serves {
                subscription: scenario.subscription.map(subscription).unwrap_or_default(),
                steps: self.steps(scenario.steps, &path.key("steps")),
            },
        };
        let line = self.line(path);
        Scenario { name: scenario.name.into(), line, setup, plot }
    }

    /// Where it stands in the file.
    fn line(&self, path: &Path) -> usize {
        self.tree.locate(path).1.line
    }
}

fn subscription(subscription: wire::Subscription) -> WantedSubscription {
    let interest = |interest| match interest {
        wire::Interest::Ignore => Interest::Ignore,
        wire::Interest::Size => Interest::Size,
        wire::Interest::Prefix(bytes) => Interest::Prefix(bytes),
        wire::Interest::Whole => Interest::Whole,
    };
    WantedSubscription {
        to_backend: subscription.to_backend.map(interest),
        to_client: subscription.to_client.map(interest),
        events: subscription.events.map(|names| {
            names.into_iter().fold(Events::default(), |events, name| match name {
                wire::EventName::Handshake => Events { handshake: true, ..events },
                wire::EventName::Upstream => Events { upstream: true, ..events },
                wire::EventName::Heartbeat => Events { heartbeat: true, ..events },
                wire::EventName::Close => Events { close: true, ..events },
            })
        }),
    }
}
