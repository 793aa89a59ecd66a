//! `routes[].heartbeat.answer[]`.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::config::wire::Order;

/// One kind of heartbeat.
#[derive(Deserialize, Serialize, JsonSchema, Debug)]
#[serde(rename_all = "kebab-case")]
pub(in crate::config) enum Answer {
    /// WebSocket ping frames.
    Websocket,
    /// Text messages.
    Text(TextHeartbeat),
    /// Binary messages.
    Binary(BinaryHeartbeat),
    /// JSON messages.
    Json(JsonOrPreset),
    /// The classic binary packet of 13 bytes: magic, timestamp, checksum.
    Packet(PacketHeartbeat),
    /// Engine.IO 3 and 4, which carries Socket.IO, where it uses WebSocket. Interval and timeout are the backend's.
    #[serde(rename = "engine.io")]
    EngineIo,
    /// MQTT 3.1.1 and 5, over TCP and WebSocket. The keep-alive is the client's, or the broker's.
    Mqtt,
    /// STOMP 1.1 and 1.2, over WebSocket or TCP. Intervals are what client and broker agree on.
    Stomp,
}

/// Whose heartbeat it is; the other side never hears of it.
#[derive(Deserialize, Serialize, JsonSchema, Clone, Copy, Default, Debug)]
#[serde(rename_all = "kebab-case")]
pub(in crate::config) enum Sender {
    /// The client says it, and is answered.
    #[default]
    Client,
    /// The backend does, and is.
    Backend,
    /// Each side may.
    Either,
}

/// A text message that is a heartbeat, and its answer. A line that ends with a carriage return (telnet, `netcat -C`) is
/// answered with one.
#[derive(Deserialize, Serialize, JsonSchema, Default, Debug)]
#[serde(default, deny_unknown_fields)]
#[schemars(extend("required" = ["pong"], "oneOf" = [{ "required": ["ping"] }, { "required": ["prefix"] }]))]
pub(in crate::config) struct TextHeartbeat {
    /// What is said, exactly. Not together with `prefix`.
    pub(in crate::config) ping: Option<String>,
    /// How what is said begins, where the rest may be anything. Messages of more than 4 KiB are no heartbeats.
    pub(in crate::config) prefix: Option<String>,
    /// What its sender hears. After `prefix`, `{rest}` stands for what followed it.
    pub(in crate::config) pong: String,
    /// Who says it.
    pub(in crate::config) from: Sender,
}

/// A binary message that is a heartbeat, and its answer, both as hexadecimal digits such as `c0 00`.
#[derive(Deserialize, Serialize, JsonSchema, Default, Debug)]
#[serde(default, deny_unknown_fields)]
#[schemars(extend("required" = ["ping", "pong"]))]
pub(in crate::config) struct BinaryHeartbeat {
    /// What is said, exactly.
    pub(in crate::config) ping: String,
    /// What its sender hears.
    pub(in crate::config) pong: String,
    /// Who says it.
    pub(in crate::config) from: Sender,
}

/// The heartbeats of a protocol by its name, or fields and an answer.
#[derive(Deserialize, Serialize, JsonSchema, Debug)]
#[serde(untagged)]
pub(in crate::config) enum JsonOrPreset {
    /// By the protocol's name.
    Preset(JsonPreset),
    /// By fields.
    Json(JsonHeartbeat),
}

/// A protocol that many use.
#[derive(Deserialize, Serialize, JsonSchema, Clone, Copy, Debug)]
#[serde(rename_all = "kebab-case")]
pub(in crate::config) enum JsonPreset {
    /// GraphQL over WebSocket: ping and pong of either side.
    GraphqlTransportWs,
    /// Phoenix channels, serializer 1 and 2.
    Phoenix,
    /// Discord's gateway: opcodes 1 and 11.
    Discord,
    /// Pusher channels: `pusher:ping` and `pusher:pong` of either side.
    Pusher,
    /// Meteor's DDP: ping and pong of either side.
    Ddp,
    /// Home Assistant's API.
    HomeAssistant,
}

/// A JSON message that is a heartbeat, by some of its fields, and its answer. Messages of more than 4 KiB are no heartbeats.
#[derive(Deserialize, Serialize, JsonSchema, Default, Debug)]
#[serde(default, deny_unknown_fields)]
#[schemars(extend("required" = ["match"]))]
pub(in crate::config) struct JsonHeartbeat {
    /// Fields that the message has, among others, as deep as it takes; a list has as many items. `"{any}"` is any value.
    #[serde(rename = "match")]
    pub(in crate::config) pattern: serde_json::Value,
    /// What its sender hears; without it, nothing. `"{a.b}"` repeats the message's field `b` in `a`, and `"{now:ms}"`,
    /// `"{now:s}"` and `"{now:rfc3339}"` tell the time.
    pub(in crate::config) reply: Option<serde_json::Value>,
    /// Who says it.
    pub(in crate::config) from: Sender,
}

/// The classic binary packet: magic `uint8`, timestamp `uint64` in milliseconds since 1970, checksum `uint32` of these nine
/// bytes. One that is not valid is malformed; the answer has our time.
#[derive(Deserialize, Serialize, JsonSchema, Default, Debug)]
#[serde(default, deny_unknown_fields)]
#[schemars(extend("required" = ["magic"]))]
pub(in crate::config) struct PacketHeartbeat {
    /// The first byte, such as `0xBE`.
    #[schemars(required)]
    pub(in crate::config) magic: Option<u8>,
    /// Which byte of timestamp and checksum comes first.
    pub(in crate::config) order: Order,
    /// What the checksum is.
    pub(in crate::config) checksum: Checksum,
    /// Who sends it.
    pub(in crate::config) from: Sender,
}

/// What the checksum of a packet is.
#[derive(Deserialize, Serialize, JsonSchema, Clone, Copy, Default, Debug)]
#[serde(rename_all = "kebab-case")]
pub(in crate::config) enum Checksum {
    /// CRC-32 as in Ethernet and zip.
    #[default]
    Crc32,
    /// As in zlib.
    Adler32,
    /// All bytes added.
    Sum,
    /// All bytes in exclusive or.
    Xor,
    /// Not looked at, and zero in answers.
    None,
}
