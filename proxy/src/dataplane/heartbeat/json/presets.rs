//! Heartbeats of protocols that many use, each as its authors publish it.

use serde_json::{Value, json};

use super::{Json, JsonError};
use crate::dataplane::heartbeat::Sender;

/// A protocol with JSON heartbeats that need no more than an answer.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Preset {
    /// Ping and pong of either side, the payload repeated; a pong that nobody asked for is a heartbeat too
    /// (<https://github.com/enisdenjo/graphql-ws/blob/master/PROTOCOL.md>).
    GraphqlTransportWs,
    /// Phoenix channels, serializer 1 (objects) and 2 (lists)
    /// (<https://hexdocs.pm/phoenix/writing_a_channels_client.html>).
    Phoenix,
    /// Opcodes 1 and 11 of Discord's gateway (<https://discord.com/developers/docs/events/gateway>).
    Discord,
    /// `pusher:ping` and `pusher:pong` of either side
    /// (<https://pusher.com/docs/channels/library_auth_reference/pusher-websockets-protocol>).
    Pusher,
    /// Meteor's DDP: ping and pong of either side, the id repeated
    /// (<https://github.com/meteor/meteor/blob/devel/packages/ddp/DDP.md>).
    Ddp,
    /// The ping of Home Assistant's WebSocket API (<https://developers.home-assistant.io/docs/api/websocket>).
    HomeAssistant,
}

impl Preset {
    /// What it is made of.
    ///
    /// # Errors
    /// None: a test makes them all.
    pub fn heartbeats(self) -> Result<Vec<Json>, JsonError> {
        self.parts().iter().map(|(from, pattern, reply)| Json::new(*from, pattern, reply.as_ref())).collect()
    }

    fn parts(self) -> Vec<(Sender, Value, Option<Value>)> {
        use Sender::{Client, Either};
        match self {
            Self::GraphqlTransportWs => vec![
                (Either, json!({ "type": "ping" }), Some(json!({ "type": "pong", "payload": "{payload}" }))),
                (Either, json!({ "type": "pong" }), None),
            ],
            Self::Phoenix => vec![
                (
                    Client,
                    json!({ "topic": "phoenix", "event": "heartbeat" }),
                    Some(json!({
                        "topic": "phoenix",
                        "event": "phx_reply",
                        "payload": { "status": "ok", "response": {} },
                        "ref": "{ref}",
                    })),
                ),
                (
                    Client,
                    json!(["{any}", "{any}", "phoenix", "heartbeat", "{any}"]),
                    Some(json!([null, "{1}", "phoenix", "phx_reply", { "status": "ok", "response": {} }])),
                ),
            ],
            Self::Discord => vec![(Client, json!({ "op": 1, "d": "{any}" }), Some(json!({ "op": 11 })))],
            Self::Pusher => vec![
                (Either, json!({ "event": "pusher:ping" }), Some(json!({ "event": "pusher:pong", "data": {} }))),
                (Either, json!({ "event": "pusher:pong" }), None),
            ],
            Self::Ddp => vec![
                (Either, json!({ "msg": "ping" }), Some(json!({ "msg": "pong", "id": "{id}" }))),
                (Either, json!({ "msg": "pong" }), None),
            ],
            Self::HomeAssistant => {
                vec![(Client, json!({ "type": "ping" }), Some(json!({ "id": "{id}", "type": "pong" })))]
            }
        }
    }
}
