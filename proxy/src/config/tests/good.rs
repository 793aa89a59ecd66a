//! Good files and what becomes of them.

use std::collections::BTreeSet;
use std::time::Duration;

use serde_json::Value as Json;

use super::*;
use crate::dataplane::codec::raw::{Counts, LengthField, Order, Width};
use crate::dataplane::codec::{Framer, Framing};
use crate::dataplane::heartbeat::{self, Answerer, Checksum, Packet, Ping, PingPolicy, Preset, Sender, Text};
use crate::dataplane::hold::{Backoff, Unconfirmed};
use crate::dataplane::message::{Message, MessageKind};
use crate::dataplane::probe::{Adaptive, Fixed, GroupBy, LossAware, Prefixes, Probe};
use crate::dataplane::route::{FailurePolicy, FilterSource, Isolation, MemoryBudget, PathMatch, Preface, Protocol};
use crate::limiter::Rate;
use crate::report::{Batching, Keep, Secret, Topics};
use crate::telemetry::{self, LogFormat};

fn good(name: &str) -> (PathBuf, Config) {
    let path = files("good").into_iter().find(|path| path.file_stem().is_some_and(|stem| stem == name)).unwrap();
    let config = load(&path).unwrap_or_else(|mistakes| panic!("{mistakes}"));
    (path, config)
}

#[test]
fn good_files_and_examples_have_no_mistakes() {
    for path in
        files("good").into_iter().chain(["chat", "heartbeat-tcp"].map(|name| examples().join(name).join("belay.yaml")))
    {
        load(&path).unwrap_or_else(|mistakes| panic!("{mistakes}"));
    }
}

fn examples() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().join("examples")
}

#[test]
fn the_tree_has_the_values_that_serde_yaml_reads() {
    for path in files("good") {
        let text = super::read(&path);
        let (tree, mistakes) = tree::build(&text);
        assert_eq!(mistakes, []);
        let mut expected: serde_yaml::Value = serde_yaml::from_str(&text).unwrap();
        expected.apply_merge().unwrap();
        assert_eq!(serde_yaml::Value::from(&tree.unwrap()), expected, "{}", path.display());
    }
}

#[test]
fn the_full_file_has_every_option_there_is() {
    let (path, _) = good("full");
    let text = super::read(&path);
    let value: Json = serde_yaml::from_str(&text).unwrap();
    let mut used = BTreeSet::new();
    keys(&value, &mut used);
    let definitions = schema()["$defs"].as_object().unwrap().values();
    for properties in definitions.chain([schema()]).filter_map(|schema| schema["properties"].as_object()) {
        for name in properties.keys() {
            assert!(used.contains(name), "full.yaml does not use '{name}'");
        }
    }
}

fn keys(value: &Json, used: &mut BTreeSet<String>) {
    match value {
        Json::Object(entries) => entries.iter().for_each(|(key, value)| {
            used.insert(key.clone());
            keys(value, used);
        }),
        Json::Array(items) => items.iter().for_each(|item| keys(item, used)),
        _ => {}
    }
}

#[test]
fn every_option_arrives() {
    let (path, config) = good("full");
    let folder = path.parent().unwrap();
    let dataplane = &config.dataplane;
    let limits = &dataplane.listeners[0].limits;
    assert_eq!((limits.connections_max, limits.peer.connections_max), (20_000, Some(300)));
    assert_eq!(limits.accept, Rate::new(1000, Duration::from_secs(1), 4000).ok());
    assert_eq!(limits.peer.accept, Rate::new(5, Duration::from_secs(10), 20).ok());
    assert_eq!((limits.peer.prefixes, limits.peer.entries_max), (Prefixes { v4: 28, v6: 56 }, 5000));
    assert_eq!(dataplane.limits.memory, MemoryBudget::Bytes(512 << 20));
    assert_eq!(dataplane.listeners[1].address, "[::1]:8081".parse().unwrap());
    assert_eq!(dataplane.limits.held_bytes_max, 128 << 20);
    let drain = &dataplane.drain;
    assert_eq!((drain.over, drain.close_code), (Duration::ZERO, 1012));
    assert_eq!((drain.accept_for, drain.wait_for_backend), (Duration::from_secs(5), Duration::from_secs(20)));
    assert_eq!(drain.said(drain.reconnect_after.from), r#"{"reconnect_after":2.0}"#);
    assert_eq!(drain.said(drain.reconnect_after.to), r#"{"reconnect_after":8.0}"#);
    assert_eq!(config.workers.map(NonZeroUsize::get), Some(2));
    assert_eq!(config.filter_cache, Some(folder.join("./cache")));
    let admin = config.admin.unwrap();
    assert_eq!(admin.address, "127.0.0.1:9901".parse().unwrap());
    assert_eq!(admin.token.as_ref().map(|token| token.reveal()), Some("x"));

    let otlp = &config.telemetry.otlp;
    assert_eq!(otlp.endpoint.as_deref(), Some("http://127.0.0.1:4318/v1/traces"));
    assert_eq!((otlp.protocol, otlp.timeout), (Some(telemetry::Protocol::Http), Some(Duration::from_secs(3))));
    let all = vec![telemetry::Signal::Traces, telemetry::Signal::Metrics, telemetry::Signal::Logs];
    assert_eq!((otlp.signals.as_ref(), otlp.metrics_every), (Some(&all), Some(Duration::from_secs(15))));
    assert_eq!((otlp.headers[0].0.as_str(), &otlp.headers[0].1), ("authorization", &"Bearer x".parse().unwrap()));
    assert_eq!(config.telemetry.service_name.as_deref(), Some("chat-belay"));
    assert_eq!((config.telemetry.sample.sessions, config.telemetry.sample.messages), (0.5, 0.01));
    assert_eq!(config.telemetry.log.format, LogFormat::Json);

    let clients = config.clients.as_ref().unwrap();
    assert_eq!((&*clients.attribute, clients.grace, clients.entries_max), ("device", Duration::from_secs(60), 5000));
    let report = config.report.as_ref().unwrap();
    assert_eq!((&*report.endpoint, report.timeout), ("http://127.0.0.1:8081/events", Duration::from_secs(3)));
    assert_eq!(report.secret, Secret::Variable("BELAY_REPORT_SECRET".into()));
    assert_eq!((report.topics, report.source.as_deref()), (Topics::Both, Some("/belay/staging")));
    assert_eq!(report.batch, Batching { events_max: 50, every: Duration::from_millis(200) });
    assert_eq!((report.retry_from, report.retry_to), (Duration::from_millis(100), Duration::from_secs(5)));
    assert_eq!(report.keep, Keep::Spool { folder: folder.join("./spool"), bytes_max: 8 << 20 });

    let [auth, mask] = &dataplane.filters[..] else { panic!("{:?}", dataplane.filters) };
    assert_eq!(auth.source, FilterSource::Shipped("auth-jwt".into()));
    assert_eq!(auth.config["leeway"], 1.5);
    assert_eq!(auth.config["none"], Json::Null);
    assert_eq!(auth.files, [("keys".into(), folder.join("../keys.json"))]);
    assert_eq!(mask.source, FilterSource::File(folder.join("../mask.wasm")));
    assert_eq!(
        (mask.sha256.as_deref(), &auth.sha256),
        (Some("e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"), &None)
    );
    assert_eq!((mask.on_failure, auth.on_failure), (FailurePolicy::Allow, FailurePolicy::Deny));
    assert_eq!((mask.limits.memory_bytes_max, mask.limits.table_entries_max), (32 << 20, 1_000));
    assert_eq!((mask.limits.recycle_bytes, auth.limits.recycle_bytes), (Some(24 << 20), None));
    assert_eq!((mask.isolation, auth.isolation), (Isolation::Session, Isolation::Shared));
    assert_eq!((mask.limits.instances_max, auth.limits.instances_max), (500, 1_000));
}

#[test]
fn every_option_of_a_route_arrives() {
    let (_, config) = good("full");
    let chat = &config.dataplane.routes.0[0];
    assert_eq!(&*chat.name, "chat");
    assert_eq!(chat.matches.host.as_deref(), Some("*.example.com"));
    assert_eq!(chat.matches.path, PathMatch::Exact("/chat".into()));
    assert_eq!(chat.matches.headers, [("x-any".into(), None), ("x-version".into(), Some("2".into()))]);
    assert_eq!(chat.matches.query, [("room".into(), None), ("v".into(), Some("1".into()))]);
    assert_eq!((&*chat.backend.authority, &*chat.backend.path_prefix), ("chat.internal:80", "/base"));
    assert_eq!(chat.backend.stall_timeout, Duration::from_secs(90));
    assert_eq!(chat.filters, [0, 1]);
    assert_eq!(chat.heartbeat.websocket, PingPolicy::PassOn);
    assert_eq!(chat.heartbeat.answer, answers());
    let fixed = Fixed { every: Duration::from_secs(45), timeout: Duration::from_secs(5) };
    assert_eq!(chat.heartbeat.probe, Some(Probe::Fixed(fixed)));
    assert_eq!(chat.heartbeat.expect, Some(Duration::from_secs(90)));
    assert_eq!((chat.messages.message_bytes_max, chat.messages.frame_bytes_max), (2_000_000, 1_000_000));
    assert_eq!(chat.slow_client.bytes_max, 1 << 20);

    let hold = &chat.hold;
    assert_eq!((hold.time_max, hold.bytes_max, hold.close_code), (Duration::from_secs(120), 128 << 10, 4001));
    assert_eq!((hold.replay.first, hold.replay.bytes_max), (1, 8 << 10));
    assert_eq!((hold.replay.swallow, hold.replay.greeting), (1, 2));
    assert_eq!((hold.unconfirmed, hold.confirm_after), (Unconfirmed::Resend, Duration::from_secs(2)));
    assert_eq!(hold.notice_bound, Some(Message::text("back")));
    assert_eq!(hold.codes, [1006, 4000]);
    let Backoff::Fixed { every, attempts_max } = hold.redial else { panic!("{:?}", hold.redial) };
    assert_eq!((every, attempts_max), (Duration::from_millis(500), Some(20)));
}

/// What the list of answers stands for.
fn answers() -> Vec<Answerer> {
    let phoenix = Preset::Phoenix.heartbeats().unwrap().into_iter().map(Answerer::Json);
    let pattern = serde_json::json!({ "type": "ping", "v": [1, "{any}"] });
    let reply = serde_json::json!({ "type": "pong", "at": "{now:ms}" });
    let (order, checksum, from) = (Order::Little, Checksum::Adler32, Sender::Either);
    let binary = Text {
        from: Sender::Client,
        kind: MessageKind::Binary,
        ping: Ping::Exact([0xc0, 0].into()),
        pong: [[0xd0, 0].into()].into(),
    };
    [
        Answerer::Text(Text::exact("ping", "pong")),
        Answerer::Text(Text { from, ..Text::prefix("ping ", "pong {rest}") }),
        Answerer::Text(binary),
    ]
    .into_iter()
    .chain(phoenix)
    .chain([
        Answerer::Json(heartbeat::Json::new(Sender::Backend, &pattern, Some(&reply)).unwrap()),
        Answerer::Packet(Packet { from, magic: 0xbe, order, checksum }),
    ])
    .collect()
}

#[test]
fn every_kind_of_probe_arrives() {
    let (_, config) = good("full");
    let probes: Vec<_> = config.dataplane.routes.0.iter().map(|route| route.heartbeat.probe.clone()).collect();
    let learned = Adaptive {
        min: Duration::from_secs(20),
        max: Duration::from_secs(1_200),
        detect_within: Duration::from_secs(180),
        group: GroupBy::Prefix(Prefixes { v4: 20, v6: 40 }),
    };
    let by = |group| Some(Probe::Adaptive(Adaptive { group, ..Adaptive::default() }));
    let rule = LossAware { min: Duration::from_secs(10), max: Duration::from_secs(60) };
    assert_eq!(probes[1], Some(Probe::Adaptive(learned)));
    assert_eq!(
        probes[3..6],
        [
            by(GroupBy::Header("x-carrier".into())),
            by(GroupBy::Attribute("carrier".into())),
            Some(Probe::LossAware(rule)),
        ]
    );
    assert_eq!(config.dataplane.routes.0[5].heartbeat.probe_message.as_deref(), Some("PING"));
    assert_eq!(config.networks.networks_max, 500);
    assert!(config.networks.learned.unwrap().ends_with("networks.json"));
}

#[test]
fn off_is_off_and_the_rest_has_names() {
    let (_, config) = good("full");
    let [_, files, plain, ..] = &config.dataplane.routes.0[..] else { panic!() };
    assert_eq!((&*files.name, &*plain.name), ("/files/*", "*"));
    assert_eq!(files.matches.path, PathMatch::Prefix("/files".into()));
    assert_eq!(&*files.backend.authority, "[::1]:9001");
    assert_eq!(plain.matches.path, PathMatch::Any);
    assert!(plain.hold.time_max.is_zero());
    assert!(plain.heartbeat.probe.is_none());
    assert_eq!(plain.heartbeat.websocket, PingPolicy::Answer);
}

#[test]
fn raw_tcp_has_a_framer_and_a_route_of_its_own() {
    let (_, config) = good("full");
    let listener = &config.dataplane.listeners[2];
    assert_eq!((listener.name.as_deref(), listener.protocol), (Some("game"), Protocol::Tcp));
    let raw: Vec<_> = config.dataplane.routes.0.iter().filter(|route| route.framing != Framing::WebSocket).collect();
    assert_eq!(raw.iter().map(|route| &*route.name).collect::<Vec<_>>(), ["game", "lines", "marked", "records"]);
    let framers = [
        Framer::Length(LengthField { width: Width::Two(Order::Little), offset: 1, adjust: -3, counts: Counts::Frame }),
        Framer::Lines,
        Framer::Delimiter(b"\r\x1E"[..].into()),
        Framer::Fixed(20),
    ];
    for (route, framer) in raw.iter().zip(framers) {
        assert_eq!(route.framing, Framing::Raw(framer.into()));
        assert!(route.hold.confirm_after.is_zero());
    }
    assert_eq!((&*raw[0].backend.authority, raw[0].backend.preface), ("game.internal:7100", Preface::ProxyV2));
    assert_eq!(raw[1].backend.preface, Preface::None);
}

#[test]
fn a_length_is_in_network_order_and_counts_what_follows() {
    let text = "listeners: [{ name: a, address: 127.0.0.1:0, protocol: tcp, framer: { length: { bytes: 4 } } }]\n\
                routes: [{ match: { listener: a }, backend: tcp://127.0.0.1:1 }]\n";
    let config = parse(text, Path::new("belay.yaml")).unwrap_or_else(|mistakes| panic!("{mistakes}"));
    let length = LengthField { width: Width::Four(Order::Big), offset: 0, adjust: 0, counts: Counts::Body };
    assert_eq!(config.dataplane.routes.0[0].framing, Framing::Raw(Framer::Length(length).into()));
}

#[test]
fn anchors_and_merge_keys_stand_for_what_they_name() {
    let (_, config) = good("anchors");
    let holds: Vec<_> = config.dataplane.routes.0.iter().map(|route| &route.hold).collect();
    assert_eq!(holds.iter().map(|hold| hold.time_max.as_secs()).collect::<Vec<_>>(), [30, 10, 5]);
    assert_eq!(holds[1].notice_holding, Some(Message::text("line one line two")));
    assert!(matches!(holds[2].redial, Backoff::Fixed { every: Duration { .. }, attempts_max: Some(3) }));
    assert!(matches!(holds[1].redial, Backoff::Fixed { attempts_max: None, .. }));
}

#[test]
fn mqtt_over_websocket_is_probed_only_where_the_file_says_so() {
    let text = "listeners: [{ address: 127.0.0.1:0 }, { name: raw, address: 127.0.0.1:0, protocol: tcp, framer: mqtt }]
x-hold: &hold { replay: { first: 1, swallow: 1 } }
routes:
  - { backend: 'ws://127.0.0.1:1', match: { path: /a }, hold: *hold, heartbeat: { answer: [mqtt] } }
  - { backend: 'ws://127.0.0.1:1', match: { path: /b }, hold: *hold, heartbeat: { answer: [mqtt], probe: { every: 9s, timeout: 1s } } }
  - { backend: 'ws://127.0.0.1:1', match: { path: /c } }
  - { backend: 'tcp://127.0.0.1:1', match: { listener: raw }, hold: *hold, heartbeat: { answer: [mqtt] } }
";
    let config = parse(text, Path::new("belay.yaml")).unwrap_or_else(|mistakes| panic!("{mistakes}"));
    let probed: Vec<bool> = config.dataplane.routes.0.iter().map(|route| route.heartbeat.probe.is_some()).collect();
    assert_eq!(probed, [false, true, true, true]);
}
