//! The steps of a scenario.

use std::net::{Ipv4Addr, SocketAddr};

use super::super::Convert;
use super::answers::Kind;
use super::content;
use crate::config::path::Path;
use crate::config::wire::script as wire;
use crate::dataplane::chain::UpstreamEvent;
use crate::dataplane::message::Direction;
use crate::workshop::script::{CalloutOutcome, Connect, Effects, Event, Fire, Reload, Step};

/// The session of the first step, unless it names another.
const FIRST_SESSION: &str = "client";
/// Where clients come from, unless they say: an address of RFC 5737, section 3.
const PEER: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1)), 40_000);
/// The keys of which a step has one.
const WHAT_MAY_HAPPEN: &str =
    "connect, to_backend, to_client, upstream, heartbeat, advance, answer, files, reload, instance, close";

impl Convert<'_> {
    pub(super) fn steps(&mut self, steps: Vec<wire::Step>, path: &Path) -> Vec<Step> {
        let mut session: Box<str> = FIRST_SESSION.into();
        let mut connected: Vec<Box<str>> = Vec::new();
        let mut converted = Vec::new();
        for (index, step) in steps.into_iter().enumerate() {
            let path = path.item(index);
            if let Some(name) = &step.session {
                session = name.as_str().into();
            }
            let Some(step) = self.step(step, &session, &path) else { continue };
            match &step.event {
                Event::Connect(_) => connected.push(session.clone()),
                Event::Message(..) | Event::Upstream(_) | Event::Heartbeat(_) | Event::Answer(_) | Event::Close(_) => {
                    if !connected.contains(&session) {
                        let help = "a 'connect' of this session must come before".to_owned();
                        self.note(&path, format!("there is no session '{session}' yet"), Some(help));
                        // Said once.
                        connected.push(session.clone());
                    }
                }
                Event::Advance { .. } | Event::Files(_) | Event::Reload(_) | Event::InstanceLost => {}
            }
            converted.push(step);
        }
        converted
    }

    fn step(&mut self, mut step: wire::Step, session: &str, path: &Path) -> Option<Step> {
        let event = self.event(&mut step, session, path)?;
        if step.refused.is_some() && !matches!(event, Event::Reload(_)) {
            self.only_for("refused", "reload", path);
        }
        if step.fires.is_some() && !matches!(event, Event::Advance { .. }) {
            self.only_for("fires", "advance", path);
        }
        let wanted = step.expect.take().map(|expect| self.wanted(expect, &path.key("expect")));
        if let Some(wanted) = &wanted {
            self.suits(wanted, &event, &path.key("expect"));
        }
        Some(Step {
            line: self.line(path),
            session: session.into(),
            repeat: step.repeat.unwrap_or(1),
            event,
            wanted,
            effects: self.effects(step, path),
        })
    }

    fn event(&mut self, step: &mut wire::Step, session: &str, path: &Path) -> Option<Event> {
        let mut events = Vec::new();
        if let Some(connect) = step.connect.take() {
            events.push(("connect", Event::Connect(self.connect(connect, &path.key("connect")))));
        }
        if let Some(payload) = step.to_backend.take() {
            let message = self.payload(payload, &path.key("to_backend"));
            events.push(("to_backend", Event::Message(Direction::ToBackend, message)));
        }
        if let Some(payload) = step.to_client.take() {
            let message = self.payload(payload, &path.key("to_client"));
            events.push(("to_client", Event::Message(Direction::ToClient, message)));
        }
        if let Some(upstream) = step.upstream.take() {
            events.push(("upstream", Event::Upstream(upstream_event(upstream))));
        }
        if let Some(direction) = step.heartbeat.take() {
            events.push(("heartbeat", Event::Heartbeat(direction.into())));
        }
        if let Some(by) = step.advance.take() {
            let fires = step.fires.take().map(|fires| self.fires(fires, session, &path.key("fires")));
            events.push(("advance", Event::Advance { by: by.0, fires }));
        }
        if let Some(answer) = step.answer.take() {
            events.push(("answer", Event::Answer(self.outcome(answer, &path.key("answer")))));
        }
        if let Some(files) = step.files.take() {
            let files = files.into_iter().map(|(name, content)| {
                let path = path.key("files").key(&name);
                let content = content.map(|content| self.payload(content, &path).payload);
                (name.into(), content)
            });
            events.push(("files", Event::Files(files.collect())));
        }
        if let Some(reload) = step.reload.take() {
            let reload = self.reload(reload, step.refused.take(), &path.key("reload"));
            events.push(("reload", Event::Reload(reload)));
        }
        if let Some(wire::Fate::Lost) = step.instance.take() {
            events.push(("instance", Event::InstanceLost));
        }
        if let Some(close) = step.close.take() {
            events.push(("close", Event::Close(content::close(close))));
        }
        match (events.pop(), events.pop()) {
            (Some((_, event)), None) => Some(event),
            (Some((later, _)), Some((earlier, _))) => {
                let help = "make two steps of them".to_owned();
                self.note_key(&path.key(later), format!("'{earlier}' and '{later}' are both given"), Some(help));
                None
            }
            (None, _) => {
                if !self.was_noted(path) {
                    let help = format!("give it one of {WHAT_MAY_HAPPEN}");
                    self.note(path, "nothing happens in this step".to_owned(), Some(help));
                }
                None
            }
        }
    }

    fn connect(&mut self, connect: wire::ConnectOrTarget, path: &Path) -> Connect {
        let (connect, target) = match connect {
            wire::ConnectOrTarget::Target(target) => (wire::Connect { target, ..Default::default() }, path.clone()),
            wire::ConnectOrTarget::Connect(connect) => (connect, path.key("target")),
        };
        let is_target = connect.target.starts_with('/')
            && connect.target.parse::<http::uri::PathAndQuery>().is_ok()
            && !connect.target.contains('#');
        if !is_target && !self.was_noted(path) {
            let help = "write path and query as they are on the wire: /chat?name=ann".to_owned();
            self.note(&target, format!("not a request's target: '{}'", connect.target), Some(help));
        }
        let mut headers: Vec<(Box<str>, Box<str>)> = Vec::new();
        for (name, value) in connect.headers {
            let name = self.header(&name, Some(&value), &path.key("headers").key(&name));
            headers.push((name, value.into()));
        }
        if !connect.subprotocols.is_empty() {
            headers.push(("sec-websocket-protocol".into(), connect.subprotocols.join(", ").into()));
        }
        Connect {
            target: connect.target.into(),
            route: connect.route.unwrap_or_else(|| "route".to_owned()).into(),
            peer: connect.peer.map_or(PEER, |peer| peer.0),
            headers,
        }
    }

    fn fires(&mut self, fires: Vec<wire::Fire>, session: &str, path: &Path) -> Vec<Fire> {
        let mut converted = Vec::new();
        for (index, fire) in fires.into_iter().enumerate() {
            let path = path.item(index).key("expect");
            let wanted = fire.expect.map(|expect| self.wanted(expect, &path));
            if let Some(wanted) = &wanted {
                self.suits_kind(wanted, Kind::Reaction, &path);
            }
            let session = fire.session.as_deref().unwrap_or(session).into();
            let after = fire.after.map(|after| after.0);
            converted.push(Fire { timer: fire.timer, session, after, wanted });
        }
        converted
    }

    fn outcome(&mut self, answer: wire::CalloutAnswer, path: &Path) -> CalloutOutcome {
        let headers = answer.headers.into_iter().map(|(name, value)| {
            let name = self.header(&name, Some(&value), &path.key("headers").key(&name));
            (name, value.into())
        });
        let headers = headers.collect();
        match (answer.status, answer.error) {
            (Some(status), None) => {
                let body = answer.body.map(|body| self.payload(body, &path.key("body")).payload);
                CalloutOutcome::Response { status, headers, body: body.unwrap_or_default() }
            }
            (None, Some(error)) => match error {
                wire::CalloutError::Forbidden => CalloutOutcome::Forbidden,
                wire::CalloutError::Busy => CalloutOutcome::Busy,
                wire::CalloutError::Timeout => CalloutOutcome::Timeout,
                wire::CalloutError::Unreachable => CalloutOutcome::Unreachable,
                wire::CalloutError::TooLarge => CalloutOutcome::TooLarge,
            },
            _ => {
                if !self.was_noted(path) {
                    let help = "{ status: 200 }, with headers and body if they matter, or { error: timeout }";
                    self.note(path, "it takes one of 'status' and 'error'".to_owned(), Some(help.to_owned()));
                }
                CalloutOutcome::Timeout
            }
        }
    }

    fn reload(&mut self, reload: wire::Reload, refused: Option<wire::TextMatch>, path: &Path) -> Reload {
        let states = reload.states.into_iter().map(|(session, state)| {
            let path = path.key("states").key(&session);
            (session.into(), self.payload(state, &path).payload)
        });
        let states = states.collect();
        Reload {
            config: reload.config,
            wasm: reload.wasm.map(|file| self.readable(&file, &path.key("wasm"))),
            states,
            refused: refused.map(Into::into),
        }
    }

    fn effects(&mut self, step: wire::Step, path: &Path) -> Effects {
        let mut timers = Vec::new();
        for (number, due) in step.timers {
            match number.parse() {
                Ok(number) => timers.push((number, due.map(|due| due.0))),
                Err(_) => {
                    let help = "the filter numbers its timers: { 1: 30s }".to_owned();
                    self.note_key(&path.key("timers").key(&number), "not a timer's number".to_owned(), Some(help));
                }
            }
        }
        let texts = |texts: std::collections::BTreeMap<String, Option<wire::TextMatch>>| {
            texts.into_iter().map(|(name, text)| (name.into(), text.map(Into::into))).collect()
        };
        Effects {
            log: step.log.map(|lines| lines.into_iter().map(content::line).collect()),
            counters: step.counters.into_iter().map(|(name, sum)| (name.into(), sum)).collect(),
            attributes: texts(step.attributes),
            upstream_headers: texts(step.upstream_headers),
            subprotocols: step.subprotocols.map(|names| names.into_iter().map(Into::into).collect()),
            default_subprotocol: step.default_subprotocol.map(Into::into),
            timers,
            restored: step.restored.map(|restored| self.restored(restored, &path.key("restored"))),
            not_restored: step.not_restored.map(Into::into),
        }
    }

    fn only_for(&mut self, key: &str, event: &str, path: &Path) {
        self.note_key(&path.key(key), format!("'{key}' is only for steps that {event}"), Some("remove it".to_owned()));
    }
}

fn upstream_event(upstream: wire::Upstream) -> UpstreamEvent {
    match upstream {
        wire::Upstream::Connected(time) => UpstreamEvent::Connected(time.0),
        wire::Upstream::Failed => UpstreamEvent::Failed,
        wire::Upstream::Lost => UpstreamEvent::Lost,
        wire::Upstream::Latency(time) => UpstreamEvent::Latency(time.0),
    }
}

impl From<wire::Direction> for Direction {
    fn from(direction: wire::Direction) -> Self {
        match direction {
            wire::Direction::ToBackend => Self::ToBackend,
            wire::Direction::ToClient => Self::ToClient,
        }
    }
}
