//! `routes`.

mod answer;
mod policy;
mod probe;
mod raw;

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use super::Convert;
use super::listener::Door;
use super::tls::Scheme;
use crate::config::path::Path;
use crate::config::scalar::BackendScheme;
use crate::config::{nearest, wire};
use crate::dataplane::codec::Framing;
use crate::dataplane::heartbeat::Protocol;
use crate::dataplane::route::{Backend, Match, MessageLimits, PathMatch, Preface, Route, SlowClient};

impl Convert<'_> {
    pub(super) fn routes(
        &mut self,
        routes: Vec<wire::Route>,
        filters: &[String],
        doors: &[Door],
        path: &Path,
    ) -> Vec<Arc<Route>> {
        self.every_raw_door_has_a_route(&routes, doors, path);
        let mut validated: Vec<Arc<Route>> = Vec::new();
        let mut names: HashSet<Box<str>> =
            routes.iter().filter_map(|route| route.name.as_deref().map(Into::into)).collect();
        let mut given: HashSet<String> = HashSet::new();
        let mut matches: Vec<(Path, Match)> = Vec::new();
        for (index, mut route) in routes.into_iter().enumerate() {
            let path = path.item(index);
            let framing = self.framing(&route, doors, &path);
            let condition = self.condition(std::mem::take(&mut route.matches), &path.key("match"));
            let name = match route.name.take() {
                Some(name) => self.given_name(name, &path.key("name"), &mut given),
                None => unused(describe(&condition), &mut names),
            };
            if !self.was_noted(&path.key("match")) {
                if let Some((earlier, _)) = matches.iter().find(|(_, other)| *other == condition) {
                    let (earlier, _) = self.tree.locate(earlier);
                    let help = format!("{earlier} takes these requests already: make one of them more specific");
                    self.note(&path.key("match"), format!("the same match as {earlier}"), Some(help));
                }
                matches.push((path.clone(), condition.clone()));
            }
            validated.extend(self.route(route, name, (condition, framing), filters, &path).map(Arc::new));
        }
        validated
    }

    fn route(
        &mut self,
        route: wire::Route,
        name: Box<str>,
        (matches, framing): (Match, Framing),
        filters: &[String],
        path: &Path,
    ) -> Option<Route> {
        let filters = self.chain(&route.filters, filters, &path.key("filters"));
        let probe_is_given = route.heartbeat.probe.is_some();
        let mut heartbeat = self.heartbeat(route.heartbeat, &path.key("heartbeat"));
        let mut hold = self.hold(route.hold, &path.key("hold"));
        if heartbeat.protocol == Some(Protocol::Mqtt) && framing == Framing::WebSocket && !probe_is_given {
            // Its keep-alive finds the dead, and Paho for Python answers pings with frames that are not masked.
            heartbeat.probe = None;
        }
        self.is_held_by_connect(&heartbeat, &hold, path);
        if let Framing::Raw(_) = framing {
            // Nothing proves on raw TCP that a message was read.
            hold.confirm_after = Duration::ZERO;
        }
        let messages = self.messages(&route.messages, &path.key("messages"));
        let slow_client =
            SlowClient { bytes_max: route.slow_client.bytes.0, stall_timeout: route.slow_client.stall_timeout.0 };
        let backend = match route.backend? {
            wire::BackendOrUrl::Backend(backend) => backend,
            wire::BackendOrUrl::Url(url) => wire::Backend { url: Some(url), ..wire::Backend::default() },
        };
        let url = backend.url?;
        let scheme = match url.scheme {
            BackendScheme::Wss | BackendScheme::Tls => Scheme::Secure,
            BackendScheme::Ws => Scheme::Plain("wss"),
            BackendScheme::Tcp => Scheme::Plain("tls"),
        };
        let tls = self.client_tls(backend.tls, scheme, &path.key("backend").key("tls"));
        let backend = Backend {
            authority: url.authority,
            path_prefix: url.path_prefix,
            connect_timeout: backend.connect_timeout.0,
            stall_timeout: backend.stall_timeout.0,
            tls,
            preface: match backend.proxy_protocol {
                None => Preface::None,
                Some(wire::ProxyProtocol::V2) => Preface::ProxyV2,
            },
        };
        Some(Route { name, matches, framing, backend, filters, heartbeat, hold, messages, slow_client })
    }

    fn given_name(&mut self, name: String, path: &Path, given: &mut HashSet<String>) -> Box<str> {
        if name.trim().is_empty() {
            self.note(path, "must not be empty".to_owned(), Some("leave 'name' out to have one made".to_owned()));
        } else if !given.insert(name.clone()) {
            let help = "logs and metrics tell routes apart by their names".to_owned();
            self.note(path, format!("the name '{name}' is given twice"), Some(help));
        }
        name.into()
    }

    fn condition(&mut self, matches: wire::Match, path: &Path) -> Match {
        let headers_path = path.key("headers");
        let mut headers: Vec<(Box<str>, Option<Box<str>>)> = Vec::new();
        for (name, value) in matches.headers {
            let path = headers_path.key(&name);
            let lower = self.header(&name, value.as_deref(), &path);
            if headers.iter().any(|(other, _)| *other == lower) {
                self.note_key(&path, format!("the header '{lower}' is given twice"), None);
            }
            headers.push((lower, value.map(Into::into)));
        }
        headers.sort();
        let path = match (matches.path, matches.path_prefix) {
            (Some(_), Some(_)) => {
                let help = "'path' is exact, 'path_prefix' takes whole segments: remove one".to_owned();
                self.note(&path.key("path_prefix"), "'path' and 'path_prefix' are both given".to_owned(), Some(help));
                PathMatch::Any
            }
            (Some(path), None) => PathMatch::Exact(path.0),
            (None, Some(prefix)) => match prefix.0.trim_end_matches('/') {
                "" => PathMatch::Any,
                prefix => PathMatch::Prefix(prefix.into()),
            },
            (None, None) => PathMatch::Any,
        };
        let query = matches.query.into_iter().map(|(name, value)| (name.into(), value.map(Into::into))).collect();
        Match {
            listener: matches.listener.map(Into::into),
            server_name: matches.sni.map(|name| name.0),
            host: matches.host.map(|host| host.0),
            path,
            headers,
            query,
        }
    }

    fn chain(&mut self, names: &[String], filters: &[String], path: &Path) -> Vec<usize> {
        let mut chain = Vec::new();
        for (index, name) in names.iter().enumerate() {
            match filters.iter().position(|filter| filter == name) {
                // Cut out by the walk, which has noted why.
                None if self.was_noted(&Path::default().key("filters").key(name)) => {}
                None => {
                    let mut help = nearest::help(name, filters.iter().map(String::as_str));
                    if crate::config::shipped_filters().contains(&name.as_str()) {
                        help = format!("it ships with Belay: add 'filters: {{ {name}: {{ use: {name} }} }}'");
                    }
                    self.note(&path.item(index), format!("no filter is named '{name}'"), Some(help));
                }
                Some(filter) if chain.contains(&filter) => {
                    let help = "give it a second name under 'filters' if it is meant to run twice".to_owned();
                    self.note(&path.item(index), format!("the filter '{name}' is named twice"), Some(help));
                }
                Some(filter) => chain.push(filter),
            }
        }
        chain
    }

    fn messages(&mut self, messages: &wire::Messages, path: &Path) -> MessageLimits {
        let frame = messages.frame_bytes.unwrap_or(messages.message_bytes);
        if frame.0 > messages.message_bytes.0 && !self.was_noted(&path.key("message_bytes")) {
            let message = format!("{frame} is more than message_bytes, {}", messages.message_bytes);
            let help = "a frame is a part of a message: lower this or raise message_bytes".to_owned();
            self.note(&path.key("frame_bytes"), message, Some(help));
        }
        MessageLimits {
            message_bytes_max: messages.message_bytes.0,
            frame_bytes_max: frame.0,
            fragments_max: messages.fragments,
        }
    }
}

/// A name for a route that has none: `chat.example.com/chat`, `/chat/*`, `*`.
fn describe(condition: &Match) -> String {
    let host = condition.host.as_deref().unwrap_or_default();
    let listener = condition.listener.as_deref().unwrap_or_default();
    if let (Some(name), PathMatch::Any, "") = (&condition.server_name, &condition.path, host) {
        return if listener.is_empty() { name.to_string() } else { format!("{listener}/{name}") };
    }
    let path = match &condition.path {
        PathMatch::Any if host.is_empty() && !listener.is_empty() => return listener.to_owned(),
        PathMatch::Any if host.is_empty() => "*".to_owned(),
        PathMatch::Any => String::new(),
        PathMatch::Exact(path) => path.to_string(),
        PathMatch::Prefix(prefix) => format!("{prefix}/*"),
    };
    format!("{host}{path}")
}

fn unused(name: String, names: &mut HashSet<Box<str>>) -> Box<str> {
    let mut candidate: Box<str> = name.as_str().into();
    let mut number = 1;
    while names.contains(&candidate) {
        number += 1;
        candidate = format!("{name}#{number}").into();
    }
    names.insert(candidate.clone());
    candidate
}
