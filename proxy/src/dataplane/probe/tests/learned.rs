//! What was learned outlives the process, and what is damaged is not believed.

use super::*;

fn some() -> Networks {
    let networks = Networks::default();
    let text = r#"{"version":1,"networks":[
        {"network":"192.0.2.0/24","good_ms":240000},
        {"network":"198.51.100.0/24","good_ms":100000,"bad_ms":200000},
        {"network":"x-carrier=one","good_ms":100000,"bad_ms":110000,"retry_in_s":3600}]}"#;
    assert_eq!(networks.learn(NOON, text).unwrap(), 3);
    networks
}

#[test]
fn what_was_learned_is_read_back() {
    let networks = some();
    let again = Networks::default();
    // Another clock: what is to come is as far away as it was.
    let text = networks.to_text(NOON + secs(600));
    assert_eq!(again.learn(NOON + secs(50), &text).unwrap(), 3);
    let [first, second, third] = &again.states()[..] else { panic!("{text}") };
    assert_eq!((&*first.name, first.good, first.search), ("192.0.2.0/24", secs(240), Search::Climbing));
    assert_eq!(second.search, Search::Between { bad: secs(200) });
    assert_eq!(third.search, Search::Settled { bad: secs(110), retry: NOON + secs(50 + 3_000) });
}

#[test]
fn what_is_known_already_is_not_overwritten() {
    let networks = some();
    networks.learn(NOON, r#"{"version":1,"networks":[{"network":"192.0.2.0/24","good_ms":1}]}"#).unwrap();
    assert_eq!(networks.states()[0].good, secs(240));
}

#[test]
fn networks_of_which_nothing_is_known_are_not_kept() {
    let networks = Networks::default();
    networks.join(NOON, "203.0.113.0/24".into());
    assert_eq!(Networks::default().learn(NOON, &networks.to_text(NOON)).unwrap(), 0);
}

#[test]
fn a_damaged_text_is_ignored_whole() {
    let whole = some().to_text(NOON);
    let mut damaged: Vec<String> = (0..whole.len() - 2).map(|cut| whole[..cut].to_owned()).collect();
    for (from, to) in [
        ("\"version\": 1", "\"version\": 2"),
        ("240000", "-1"),
        ("240000", "1e9"),
        ("240000", "99999999999"),
        ("\"good_ms\": 240000", "\"god_ms\": 240000"),
        ("200000", "90000"),
        ("\"x-carrier=one\"", "7"),
    ] {
        let text = whole.replacen(from, to, 1);
        assert_ne!(text, whole, "{from} in {whole}");
        damaged.push(text);
    }
    for text in damaged {
        let networks = Networks::default();
        assert!(networks.learn(NOON, &text).is_err(), "{text}");
        assert!(networks.states().is_empty());
    }
}

#[test]
fn a_text_of_too_many_networks_fills_the_table_and_no_more() {
    let networks = Networks::new(2);
    networks.learn(NOON, &some().to_text(NOON)).unwrap();
    assert_eq!(networks.states().len(), 2);
}
