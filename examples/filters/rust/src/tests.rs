//! Unit tests, with the SDK's fake host. What every language's word-guard does is judged by the conformance script.

use belay_filter::testing::{Bench, counter};

use super::*;

const CONFIG: &str = r#"{ "words": ["darn", "Darned"], "notice_after": 2, "close_after": 3 }"#;

#[test]
fn words_are_masked_then_minded_then_the_session_is_over() {
    let mut bench = Bench::<WordGuard>::start(CONFIG).unwrap();
    let ann = bench.connect(Handshake::to("/chat?name=ann")).unwrap();
    assert_eq!(bench.to_backend(ann, "well"), Verdict::Continue);
    assert_eq!(bench.to_backend(ann, "DARNED darn"), Verdict::replace("****** ****"));
    assert_eq!(bench.to_backend(ann, "darn"), Verdict::reply("word-guard: mind your words, ann (2 so far)"));
    assert_eq!(bench.to_backend(ann, "darn"), Verdict::close(1008, "word-guard: too many words"));
    assert_eq!(counter("masked"), 4);
}

#[test]
fn who_does_not_say_who_it_is_is_not_let_in() {
    let mut bench = Bench::<WordGuard>::start(CONFIG).unwrap();
    assert_eq!(bench.connect(Handshake::to("/chat")).unwrap_err().status, 400);
    let bob = bench.connect(Handshake::to("/chat").with_header("x-name", "bob")).unwrap();
    assert_eq!(bench.facts(bob).attributes["user"], "bob");
}

#[test]
fn strikes_survive_a_reload() {
    let mut bench = Bench::<WordGuard>::start(CONFIG).unwrap();
    let ann = bench.connect(Handshake::to("/?name=ann")).unwrap();
    bench.to_backend(ann, "darn");
    assert_eq!(bench.reload(CONFIG, &Handshake::to("/?name=ann")).unwrap(), []);
    assert_eq!(bench.to_backend(ann, "darn"), Verdict::reply("word-guard: mind your words, ann (2 so far)"));
}

#[test]
fn a_mistake_in_the_config_names_its_field() {
    let told = |config| Bench::<WordGuard>::start(config).err().unwrap().to_string();
    assert!(told("null").contains("`words`"));
    assert!(told(r#"{ "words": [] }"#).starts_with("words: "));
    assert!(told(r#"{ "words": ["x"], "notice_after": 0 }"#).starts_with("notice_after: "));
    assert!(told(r#"{ "words": ["x"], "wrods": 1 }"#).contains("wrods"));
}
