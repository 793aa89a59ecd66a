//! The shortcut to `on-message`: whatever a filter answers, and however it lies, is told as without it.

use belay::wasm::FilterStats;
use wit_component::StringEncoding;

use super::*;

/// Of each verdict one, each way to lie about it, and each way to fail.
const ANSWERS: [&str; 26] = [
    FIRST,
    "(i32.store (i32.const 0) (i32.const 1)) (i32.const 0)",
    "(i32.store (i32.const 0) (i32.const 4)) (i32.const 0)",
    // A replacement: a text, no text, and what is not in memory.
    "(call $answer (i32.const 2) (i32.const 1024) (i32.const 5))",
    "(call $answer (i32.const 2) (local.get $at) (local.get $len))",
    "(call $answer (i32.const 2) (i32.const 1056) (i32.const 3))",
    "(call $answer (i32.const 2) (i32.const 1024) (i32.const -1))",
    "(call $answer (i32.const 2) (i32.const -1) (i32.const 1))",
    // A reply, of a kind that there is and of one that there is not.
    "(drop (call $answer (i32.const 3) (i32.const 0) (i32.const 1024))) (i32.store (i32.const 12) (i32.const 5)) (i32.const 0)",
    "(call $answer (i32.const 3) (i32.const 7) (i32.const 1024))",
    // A heartbeat, and one that is neither answered nor not.
    "(call $answer (i32.const 5) (i32.const 0) (i32.const 0))",
    "(call $answer (i32.const 5) (i32.const 9) (i32.const 0))",
    // A close, with a code and without.
    "(call $answer (i32.const 6) (i32.const 4000) (i32.const 0))",
    "(call $answer (i32.const 6) (i32.const 1005) (i32.const 0))",
    // No verdict: the next number, one that a shift by it would take for another, the largest.
    "(call $answer (i32.const 8) (i32.const 0) (i32.const 0))",
    "(call $answer (i32.const 33) (i32.const 0) (i32.const 0))",
    "(call $answer (i32.const 255) (i32.const 0) (i32.const 0))",
    // No address of a verdict: not aligned, the last that fits, the first that does not, outside memory.
    "(i32.const 2)",
    "(i32.const 65496)",
    "(i32.const 65500)",
    "(i32.const 65536)",
    "(i32.const -16)",
    // What there is besides answers.
    "unreachable",
    "(loop $l (br $l)) unreachable",
    "(loop $l (drop (call $now_ms)) (br $l)) unreachable",
    "(call $set_timer (i32.const 1) (i64.const 5)) (call $answer (local.get $kind) (i32.const 0) (i32.const 0))",
];

const ANSWER: &str = "
    (func $answer (param $verdict i32) (param $first i32) (param $second i32) (result i32)
      (memory.fill (i32.const 0) (i32.const 0) (i32.const 64))
      (i32.store (i32.const 0) (local.get $verdict))
      (i32.store (i32.const 4) (local.get $first)) (i32.store (i32.const 8) (local.get $second)) (i32.const 0))";

/// The whole of what clients say, and of what backends say the size. No handshake.
const WANTS: &str = "
    (i32.store8 (i32.const 0) (i32.const 0))
    (i32.store8 (i32.const 4) (i32.const 3)) (i32.store8 (i32.const 12) (i32.const 1)) (i32.const 0)";

/// What a message comes to that way and this way, in instances that know nothing of others, and what is counted of that.
type Told = Vec<(Result<Verdict, FilterFailure>, [u64; 6])>;

fn told(host: &Host, component: &[u8], payload: &str) -> Told {
    let of = |direction| {
        let loaded = host.load(&spec(), component).unwrap();
        let mut filter = loaded.instantiate().unwrap();
        let verdict = filter.on_message(a_session().call(), direction, MessageKind::Text, payload.as_bytes());
        let FilterStats { calls, failures, traps, deadlines, misuses, sessions, .. } = &loaded.stats();
        let counts = [calls, failures, traps, deadlines, misuses, sessions].map(|counter| counter.value());
        (verdict, counts)
    };
    [Direction::ToBackend, Direction::ToClient].map(of).into()
}

/// The same of a filter that has the shortcut and of one that has not: who speaks UTF-16 is called as he is.
fn assert_same(guest: &Guest, payloads: &[String]) -> Vec<Told> {
    let component = |encoding| Guest { encoding, state: None, ..*guest }.component();
    let (short, long) = (component(StringEncoding::UTF8), component(StringEncoding::UTF16));
    let host = Host::new(None).unwrap();
    let (has, has_not) = (host.check(&short).unwrap(), host.check(&long).unwrap());
    assert_eq!((has.has_shortcut(), has_not.has_shortcut()), (true, false));
    let both = |payload: &String| {
        let short = told(&host, &short, payload);
        assert_eq!(short, told(&host, &long, payload), "{payload:?}");
        short
    };
    payloads.iter().map(both).collect()
}

#[test]
fn every_answer_is_what_it_is_without() {
    // To a message of so many bytes the answer of that number.
    let on_message: String = ANSWERS
        .iter()
        .enumerate()
        .map(|(number, answer)| format!("(if (i32.eq (local.get $size) (i32.const {number})) (then {answer} return))"))
        .collect();
    let on_message = format!("{on_message} unreachable").leak();
    let payloads: Vec<String> = (0..ANSWERS.len()).map(|bytes| "x".repeat(bytes)).collect();
    let told = assert_same(&Guest { items: ANSWER, configure: WANTS, ..Guest::answering(on_message) }, &payloads);
    assert_eq!((&told[1][0].0, &told[2][1].0), (&Ok(Verdict::Remember), &Ok(Verdict::Drop)));
    let failed = told.iter().filter(|told| told.iter().all(|(verdict, _)| verdict.is_err())).count();
    assert_eq!(failed, 16);
}

#[test]
fn a_filter_that_fails_while_it_frees_its_answer_fails_as_without() {
    for (armed, free) in [("1", "unreachable"), ("1", "(loop $l (br $l))"), ("0", "unreachable")] {
        let free = format!("(if (global.get $armed) (then {free})) (global.set $heap (i32.const 4096))").leak();
        let on_message = format!("(global.set $armed (i32.const {armed})) {FIRST}").leak();
        let items = "(global $armed (mut i32) (i32.const 0))";
        let guest = Guest { items, free, configure: WANTS, ..Guest::answering(on_message) };
        for (verdict, _) in &assert_same(&guest, &["hello".into()])[0] {
            assert_eq!(verdict.is_err(), armed == "1", "{verdict:?}");
        }
    }
}

#[test]
fn a_filter_that_gives_no_room_fails_as_without() {
    // As many bytes as the config has, it gives; the message's are next.
    for (room, is_let_in) in [("(i32.const 65536)", true), ("(i32.const 65537)", false), ("(i32.const -1)", false)] {
        let room = format!(
            "(if (result i32) (global.get $configured) (then {room})
             (else (call $alloc (local.get $old) (local.get $old_len) (local.get $align) (local.get $len))))"
        )
        .leak();
        let configure = format!("(global.set $configured (i32.const 1)) {WANTS}").leak();
        let items = "(global $configured (mut i32) (i32.const 0))";
        let told = assert_same(&Guest { items, configure, room, ..Guest::default() }, &["hello".into()]);
        assert_eq!((told[0][0].0.is_ok(), told[0][1].0.is_ok()), (false, is_let_in), "{told:?}");
    }
}

#[test]
fn what_a_component_exports_is_told_without_the_shortcut() {
    let exports = Host::new(None).unwrap().check(&Guest::default().component()).unwrap().exports();
    assert_eq!(exports, ["belay:filter/filter@0.1.0"]);
}
