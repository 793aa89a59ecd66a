//! Routes of raw TCP listeners: what a listener and its route must have of each other, and what has no meaning without
//! requests and frames.

use crate::config::convert::Convert;
use crate::config::convert::listener::Door;
use crate::config::path::Path;
use crate::config::scalar::BackendScheme;
use crate::config::{nearest, wire};
use crate::dataplane::codec::{Framer, Framing};
use crate::dataplane::message::MessageKind;

impl Convert<'_> {
    pub(super) fn every_raw_door_has_a_route(&mut self, routes: &[wire::Route], doors: &[Door], path: &Path) {
        if self.was_noted(path) {
            return;
        }
        for door in doors.iter().filter(|door| matches!(door.framing, Framing::Raw(_))) {
            let Some(name) = door.name.as_ref().filter(|_| !self.was_noted(&door.path)) else { continue };
            if !routes.iter().any(|route| route.matches.listener.as_deref() == Some(name)) {
                let help = format!("add a route with match: {{ listener: {name} }} and a tcp:// backend");
                self.note(&door.path, "no route takes the connections of this listener".to_owned(), Some(help));
            }
        }
        if let ([_, ..], true) = (doors, doors.iter().all(|door| matches!(door.framing, Framing::Raw(_)))) {
            for (index, _) in routes.iter().enumerate().filter(|(_, route)| route.matches.listener.is_none()) {
                let help = "all listeners are raw TCP: name one in match.listener".to_owned();
                self.note(&path.item(index), "no client can take this route".to_owned(), Some(help));
            }
        }
    }

    /// How messages stand on a route's connections, which is its listener's to say.
    pub(super) fn framing(&mut self, route: &wire::Route, doors: &[Door], path: &Path) -> Framing {
        let framing = match &route.matches.listener {
            None => Framing::WebSocket,
            Some(name) => match doors.iter().find(|door| door.name.as_deref() == Some(name)) {
                Some(door) => door.framing.clone(),
                None => {
                    let known = doors.iter().filter_map(|door| door.name.as_deref());
                    let help = nearest::help(name, known);
                    let path = path.key("match").key("listener");
                    if !self.was_noted(&Path::default().key("listeners")) {
                        self.note(&path, format!("no listener is named '{name}'"), Some(help));
                    }
                    return Framing::WebSocket;
                }
            },
        };
        self.sni_is_there(route, doors, &path.key("match").key("sni"));
        self.backend_fits(route, &framing, &path.key("backend"));
        if let Framing::Raw(framer) = &framing {
            self.only_the_listener_is_matched(&route.matches, &path.key("match"));
            self.raw_messages(&route.messages, framer, &path.key("messages"));
            if let wire::HoldOrOff::Hold(hold) = &route.hold {
                self.raw_hold(hold, framer, &path.key("hold"));
            }
            self.raw_heartbeats(&route.heartbeat.answer, framer, &path.key("heartbeat").key("answer"));
            if let Some(wire::ProbeOrOff::Probe(probe)) = &route.heartbeat.probe
                && let Some(message) = &probe.message
            {
                self.fits(message, framer, &path.key("heartbeat").key("probe").key("message"));
            }
        }
        framing
    }

    /// The name in a TLS handshake can be matched where there is one.
    fn sni_is_there(&mut self, route: &wire::Route, doors: &[Door], path: &Path) {
        let listener = route.matches.listener.as_deref();
        let mut doors = doors.iter().filter(|door| listener.is_none() || door.name.as_deref() == listener);
        if route.matches.sni.is_some()
            && !doors.any(|door| door.speaks_tls)
            && !self.was_noted(&Path::default().key("listeners"))
        {
            let help = "give the listener 'tls', or match the Host header by 'host'".to_owned();
            self.note_key(path, "'sni' has no meaning without TLS".to_owned(), Some(help));
        }
    }

    fn backend_fits(&mut self, route: &wire::Route, framing: &Framing, path: &Path) {
        let (url, preface, path) = match &route.backend {
            None => return,
            Some(wire::BackendOrUrl::Url(url)) => (Some(url), None, path.clone()),
            Some(wire::BackendOrUrl::Backend(backend)) => {
                (backend.url.as_ref(), backend.proxy_protocol.map(|_| path.key("proxy_protocol")), path.key("url"))
            }
        };
        match (url.map(|url| (url.scheme, &url.authority)), framing) {
            (Some((scheme @ (BackendScheme::Tcp | BackendScheme::Tls), authority)), Framing::WebSocket) => {
                let http = if scheme == BackendScheme::Tcp { BackendScheme::Ws } else { BackendScheme::Wss };
                let help = format!("name such a listener in match.listener, or write {http}://{authority}");
                self.note(&path, format!("a {scheme}:// backend is for the clients of a raw TCP listener"), Some(help));
            }
            (Some((scheme @ (BackendScheme::Ws | BackendScheme::Wss), authority)), Framing::Raw(_)) => {
                let raw = if scheme == BackendScheme::Ws { BackendScheme::Tcp } else { BackendScheme::Tls };
                self.note(
                    &path,
                    format!("clients of a raw TCP listener have a {raw}:// backend"),
                    Some(format!("write {raw}://{authority}")),
                );
            }
            _ => {}
        }
        if let (Some(path), Framing::WebSocket) = (preface, framing) {
            let help = "a WebSocket backend is told by X-Forwarded-For and Belay-Session".to_owned();
            self.note_key(&path, "'proxy_protocol' is for tcp:// backends".to_owned(), Some(help));
        }
    }

    fn only_the_listener_is_matched(&mut self, matches: &wire::Match, path: &Path) {
        let given = [
            ("host", matches.host.is_some()),
            ("path", matches.path.is_some()),
            ("path_prefix", matches.path_prefix.is_some()),
            ("headers", !matches.headers.is_empty()),
            ("query", !matches.query.is_empty()),
        ];
        for (name, _) in given.iter().filter(|(_, is_given)| *is_given) {
            let help = "connections of a raw TCP listener have no request: one route takes all of them, or with TLS those of its 'sni'".to_owned();
            self.note_key(&path.key(name), format!("'{name}' has no meaning here"), Some(help));
        }
    }

    fn raw_messages(&mut self, messages: &wire::Messages, framer: &Framer, path: &Path) {
        if messages.frame_bytes.is_some() {
            let help = "on raw TCP a message is one frame: message_bytes bounds it".to_owned();
            self.note_key(&path.key("frame_bytes"), "'frame_bytes' has no meaning here".to_owned(), Some(help));
        }
        if let Framer::Fixed(bytes) = framer
            && *bytes > messages.message_bytes.0
        {
            let message = format!("the listener's messages have {bytes} bytes, more than {}", messages.message_bytes);
            self.note(&path.key("message_bytes"), message, Some("raise it, or every client is closed".to_owned()));
        }
    }

    fn raw_hold(&mut self, hold: &wire::Hold, framer: &Framer, path: &Path) {
        if let wire::Unconfirmed::Resend = hold.unconfirmed {
            let help = "raw TCP has no pings that could prove it: only 'report' is known here".to_owned();
            let message = "nothing proves that a backend has read a message".to_owned();
            self.note(&path.key("unconfirmed"), message, Some(help));
        }
        if hold.confirm_after.is_some() {
            let help = "raw TCP has no pings: what is written counts as read".to_owned();
            self.note_key(&path.key("confirm_after"), "'confirm_after' has no meaning here".to_owned(), Some(help));
        }
        for (name, notice) in [("holding", &hold.notice.holding), ("bound", &hold.notice.bound)] {
            if let Some(notice) = notice {
                self.fits(notice, framer, &path.key("notice").key(name));
            }
        }
    }

    fn raw_heartbeats(&mut self, answers: &[wire::Answer], framer: &Framer, path: &Path) {
        for (index, answer) in answers.iter().enumerate() {
            let path = path.item(index);
            let (name, needed) = match answer {
                wire::Answer::EngineIo => {
                    let help = "for its clients make an HTTP listener and a ws:// backend".to_owned();
                    self.note(&path, "Engine.IO does not come over raw TCP".to_owned(), Some(help));
                    continue;
                }
                wire::Answer::Text(text) => {
                    self.raw_text(text, framer, &path.key("text"));
                    continue;
                }
                wire::Answer::Mqtt => ("mqtt", Framer::Mqtt),
                wire::Answer::Stomp => ("stomp", Framer::Stomp),
                wire::Answer::Websocket | wire::Answer::Binary(_) | wire::Answer::Json(_) | wire::Answer::Packet(_) => {
                    continue;
                }
            };
            if *framer != needed {
                let help = format!("write framer: {name} at the listener");
                self.note(&path, format!("'{name}' needs a listener that cuts its stream so"), Some(help));
            }
        }
    }

    fn raw_text(&mut self, text: &wire::TextHeartbeat, framer: &Framer, path: &Path) {
        let Some(ping) = &text.ping else { return };
        if framer.kind(ping.as_bytes()) == MessageKind::Binary {
            let help = "write it as 'binary', in hexadecimal digits".to_owned();
            self.note(path, "the messages of this listener are never text".to_owned(), Some(help));
        } else {
            self.fits(ping, framer, &path.key("ping"));
            self.fits(&text.pong, framer, &path.key("pong"));
        }
    }

    /// What is said must be one message to who hears it.
    fn fits(&mut self, message: &str, framer: &Framer, path: &Path) {
        if !framer.fits(message.as_bytes()) {
            let help = "it would be taken for something else: write one message, as the framer has it".to_owned();
            self.note(path, "this message does not fit the listener's framer".to_owned(), Some(help));
        }
    }
}
