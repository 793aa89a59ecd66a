//! `routes[].heartbeat.answer[]`.

use crate::config::convert::Convert;
use crate::config::convert::listener::order;
use crate::config::path::Path;
use crate::config::wire;
use crate::dataplane::heartbeat::{
    Answerer, Checksum, HeartbeatPolicy, Json, JsonError, Packet, Ping, PingPolicy, Preset, Protocol, Sender, Text,
};
use crate::dataplane::hold::HoldPolicy;
use crate::dataplane::message::MessageKind;

/// The kinds of a list, sorted by what the data path makes of them.
pub(super) struct Answers {
    pub(super) answer: Vec<Answerer>,
    pub(super) protocol: Option<Protocol>,
    pub(super) websocket: PingPolicy,
}

impl Convert<'_> {
    pub(super) fn answers(&mut self, kinds: Vec<wire::Answer>, path: &Path) -> Answers {
        let mut answers = Answers { answer: Vec::new(), protocol: None, websocket: PingPolicy::PassOn };
        for (index, kind) in kinds.into_iter().enumerate() {
            let path = path.item(index);
            let found = match kind {
                wire::Answer::Websocket => {
                    answers.websocket = PingPolicy::Answer;
                    Vec::new()
                }
                wire::Answer::Text(text) => {
                    self.text(&text, &path.key("text")).map(Answerer::Text).into_iter().collect()
                }
                wire::Answer::Binary(binary) => vec![Answerer::Text(self.binary(&binary, &path.key("binary")))],
                wire::Answer::Json(json) => self.json(json, &path.key("json")),
                wire::Answer::Packet(packet) => packet_of(&packet).map(Answerer::Packet).into_iter().collect(),
                wire::Answer::EngineIo => {
                    self.one_protocol(&mut answers.protocol, Protocol::EngineIo, &path);
                    Vec::new()
                }
                wire::Answer::Mqtt => {
                    self.one_protocol(&mut answers.protocol, Protocol::Mqtt, &path);
                    Vec::new()
                }
                wire::Answer::Stomp => {
                    self.one_protocol(&mut answers.protocol, Protocol::Stomp, &path);
                    Vec::new()
                }
            };
            if found.iter().any(|answerer| answers.answer.contains(answerer) || is_hidden(answerer, &answers.answer)) {
                let help = "the first answer is the one that is given: remove this one".to_owned();
                self.note(&path, "this heartbeat is answered twice".to_owned(), Some(help));
            }
            answers.answer.extend(found);
        }
        answers
    }

    fn one_protocol(&mut self, protocol: &mut Option<Protocol>, given: Protocol, path: &Path) {
        if protocol.replace(given).is_some() {
            let help = "a route's messages are of one protocol: make a route for each".to_owned();
            self.note(path, "a second protocol with heartbeats of its own".to_owned(), Some(help));
        }
    }

    /// A broker hears nothing before a CONNECT, and a client wants no second answer to it (MQTT 5, section 3.1; STOMP 1.2,
    /// "Connecting").
    pub(super) fn is_held_by_connect(&mut self, heartbeat: &HeartbeatPolicy, hold: &HoldPolicy, route: &Path) {
        let answer = match heartbeat.protocol {
            Some(Protocol::Mqtt) => "CONNACK",
            Some(Protocol::Stomp) => "CONNECTED",
            Some(Protocol::EngineIo) | None => return,
        };
        let is_cut_short = hold.is_on() && (hold.replay.first == 0 || hold.replay.swallow == 0);
        if is_cut_short && !self.was_noted(&route.key("hold")) {
            let help = format!(
                "write 'hold: {{ replay: {{ first: 1, swallow: 1 }} }}' to say CONNECT again and keep the second {answer} \
                 from the client, or 'hold: off'"
            );
            let message = "a broker that is dialled again must be told CONNECT first".to_owned();
            self.note(&route.key("hold"), message, Some(help));
        }
    }

    fn text(&mut self, text: &wire::TextHeartbeat, path: &Path) -> Option<Text> {
        let pair = match (&text.ping, &text.prefix) {
            (Some(ping), None) => Text::exact(ping, &text.pong),
            (None, Some(prefix)) => Text::prefix(prefix, &text.pong),
            (Some(_), Some(_)) => {
                let help = "'ping' is the whole text, 'prefix' its beginning: remove one".to_owned();
                self.note(&path.key("prefix"), "'ping' and 'prefix' are both given".to_owned(), Some(help));
                return None;
            }
            (None, None) => {
                // What the walk has cut out was there, and is noted already.
                if !["ping", "prefix"].iter().any(|key| self.was_noted(&path.key(key))) {
                    let help = "ping: the whole text of a heartbeat; or prefix: how it begins".to_owned();
                    self.note(path, "missing field 'ping' or 'prefix'".to_owned(), Some(help));
                }
                return None;
            }
        };
        if text.prefix.as_deref() == Some("") {
            self.note(&path.key("prefix"), "every message begins with nothing".to_owned(), None);
        }
        Some(Text { from: sender(text.from), ..pair })
    }

    fn binary(&mut self, binary: &wire::BinaryHeartbeat, path: &Path) -> Text {
        Text {
            from: sender(binary.from),
            kind: MessageKind::Binary,
            ping: Ping::Exact(self.hex(&binary.ping, &path.key("ping"))),
            pong: [self.hex(&binary.pong, &path.key("pong"))].into(),
        }
    }

    fn hex(&mut self, text: &str, path: &Path) -> Box<[u8]> {
        let digits: Option<Vec<u8>> = text
            .chars()
            .filter(|c| !c.is_whitespace())
            .map(|c| c.to_digit(16).and_then(|digit| u8::try_from(digit).ok()))
            .collect();
        match digits {
            Some(digits) if digits.len().is_multiple_of(2) => {
                digits.chunks_exact(2).map(|pair| pair[0] << 4 | pair[1]).collect()
            }
            _ => {
                let help = "two digits make a byte, and bytes may be parted by spaces: 'c0 00'".to_owned();
                self.note(path, format!("expected hexadecimal digits, found '{text}'"), Some(help));
                Box::default()
            }
        }
    }

    fn json(&mut self, json: wire::JsonOrPreset, path: &Path) -> Vec<Answerer> {
        let made = match json {
            wire::JsonOrPreset::Preset(name) => preset(name).heartbeats(),
            // Without a match it was noted already.
            wire::JsonOrPreset::Json(json) if json.pattern.is_null() => Ok(Vec::new()),
            wire::JsonOrPreset::Json(json) => {
                Json::new(sender(json.from), &json.pattern, json.reply.as_ref()).map(|json| vec![json])
            }
        };
        match made {
            Ok(heartbeats) => heartbeats.into_iter().map(Answerer::Json).collect(),
            Err(error) => {
                let (key, help) = match &error {
                    JsonError::Pattern(_) => {
                        ("match", "write fields that heartbeats have and nothing else has, such as { type: ping }")
                    }
                    JsonError::Template(_) => (
                        "reply",
                        "'{a.b}' repeats the field b in a; '{now:ms}', '{now:s}' and '{now:rfc3339}' tell the time",
                    ),
                };
                self.note(&path.key(key), error.to_string(), Some(help.to_owned()));
                Vec::new()
            }
        }
    }
}

/// Whether an earlier one takes these messages, whatever it answers.
fn is_hidden(answerer: &Answerer, earlier: &[Answerer]) -> bool {
    earlier.iter().any(|earlier| match (answerer, earlier) {
        (Answerer::Text(text), Answerer::Text(other)) => {
            (text.kind, &text.ping, text.from) == (other.kind, &other.ping, other.from)
        }
        (Answerer::Packet(packet), Answerer::Packet(other)) => (packet.magic, packet.from) == (other.magic, other.from),
        _ => false,
    })
}

fn sender(sender: wire::Sender) -> Sender {
    match sender {
        wire::Sender::Client => Sender::Client,
        wire::Sender::Backend => Sender::Backend,
        wire::Sender::Either => Sender::Either,
    }
}

fn preset(name: wire::JsonPreset) -> Preset {
    match name {
        wire::JsonPreset::GraphqlTransportWs => Preset::GraphqlTransportWs,
        wire::JsonPreset::Phoenix => Preset::Phoenix,
        wire::JsonPreset::Discord => Preset::Discord,
        wire::JsonPreset::Pusher => Preset::Pusher,
        wire::JsonPreset::Ddp => Preset::Ddp,
        wire::JsonPreset::HomeAssistant => Preset::HomeAssistant,
    }
}

/// Nothing without its magic, which was noted already.
fn packet_of(packet: &wire::PacketHeartbeat) -> Option<Packet> {
    Some(Packet {
        from: sender(packet.from),
        magic: packet.magic?,
        order: order(packet.order),
        checksum: match packet.checksum {
            wire::Checksum::Crc32 => Checksum::Crc32,
            wire::Checksum::Adler32 => Checksum::Adler32,
            wire::Checksum::Sum => Checksum::Sum,
            wire::Checksum::Xor => Checksum::Xor,
            wire::Checksum::None => Checksum::None,
        },
    })
}
