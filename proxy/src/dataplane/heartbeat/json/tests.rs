//! Patterns, templates, and the presets on messages as their protocols have them.

use serde_json::{Value, json};

use super::*;

fn clock() -> UnixTime {
    UnixTime::from_millis(1_700_000_000_123)
}

fn no_clock() -> UnixTime {
    panic!("nobody needs the time for this")
}

fn says(json: &Json, direction: Direction, message: &str) -> Finding {
    json.find(direction, MessageKind::Text, message.as_bytes(), clock)
}

/// What the client hears; nothing if it is no heartbeat.
fn heard(pattern: &Value, reply: &Value, message: &str) -> Option<String> {
    let json = Json::new(Sender::Client, pattern, Some(reply)).expect("a good pattern");
    match says(&json, Direction::ToBackend, message) {
        Finding::Heartbeat(Some(answer)) => Some(String::from_utf8_lossy(&answer.payload).into_owned()),
        Finding::Other => None,
        other => panic!("{other:?}"),
    }
}

fn is_heartbeat(pattern: &Value, message: &str) -> bool {
    heard(pattern, &json!({}), message).is_some()
}

#[test]
fn the_fields_of_the_pattern_decide_and_others_do_not() {
    let pattern = json!({ "type": "ping", "meta": { "v": 1 } });
    assert!(is_heartbeat(&pattern, r#"{"id":7,"type":"ping","meta":{"v":1,"w":2}}"#));
    assert!(is_heartbeat(&pattern, " { \"meta\" : { \"v\" : 1 },\n\"type\" : \"ping\" }\r\n"));
    for other in [
        r#"{"type":"ping"}"#,
        r#"{"type":"ping","meta":{"v":2}}"#,
        r#"{"type":"ping","meta":[1]}"#,
        r#"{"type":"pings","meta":{"v":1}}"#,
        r#"[{"type":"ping","meta":{"v":1}}]"#,
        r#"{"type":"chat","text":"\"type\":\"ping\"","meta":{"v":1}}"#,
        r#"{"type":"ping","meta":{"v":1}"#,
        "",
    ] {
        assert!(!is_heartbeat(&pattern, other), "{other}");
    }
}

#[test]
fn any_stands_for_whatever_is_there() {
    assert!(is_heartbeat(&json!({ "ping": "{any}" }), r#"{"ping":null}"#));
    assert!(!is_heartbeat(&json!({ "ping": "{any}" }), r#"{"pong":"ping"}"#));
    assert!(is_heartbeat(&json!(["{any}", "hb"]), r#"[7,"hb"]"#));
    assert!(!is_heartbeat(&json!(["{any}", "hb"]), r#"[7,"hb",1]"#));
}

#[test]
fn an_answer_repeats_fields_in_their_own_types() {
    let reply = json!({ "a": "{a}", "b": "{b.c}", "list": ["{d.1}", "{nothing}"], "gone": "{nothing}", "text": "<{a}{d}{nothing}>" });
    let answer = heard(&json!({ "ping": "{any}" }), &reply, r#"{"ping":1,"a":1.5,"b":{"c":"x\"y"},"d":[0,[true]]}"#);
    let expected = json!({ "a": 1.5, "b": "x\"y", "list": [[true], null], "text": "<1.5[0,[true]]>" });
    assert_eq!(serde_json::from_str::<Value>(&answer.unwrap()).unwrap(), expected);
}

#[test]
fn an_answer_may_tell_the_time() {
    let reply = json!({ "ms": "{now:ms}", "s": "{now:s}", "at": "{now:rfc3339}", "text": "at {now:s}" });
    let expected = json!({
        "ms": 1_700_000_000_123_u64, "s": 1_700_000_000, "at": "2023-11-14T22:13:20.123Z", "text": "at 1700000000",
    });
    let answer = heard(&json!({ "ping": "{any}" }), &reply, r#"{"ping":1}"#);
    assert_eq!(serde_json::from_str::<Value>(&answer.unwrap()).unwrap(), expected);

    let timeless = Json::new(Sender::Client, &json!({ "ping": "{any}" }), Some(&json!({ "pong": "{ping}" }))).unwrap();
    let found = timeless.find(Direction::ToBackend, MessageKind::Text, br#"{"ping":1}"#, no_clock);
    assert_eq!(found, Finding::Heartbeat(Some(Message::text(r#"{"pong":1}"#))));
}

#[test]
fn what_is_long_is_no_heartbeat_whatever_is_in_it() {
    let message = |padding: usize| format!(r#"{{"ping":1,"x":"{}"}}"#, "x".repeat(padding));
    let overhead = message(0).len();
    assert!(is_heartbeat(&json!({ "ping": 1 }), &message(super::super::BYTES_MAX - overhead)));
    assert!(!is_heartbeat(&json!({ "ping": 1 }), &message(super::super::BYTES_MAX - overhead + 1)));
}

#[test]
fn patterns_that_say_nothing_and_placeholders_of_nothing_are_refused() {
    for (pattern, error) in [
        (json!("ping"), PatternError::NotAStructure),
        (json!({}), PatternError::NoWords),
        (json!([1, "{any}"]), PatternError::NoWords),
    ] {
        assert_eq!(Json::new(Sender::Client, &pattern, None), Err(error.into()), "{pattern}");
    }
    for reply in ["{", "{a", "{}", "{a..b}", "{now:us}", "x {y} {z"] {
        assert!(Json::new(Sender::Client, &json!({ "a": 1 }), Some(&json!([reply]))).is_err(), "{reply}");
    }
}

/// Answers of either end, by preset: the message, and what its sender hears (nothing: it only ends here).
#[test]
fn presets_answer_as_their_protocols_say() {
    use Direction::{ToBackend, ToClient};
    let none = "";
    for (preset, direction, message, expected) in [
        (Preset::GraphqlTransportWs, ToBackend, r#"{"type":"ping"}"#, r#"{"type":"pong"}"#),
        (
            Preset::GraphqlTransportWs,
            ToClient,
            r#"{"type":"ping","payload":{"at":1}}"#,
            r#"{"type":"pong","payload":{"at":1}}"#,
        ),
        (Preset::GraphqlTransportWs, ToBackend, r#"{"type":"pong"}"#, none),
        (
            Preset::Phoenix,
            ToBackend,
            r#"{"topic":"phoenix","event":"heartbeat","payload":{},"ref":"3"}"#,
            r#"{"topic":"phoenix","event":"phx_reply","payload":{"status":"ok","response":{}},"ref":"3"}"#,
        ),
        (
            Preset::Phoenix,
            ToBackend,
            r#"[null,"3","phoenix","heartbeat",{}]"#,
            r#"[null,"3","phoenix","phx_reply",{"status":"ok","response":{}}]"#,
        ),
        (Preset::Discord, ToBackend, r#"{"op":1,"d":251}"#, r#"{"op":11}"#),
        (Preset::Pusher, ToClient, r#"{"event":"pusher:ping","data":"{}"}"#, r#"{"event":"pusher:pong","data":{}}"#),
        (Preset::Ddp, ToBackend, r#"{"msg":"ping","id":"a"}"#, r#"{"msg":"pong","id":"a"}"#),
        (Preset::Ddp, ToBackend, r#"{"msg":"ping"}"#, r#"{"msg":"pong"}"#),
        (Preset::HomeAssistant, ToBackend, r#"{"id":19,"type":"ping"}"#, r#"{"id":19,"type":"pong"}"#),
    ] {
        let heartbeats = preset.heartbeats().unwrap();
        let found = heartbeats.iter().map(|json| says(json, direction, message)).find(|found| *found != Finding::Other);
        let answer = match found {
            Some(Finding::Heartbeat(answer)) => answer,
            other => panic!("{preset:?} {message}: {other:?}"),
        };
        let heard = answer.map(|answer| serde_json::from_slice::<Value>(&answer.payload).unwrap());
        assert_eq!(heard, serde_json::from_str(expected).ok(), "{preset:?} {message}");
    }
}

#[test]
fn presets_leave_everything_else_alone() {
    use Preset::{Ddp, Discord, GraphqlTransportWs, HomeAssistant, Phoenix, Pusher};
    for preset in [GraphqlTransportWs, Phoenix, Discord, Pusher, Ddp, HomeAssistant] {
        for other in [
            r#"{"type":"subscribe","id":"1","payload":{"query":"{ ping }"}}"#,
            r#"{"topic":"room:1","event":"heartbeat","payload":{},"ref":"3"}"#,
            r#"["1","3","room:phoenix","heartbeat",{}]"#,
            r#"{"op":10,"d":{"heartbeat_interval":45000}}"#,
            r#"{"op":11}"#,
            r#"{"event":"client-ping","channel":"private-a"}"#,
            "ping",
        ] {
            for json in preset.heartbeats().unwrap() {
                assert_eq!(says(&json, Direction::ToBackend, other), Finding::Other, "{preset:?} {other}");
            }
        }
    }
}
