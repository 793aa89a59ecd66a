//! `belay filter test` and `schema`.

use crate::guest::Guest;
use crate::{Said, belay_filter, folder_of};

/// A panic, as languages make it.
const PANICS: &str = "(call $doomed) (i32.const 0)";
const DOOMED: &str = "(func $doomed (unreachable))";
/// Answers every callout's end by dropping, and asks first.
const ASKS: &str = "
    (memory.fill (i32.const 0) (i32.const 0) (i32.const 128))
    (i32.store8 (i32.const 0) (i32.const 7))
    (i32.store (i32.const 4) (i32.const 2000)) (i32.store (i32.const 8) (i32.const 3))
    (i32.store (i32.const 12) (i32.const 2010)) (i32.store (i32.const 16) (i32.const 17))
    (i32.const 0)";
const REQUEST: &str = "(data (i32.const 2000) \"GET\") (data (i32.const 2010) \"http://auth/check\")";
const DROPS: &str =
    "(memory.fill (i32.const 0) (i32.const 0) (i32.const 64)) (i32.store8 (i32.const 0) (i32.const 4)) (i32.const 0)";

fn played(component: &[u8], script: &str) -> Said {
    let folder = folder_of(&[("filter.wasm", component), ("script.yaml", script.as_bytes())]);
    belay_filter(&folder, &["test", "filter.wasm", "script.yaml"])
}

fn shipped(name: &str, script: &str) -> Said {
    played(belay::shipped::component(name).unwrap(), script)
}

#[test]
fn a_filter_that_keeps_to_the_script_passes() {
    let said = played(
        &Guest::counting('a').component(),
        "
scenarios:
  - name: it counts, over reloads and not over losses
    subscription: { to_backend: whole, to_client: ignore, events: [handshake, close] }
    steps:
      - connect: /chat
      - { to_backend: x, expect: { replace: a00000001 } }
      - reload: {}
      - { to_backend: x, restored: { hex: '01000000' }, expect: { replace: { contains: '2' } } }
      - reload: { states: { client: { hex: '07 00 00 00' } } }
      - { to_backend: x, expect: { replace: a00000008 }, restored: { hex: '07000000' } }
      - instance: lost
      - { to_backend: x, expect: { replace: a00000001 }, restored: nothing }
      - { to_client: x, expect: unasked }
      - close: 1000
",
    );
    assert_eq!((said.code, &*said.err), (Some(0), ""), "{}", said.out);
    assert_eq!(
        said.out,
        "ok      it counts, over reloads and not over losses\n\n1 scenario passed (10 steps), 0 failed\n"
    );
}

#[test]
fn what_differs_is_told_with_its_line_what_was_expected_and_what_came() {
    let said = played(
        &Guest::counting('a').component(),
        "scenarios:
  - name: it says nothing
    steps:
      - connect: /chat
      - to_backend: x
        attributes: { user: ann }
        counters: { masked: 2 }
",
    );
    assert_eq!(said.code, Some(1));
    assert_eq!(
        said.out,
        "\
FAILED  it says nothing
        script.yaml:5: step 2, to_backend \"x\", session client
          the answer
            expected  continue
            got       replace \"a00000001\"
          counters.masked
            expected  2
            got       never counted
          attributes.user
            expected  \"ann\"
            got       not there

0 scenarios passed (0 steps), 1 failed
"
    );
}

#[test]
fn a_filter_that_panics_is_told_with_its_functions() {
    let guest = Guest { items: DOOMED, ..Guest::answering(PANICS) };
    let said = played(
        &guest.component(),
        "
scenarios:
  - name: it may fail
    steps:
      - connect: /chat
      - { to_backend: x, expect: { fail: 'wasm `unreachable`' }, repeat: 2 }
  - name: it may not
    steps:
      - connect: /chat
      - to_backend: x
",
    );
    assert_eq!(said.code, Some(1));
    assert!(said.out.starts_with("ok      it may fail\nFAILED  it may not\n"), "{}", said.out);
    let got = "got       the filter failed: on-message: it panicked or aborted (wasm `unreachable`); in ";
    assert!(said.out.contains(got) && said.out.contains("doomed"), "{}", said.out);
    assert!(said.out.contains("log of this step"), "{}", said.out);
}

#[test]
fn a_callout_is_answered_by_the_script() {
    let guest = Guest { items: REQUEST, on_message_answer: DROPS, ..Guest::answering(ASKS) };
    let said = played(
        &guest.component(),
        "
scenarios:
  - name: it asks, and drops
    steps:
      - connect: /chat
      - to_backend: x
        expect: { call_out: { method: GET, url: 'http://auth/check', timeout: 0s, body: '' } }
      - answer: { status: 200, headers: { x-user: ann }, body: yes }
        expect: drop
      - { to_backend: x, expect: { call_out: {} } }
      - { answer: { error: timeout }, expect: drop }
  - name: nothing overtakes what waits
    steps:
      - connect: /chat
      - { to_backend: x, expect: { call_out: {} } }
      - to_backend: y
",
    );
    assert_eq!(said.code, Some(1), "{}{}", said.out, said.err);
    assert!(said.out.starts_with("ok      it asks, and drops\nFAILED"), "{}", said.out);
    assert!(said.out.contains("this message waits for the answer to a callout"), "{}", said.out);
}

#[test]
fn a_service_that_may_not_be_asked_answers_nothing_in_a_script_either() {
    let guest = Guest { items: REQUEST, on_message_answer: DROPS, ..Guest::answering(ASKS) };
    let said = played(
        &guest.component(),
        "
scenarios:
  - name: it may ask this one
    callouts: { allow: ['http://auth'] }
    steps:
      - connect: /chat
      - { to_backend: x, expect: { call_out: {} } }
      - { answer: { status: 200 }, expect: drop }
  - name: and hears of another that it may not
    callouts: { allow: ['http://auth:8080'] }
    steps:
      - connect: /chat
      - { to_backend: x, expect: { call_out: {} } }
      - { answer: { error: forbidden }, expect: drop }
      - { to_backend: x, expect: { call_out: {} } }
      - { answer: { status: 200 }, expect: drop }
",
    );
    assert_eq!(said.code, Some(1), "{}{}", said.out, said.err);
    assert!(said.out.contains("http://auth/check is asked, which 'callouts.allow' does not list"), "{}", said.out);
}

#[test]
fn time_is_the_script_s() {
    let said = shipped(
        "rate-limit",
        "
config: { per: session, rate: 1/s, burst: 2 }
scenarios:
  - name: tokens come back
    steps:
      - connect: /chat
      - { to_backend: x, repeat: 2 }
      - { to_backend: x, expect: drop }
      - advance: 999ms
      - { to_backend: x, expect: drop }
      - advance: 1ms
      - to_backend: x
  - name: nothing is left of the scenario before
    steps:
      - connect: /chat
      - { to_backend: x, repeat: 2 }
  - name: it says what is wrong with its config
    config: { per: session, rate: often }
    refused: { contains: rate }
",
    );
    assert_eq!(said.code, Some(0), "{}{}", said.out, said.err);
}

#[test]
fn a_reload_may_bring_another_config_or_be_refused() {
    let said = shipped(
        "rate-limit",
        "
config: { per: session, rate: 1/s, burst: 1 }
scenarios:
  - name: more may be said from now on
    steps:
      - connect: /chat
      - to_backend: x
      - { to_backend: x, expect: drop }
      - { reload: { config: { per: nobody } }, refused: { contains: per } }
      - { to_backend: x, expect: drop }
      - reload: { config: { per: session, rate: 1/s, burst: 3 } }
      - { to_backend: x, repeat: 3 }
      - { to_backend: x, expect: drop }
",
    );
    assert_eq!(said.code, Some(0), "{}{}", said.out, said.err);
}

#[test]
fn what_becomes_of_backends_is_the_script_s_too() {
    let said = shipped(
        "circuit-breaker",
        "
config: { name: backend, results: 2, failures: 50, open_for: 10s }
scenarios:
  - name: it opens, and lets a probe in later
    steps:
      - { connect: /chat, session: ann }
      - { upstream: failed, repeat: 2 }
      - { connect: /chat, session: bob, expect: { refuse: 503 } }
      - advance: 10s
      - { connect: /chat, session: cid }
",
    );
    assert_eq!(said.code, Some(0), "{}{}", said.out, said.err);
}

#[test]
fn a_config_that_is_refused_fails_what_should_serve() {
    let said = shipped("rate-limit", "scenarios: [{ name: it serves, config: { per: nobody } }]");
    assert_eq!(said.code, Some(1));
    assert!(
        said.out.contains("configure\n            expected  it accepts its config\n            got       refused: ")
    );
}

#[test]
fn mistakes_in_a_script_are_told_with_their_places() {
    let said = played(
        &Guest::default().component(),
        "
scenarios:
  - name: many
    steps:
      - conect: /chat
      - connect: chat
      - to_backend: { hex: xyz }
      - to_backend: x
        to_client: y
      - { to_backend: x, expect: accept }
      - { advance: 10 }
      - { to_backend: x, session: nobody }
      - { close: 1000, expect: none }
",
    );
    assert_eq!(said.code, Some(2), "{}", said.out);
    for (place, what) in [
        ("5", "scenarios[0].steps[0].conect: unknown field 'conect'"),
        ("6", "scenarios[0].steps[1].connect: not a request's target: 'chat'"),
        ("7", "scenarios[0].steps[2].to_backend.hex: not bytes in hexadecimal digits"),
        ("9", "scenarios[0].steps[3].to_client: 'to_backend' and 'to_client' are both given"),
        ("10", "scenarios[0].steps[4].expect: this is not an answer to what happens here"),
        ("11", "scenarios[0].steps[5].advance: the unit is missing after 10"),
        ("12", "scenarios[0].steps[6]: there is no session 'nobody' yet"),
        ("13", "scenarios[0].steps[7].expect: the filter does not answer to this"),
    ] {
        assert!(said.err.contains(what), "{what} in\n{}", said.err);
        assert!(said.err.contains(&format!("script.yaml:{place}:")), "line {place} in\n{}", said.err);
    }
    assert!(said.err.contains("did you mean 'connect'?"), "{}", said.err);
    assert!(said.err.ends_with("script.yaml: 8 mistakes\n"), "{}", said.err);
}

#[test]
fn what_is_no_filter_is_told_so() {
    for (bytes, why) in
        [(&b"text"[..], "not a WebAssembly component"), (&Guest::default().module(), "a core WebAssembly module")]
    {
        let said = played(bytes, "scenarios: [{ name: any }]");
        assert_eq!(said.code, Some(2), "{}", said.out);
        assert!(said.err.contains(why), "{}", said.err);
    }
    let said = belay_filter(
        &folder_of(&[("script.yaml", b"scenarios: [{ name: any }]")]),
        &["test", "no.wasm", "script.yaml"],
    );
    assert_eq!(said.code, Some(2), "{}", said.out);
}

#[test]
fn editors_are_given_a_schema_of_scripts() {
    let said = belay_filter(&folder_of(&[]), &["schema"]);
    let schema: serde_json::Value = serde_json::from_str(&said.out).unwrap();
    assert_eq!(schema["required"], serde_json::json!(["scenarios"]));
    assert!(schema["$defs"]["Step"]["properties"]["to_backend"].is_object());
}
