//! `listeners`.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::Arc;

use super::Convert;
use crate::config::path::Path;
use crate::config::{scalar, wire};
use crate::dataplane::codec::raw::{Counts, LengthField, Order, Width};
use crate::dataplane::codec::{Framer, Framing};
use crate::dataplane::probe::Prefixes;
use crate::dataplane::route::{Listener, ListenerLimits, PeerLimits, Protocol};
use crate::limiter::Rate;

/// The least that hyper works with.
const HEADER_BYTES_MIN: usize = 8 * 1024;
/// Magic, timestamp and checksum.
const PACKET_BYTES: usize = 13;

/// What routes need to know of a listener.
pub(super) struct Door {
    pub(super) name: Option<Box<str>>,
    pub(super) framing: Framing,
    pub(super) speaks_tls: bool,
    pub(super) path: Path,
}

impl Convert<'_> {
    pub(super) fn listeners(
        &mut self,
        listeners: Vec<wire::Listener>,
        path: &Path,
        addresses: &mut HashMap<SocketAddr, Path>,
    ) -> (Vec<Listener>, Vec<Door>) {
        let (mut validated, mut doors) = (Vec::new(), Vec::<Door>::new());
        for (index, listener) in listeners.into_iter().enumerate() {
            let path = path.item(index);
            let limits = self.listener_limits(listener.limits, &path.key("limits"));
            let name: Option<Box<str>> = listener.name.map(Into::into);
            self.listener_name(name.as_deref(), &doors, &path.key("name"));
            let speaks_tls = listener.tls.is_some();
            let tls = self.listener_tls(listener.tls, listener.protocol, &path.key("tls"));
            let (protocol, framing) = match listener.protocol {
                wire::ListenerProtocol::Http => {
                    if listener.framer.is_some() {
                        let help = "WebSocket has frames of its own; for raw TCP add protocol: tcp".to_owned();
                        self.note_key(&path.key("framer"), "a framer is for protocol: tcp".to_owned(), Some(help));
                    }
                    (Protocol::Http, Framing::WebSocket)
                }
                wire::ListenerProtocol::Tcp => {
                    if name.is_none() && !self.was_noted(&path.key("name")) {
                        let help = "name: what a route's match.listener says, to take its connections".to_owned();
                        self.note(&path, "missing field 'name' for protocol: tcp".to_owned(), Some(help));
                    }
                    (Protocol::Tcp, Framing::Raw(Arc::new(self.framer(listener.framer, &path))))
                }
            };
            doors.push(Door { name: name.clone(), framing, speaks_tls, path: path.clone() });
            if let Some(scalar::Address(address)) = listener.address {
                self.unique_address(address, path.key("address"), addresses);
                validated.push(Listener { name, protocol, address, tls, limits });
            }
        }
        (validated, doors)
    }

    fn listener_name(&mut self, name: Option<&str>, earlier: &[Door], path: &Path) {
        let Some(name) = name else { return };
        if name.trim().is_empty() {
            self.note(path, "must not be empty".to_owned(), Some("leave 'name' out if no route needs it".to_owned()));
        } else if earlier.iter().any(|door| door.name.as_deref() == Some(name)) {
            let help = "routes tell listeners apart by their names".to_owned();
            self.note(path, format!("the name '{name}' is given twice"), Some(help));
        }
    }

    fn listener_limits(&mut self, limits: wire::ListenerLimits, path: &Path) -> ListenerLimits {
        if limits.header_bytes.0 < HEADER_BYTES_MIN {
            let message = format!("must be at least 8KiB, is {}", limits.header_bytes);
            self.note(&path.key("header_bytes"), message, None);
        }
        ListenerLimits {
            handshake_timeout: limits.handshake_timeout.0,
            header_bytes_max: limits.header_bytes.0,
            headers_max: limits.headers as usize,
            connections_max: limits.connections as usize,
            accept: self.accept_rate(limits.accept_rate, limits.accept_burst, path),
            peer: self.peer_limits(&limits.peer, &path.key("peer")),
        }
    }

    fn peer_limits(&mut self, limits: &wire::PeerLimits, path: &Path) -> PeerLimits {
        PeerLimits {
            connections_max: limits.connections.map(|connections| connections as usize),
            accept: self.accept_rate(limits.accept_rate, limits.accept_burst, path),
            prefixes: Prefixes { v4: limits.prefix_v4, v6: limits.prefix_v6 },
            entries_max: limits.entries as usize,
        }
    }

    fn accept_rate(&mut self, rate: Option<scalar::Rate>, burst: Option<u32>, path: &Path) -> Option<Rate> {
        let Some(rate) = rate else {
            if burst.is_some() && !self.was_noted(&path.key("accept_rate")) {
                let help = "accept_rate: how fast connections may come, such as 100/s".to_owned();
                self.note_key(&path.key("accept_burst"), "a burst of no rate".to_owned(), Some(help));
            }
            return None;
        };
        let validated = Rate::new(rate.count, rate.period, burst.unwrap_or_else(|| rate.a_second()));
        validated.inspect_err(|problem| self.note(&path.key("accept_rate"), (*problem).to_owned(), None)).ok()
    }

    fn framer(&mut self, framer: Option<wire::Framer>, listener: &Path) -> Framer {
        let path = listener.key("framer");
        let described = match framer {
            Some(wire::Framer::Named(wire::NamedFramer::Lines)) => return Framer::Lines,
            Some(wire::Framer::Named(wire::NamedFramer::Packet)) => return Framer::Fixed(PACKET_BYTES),
            Some(wire::Framer::Named(wire::NamedFramer::Mqtt)) => return Framer::Mqtt,
            Some(wire::Framer::Named(wire::NamedFramer::Stomp)) => return Framer::Stomp,
            Some(wire::Framer::Described(described)) => *described,
            None => {
                if !self.was_noted(&path) {
                    let help =
                        "framer: how messages are found in the stream, such as lines or { length: { bytes: 4 } }";
                    let message = "missing field 'framer' for protocol: tcp".to_owned();
                    self.note(listener, message, Some(help.to_owned()));
                }
                return Framer::Lines;
            }
        };
        match (described.delimiter, described.fixed, described.length) {
            (Some(delimiter), None, None) => Framer::Delimiter(delimiter.0),
            (None, Some(bytes), None) => Framer::Fixed(bytes as usize),
            (None, None, Some(length)) => self.length(&length, &path.key("length")),
            _ => {
                if !self.was_noted(&path) {
                    let help = "write one of delimiter, fixed and length".to_owned();
                    self.note(&path, "a framer is one rule".to_owned(), Some(help));
                }
                Framer::Lines
            }
        }
    }

    fn length(&mut self, length: &wire::Length, path: &Path) -> Framer {
        let order = order(length.order.unwrap_or_default());
        let width = match length.bytes {
            Some(wire::LengthBytes::Word(wire::Varint::Varint)) => Width::Varint,
            Some(wire::LengthBytes::Number(1)) | None => Width::One,
            Some(wire::LengthBytes::Number(2)) => Width::Two(order),
            Some(wire::LengthBytes::Number(4)) => Width::Four(order),
            Some(wire::LengthBytes::Number(8)) => Width::Eight(order),
            Some(wire::LengthBytes::Number(other)) => {
                let help = "a length has 1, 2, 4 or 8 bytes, or is a varint".to_owned();
                self.note(&path.key("bytes"), format!("a length of {other} bytes is not known"), Some(help));
                Width::One
            }
        };
        let counts = match length.counts {
            wire::Counts::Body => Counts::Body,
            wire::Counts::Frame => Counts::Frame,
        };
        if width == Width::Varint {
            let help = "a varint has its own order, and as many bytes as what it counts needs".to_owned();
            if length.order.is_some() {
                self.note_key(&path.key("order"), "'order' has no meaning here".to_owned(), Some(help.clone()));
            }
            if counts == Counts::Frame {
                self.note(&path.key("counts"), "a varint does not count itself".to_owned(), Some(help));
            }
        }
        Framer::Length(LengthField { width, offset: length.offset as usize, adjust: length.adjust.into(), counts })
    }
}

pub(super) fn order(order: wire::Order) -> Order {
    match order {
        wire::Order::Big => Order::Big,
        wire::Order::Little => Order::Little,
    }
}
