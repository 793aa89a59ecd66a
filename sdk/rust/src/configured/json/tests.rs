//! What of JSON is read, and how what is wrong with it is told.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::*;

fn told<T: DeserializeOwned + std::fmt::Debug>(text: &str) -> String {
    super::super::Error::from(read::<T>(text).unwrap_err()).to_string()
}

#[derive(Deserialize, PartialEq, Debug)]
#[serde(rename_all = "kebab-case")]
enum Answer {
    Drop,
    Reply(String),
    Close { code: u16 },
    Pair(u8, u8),
}

#[derive(Deserialize, PartialEq, Debug)]
#[serde(untagged)]
enum Either {
    Number(i32),
    Text(String),
}

#[test]
fn it_reads_what_serde_json_reads() {
    fn agree<T: DeserializeOwned + PartialEq + std::fmt::Debug>(text: &str) {
        assert_eq!(read::<T>(text).unwrap(), serde_json::from_str::<T>(text).unwrap(), "{text}");
    }
    agree::<Vec<Option<i64>>>(" [ 1 , null,-3 ] ");
    agree::<Vec<u8>>("[]");
    agree::<BTreeMap<String, f64>>(r#"{"a": 1.5, "b":2e3}"#);
    agree::<String>(r#""aä\n\u00e4\ud83d\ude00\/\"\\""#);
    agree::<Vec<Answer>>(r#"["drop", {"reply": "no"}, {"close": {"code": 1008}}, {"pair": [1, 2]}]"#);
    agree::<Vec<Either>>(r#"[1, "x"]"#);
    agree::<(bool, char, Option<()>)>(r#"[true, "ä", null]"#);
    agree::<BTreeMap<String, BTreeMap<String, Vec<u32>>>>(r#"{ "a": { "b": [1] }, "c": {} }"#);
    agree::<serde_json::Value>(r#"{ "a": [1, -1, 0.5, "x", null, { "b": [[]] }] }"#);
}

#[test]
fn what_is_no_json_is_refused_as_by_serde_json() {
    for text in [
        "",
        "[",
        "[1",
        "[1,]",
        "[1 2]",
        "{",
        "{\"a\"",
        "{\"a\":}",
        "{\"a\":1,}",
        "{1:2}",
        "nul",
        "\"",
        "\"\\x\"",
        "\"\\u12\"",
        "\"\\ud800\"",
        "\"\\udc00\"",
        "\"\u{1}\"",
        "1 2",
        "]",
        "tru",
        "[,1]",
        "{,}",
    ] {
        assert!(serde_json::from_str::<serde_json::Value>(text).is_err(), "{text}");
        assert!(read::<serde_json::Value>(text).is_err(), "{text}");
    }
    let deep = "[".repeat(100) + &"]".repeat(100);
    assert!(told::<serde_json::Value>(&deep).ends_with("nested too deep"));
}

#[test]
fn a_mistake_is_told_with_the_way_to_it() {
    #[derive(Deserialize, Debug)]
    #[serde(deny_unknown_fields)]
    #[expect(dead_code, reason = "it is only read")]
    struct Config {
        rules: Vec<Rule>,
    }
    #[derive(Deserialize, Debug)]
    #[serde(deny_unknown_fields)]
    #[expect(dead_code, reason = "it is only read")]
    struct Rule {
        burst: u8,
        answer: Option<Answer>,
    }
    assert_eq!(
        told::<Config>(r#"{ "rules": [{ "burst": 1 }, { "burst": 300 }] }"#),
        "rules[1].burst: invalid value: integer `300`, expected u8"
    );
    assert_eq!(
        told::<Config>(r#"{ "rules": [{ "burst": 1, "answer": { "close": { "code": "x" } } }] }"#),
        "rules[0].answer.close.code: invalid type: string \"x\", expected u16"
    );
    assert_eq!(
        told::<Config>(r#"{ "rules": [{ "bust": 1 }] }"#),
        "rules[0].bust: unknown field `bust`, expected `burst` or `answer`"
    );
    assert_eq!(told::<Config>("{}"), "missing field `rules`");
    assert_eq!(told::<(u8, u8)>("[1, 2, 3]"), "the list is longer than expected");
}
