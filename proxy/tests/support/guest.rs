//! Filters as small as one behaviour, for tests and benches: core WebAssembly text for the functions that matter, the rest
//! filled in, made a component of the world in `sdk/wit`.

#![allow(dead_code, reason = "each test and bench uses some of this")]
#![allow(clippy::expect_used, reason = "a test's own text; in benches too, which the lint does not take for tests")]

use std::path::Path;

use wit_component::{ComponentEncoder, StringEncoding, embed_component_metadata};
use wit_parser::Resolve;

/// The bodies of a filter's exports. Each must leave what the canonical ABI wants: for those with a result, the address of
/// it. Memory below 1024 is a result area of zeros; strings and a heap come after it.
pub(crate) struct Guest {
    /// Beside the functions: globals, data, helper functions.
    pub(crate) items: &'static str,
    /// `(param $config i32) (param $len i32) (result i32)`
    pub(crate) configure: &'static str,
    /// `(param $args i32) (result i32)`; the session stands first at `$args`.
    pub(crate) on_handshake: &'static str,
    /// `(param $args i32) (result i32)`; the session stands first at `$args`.
    pub(crate) on_handshake_answer: &'static str,
    /// `(param $args i32)`
    pub(crate) on_reopen: &'static str,
    /// `(param $session i32) (param $direction i32) (param $kind i32) (param $size i32) (param $at i32) (param $len i32)
    /// (result i32)`
    pub(crate) on_message: &'static str,
    /// As `on_message`, and `(param $failed i32) (param $status i32) (param $headers i32) (param $headers_len i32)
    /// (param $body i32) (param $body_len i32)`; if it failed, `$status` is why.
    pub(crate) on_message_answer: &'static str,
    /// `(param $session i32) (param $event i32) (param $time i64) (result i32)`
    pub(crate) on_upstream: &'static str,
    /// `(param $session i32) (param $direction i32) (result i32)`
    pub(crate) on_heartbeat: &'static str,
    /// `(param $session i32) (param $timer i32) (result i32)`
    pub(crate) on_timer: &'static str,
    /// The session, and what `on_message_answer` has of the answer.
    pub(crate) on_answer: &'static str,
    /// `(param $session i32) (param $code i32) (param $reason i32) (param $len i32)`
    pub(crate) on_close: &'static str,
    /// Of those that offer their state.
    pub(crate) state: Option<State>,
    /// The world's folder.
    pub(crate) wit: &'static str,
    /// How strings go over the boundary. Belay's own way is UTF-8.
    pub(crate) encoding: StringEncoding,
    /// What frees the answer to any call.
    pub(crate) free: &'static str,
    /// What gives room: of `$old`, `$old_len`, `$align` and `$len` the address.
    pub(crate) room: &'static str,
    /// Taken into the world before it is made, as (what, by what).
    pub(crate) wit_change: Option<(&'static str, &'static str)>,
}

/// The bodies of the exports of `state`.
pub(crate) struct State {
    /// `(param $session i32) (result i32)`
    pub(crate) snapshot: &'static str,
    /// `(param $args i32) (result i32)`; the session stands first at `$args`, the state's address at 72, its length at 76.
    pub(crate) restore: &'static str,
}

/// Subscribes to every event and the whole of every message.
pub(crate) const WANT_ALL: &str = "
    (i32.store8 (i32.const 0) (i32.const 0))
    (i32.store8 (i32.const 4) (i32.const 3))
    (i32.store8 (i32.const 12) (i32.const 3))
    (i32.store8 (i32.const 20) (i32.const 15))
    (i32.const 0)";

/// Zeros: `ok`, `continue`, `none`, whichever the function answers with.
pub(crate) const FIRST: &str = "
    (memory.fill (i32.const 0) (i32.const 0) (i32.const 64))
    (i32.const 0)";

/// A table of counts, above what a small message's heap reaches: 5,000 sessions.
const COUNT_AT: &str = "
    (func $count_at (param $session i32) (result i32)
      (i32.add (i32.const 40000) (i32.mul (local.get $session) (i32.const 4))))";
/// Writes the session's count behind the name at 2000, as eight digits.
const COUNT: &str = "
    (local $n i32) (local $i i32)
    (local.set $n (i32.add (i32.load (call $count_at (local.get $session))) (i32.const 1)))
    (i32.store (call $count_at (local.get $session)) (local.get $n))
    (local.set $i (i32.const 8))
    (loop $digits
      (local.set $i (i32.sub (local.get $i) (i32.const 1)))
      (i32.store8 (i32.add (i32.const 2001) (local.get $i))
        (i32.add (i32.const 48) (i32.rem_u (local.get $n) (i32.const 10))))
      (local.set $n (i32.div_u (local.get $n) (i32.const 10)))
      (br_if $digits (local.get $i)))
    (memory.fill (i32.const 0) (i32.const 0) (i32.const 64))
    (i32.store8 (i32.const 0) (i32.const 2))
    (i32.store (i32.const 4) (i32.const 2000)) (i32.store (i32.const 8) (i32.const 9))
    (i32.const 0)";

/// The verdict of a callout to the URL that the message is, by the method at 2000.
pub(crate) const ASK: &str = "
    (memory.fill (i32.const 0) (i32.const 0) (i32.const 64))
    (i32.store8 (i32.const 0) (i32.const 7))
    (i32.store (i32.const 4) (i32.const 2000)) (i32.store (i32.const 8) (i32.const 3))
    (i32.store (i32.const 12) (local.get $at)) (i32.store (i32.const 16) (local.get $len))
    (i32.const 0)";

impl Default for Guest {
    fn default() -> Self {
        Self {
            items: "",
            configure: WANT_ALL,
            on_handshake: FIRST,
            on_handshake_answer: FIRST,
            on_reopen: "",
            on_message: FIRST,
            on_message_answer: FIRST,
            on_upstream: FIRST,
            on_heartbeat: FIRST,
            on_timer: FIRST,
            on_answer: FIRST,
            on_close: "",
            state: None,
            wit: concat!(env!("CARGO_MANIFEST_DIR"), "/../sdk/wit"),
            encoding: StringEncoding::UTF8,
            free: "(global.set $heap (i32.const 4096))",
            room: "(call $alloc (local.get $old) (local.get $old_len) (local.get $align) (local.get $len))",
            wit_change: None,
        }
    }
}

impl Guest {
    /// A filter that answers each message with this verdict.
    pub(crate) fn answering(on_message: &'static str) -> Self {
        Self { on_message, ..Self::default() }
    }

    /// A filter that puts in each message's place its own name and how many the client has said: `a00000001`. It carries its
    /// counts over.
    pub(crate) fn counting(name: char) -> Self {
        Self {
            items: format!("(data (i32.const 2000) \"{name}\"){COUNT_AT}").leak(),
            configure: "
                (i32.store8 (i32.const 0) (i32.const 0))
                (i32.store8 (i32.const 4) (i32.const 3))
                (i32.store8 (i32.const 20) (i32.const 9))
                (i32.const 0)",
            on_handshake: "
                (i32.store (call $count_at (i32.load (local.get $args))) (i32.const 0))
                (memory.fill (i32.const 0) (i32.const 0) (i32.const 64))
                (i32.const 0)",
            on_reopen: "(i32.store (call $count_at (i32.load (local.get $args))) (i32.const 0))",
            on_message: COUNT,
            state: Some(State {
                snapshot: "
                    (memory.fill (i32.const 0) (i32.const 0) (i32.const 64))
                    (i32.store8 (i32.const 0) (i32.const 1))
                    (i32.store (i32.const 4) (call $count_at (local.get $session)))
                    (i32.store (i32.const 8) (i32.const 4))
                    (i32.const 0)",
                restore: "
                    (i32.store (call $count_at (i32.load (local.get $args)))
                      (i32.load (i32.load offset=72 (local.get $args))))
                    (memory.fill (i32.const 0) (i32.const 0) (i32.const 64))
                    (i32.const 0)",
            }),
            ..Self::default()
        }
    }

    /// As [`Self::counting`], but of all that its instance hears together, and with nothing to carry over: it tells instances
    /// apart.
    pub(crate) fn counting_together(name: char) -> Self {
        Self {
            items: format!(
                "(data (i32.const 2000) \"{name}\") (func $count_at (param $session i32) (result i32) (i32.const 40000))"
            )
            .leak(),
            on_handshake: FIRST,
            on_reopen: "",
            state: None,
            ..Self::counting(name)
        }
    }

    /// A filter that asks the URL that a client's message is, and lets it pass whatever the answer.
    pub(crate) fn asking() -> Self {
        Self {
            items: "(data (i32.const 2000) \"GET\")",
            configure: "(i32.store8 (i32.const 0) (i32.const 0)) (i32.store8 (i32.const 4) (i32.const 3)) (i32.const 0)",
            ..Self::answering(ASK)
        }
    }

    /// The component's bytes.
    pub(crate) fn component(&self) -> Vec<u8> {
        let (resolve, world, version) = self.world();
        let mut module = wat::parse_str(self.text(&version)).expect("the guest's text is valid");
        embed_component_metadata(&mut module, &resolve, world, self.encoding).expect("the world fits");
        let encoder = ComponentEncoder::default().validate(true).module(&module);
        encoder.and_then(|mut encoder| encoder.encode()).expect("the guest is of the world")
    }

    /// The core module, before it becomes a component.
    pub(crate) fn module(&self) -> Vec<u8> {
        wat::parse_str(self.text("0.1.0")).expect("the guest's text is valid")
    }

    fn world(&self) -> (Resolve, wit_parser::WorldId, String) {
        let mut resolve = Resolve::default();
        let path = Path::new(self.wit).join("filter.wit");
        let mut text = std::fs::read_to_string(&path).expect("the WIT can be read");
        if let Some((from, to)) = self.wit_change {
            assert!(text.contains(from), "{from} is in the WIT");
            text = text.replace(from, to);
        }
        let package = resolve.push_str(&path, &text).expect("the WIT is valid");
        let world = if self.state.is_some() { "stateful-filter" } else { "belay-filter" };
        let world = resolve.select_world(&[package], Some(world)).expect("the world is there");
        let version = resolve.packages[package].name.version.as_ref().expect("it has a version").to_string();
        (resolve, world, version)
    }

    fn text(&self, version: &str) -> String {
        let Self { free, room, .. } = self;
        let Self { items, configure, on_handshake, on_reopen, on_message, .. } = self;
        let Self { on_upstream, on_heartbeat, on_timer, on_close, .. } = self;
        let Self { on_handshake_answer, on_message_answer, on_answer, .. } = self;
        let answer = "(param $failed i32) (param $status i32) (param $headers i32) (param $headers_len i32)
    (param $body i32) (param $body_len i32)";
        let f = format!("belay:filter/filter@{version}");
        let state = self.state.as_ref().map_or_else(String::new, |State { snapshot, restore }| {
            let f = format!("belay:filter/state@{version}");
            format!(
                r#"(func (export "{f}#snapshot") (param $session i32) (result i32) {snapshot})
  (func (export "{f}#restore") (param $args i32) (result i32) {restore})
  (export "cabi_post_{f}#snapshot" (func $free))
  (export "cabi_post_{f}#restore" (func $free))"#
            )
        });
        format!(
            r#"(module
  (import "belay:filter/host@{version}" "log" (func $log (param i32 i32 i32)))
  (import "belay:filter/host@{version}" "now-ms" (func $now_ms (result i64)))
  (import "belay:filter/host@{version}" "count" (func $count (param i32 i32 i64)))
  (import "belay:filter/host@{version}" "read-file" (func $read_file (param i32 i32 i32)))
  (import "belay:filter/current@{version}" "set-attribute" (func $set_attribute (param i32 i32 i32 i32)))
  (import "belay:filter/current@{version}" "set-upstream-header" (func $set_upstream_header (param i32 i32 i32 i32)))
  (import "belay:filter/current@{version}" "set-timer" (func $set_timer (param i32 i64)))
  (import "belay:filter/limiter@{version}" "define" (func $define_limiter (param i32 i32 i32 i64 i32 i32)))
  (import "belay:filter/limiter@{version}" "take" (func $take (param i32 i32 i32 i32 i32)))
  (import "belay:filter/store@{version}" "add" (func $add (param i32 i32 i64 i64) (result i64)))
  (memory (export "memory") 1)
  (global $heap (mut i32) (i32.const 4096))
  (data (i32.const 1024) "hello, filter")
  (data (i32.const 1056) "\ff\fe\fd")
  (func (export "cabi_realloc") (param $old i32) (param $old_len i32) (param $align i32) (param $len i32) (result i32)
    {room})
  (func $alloc (param $old i32) (param $old_len i32) (param $align i32) (param $len i32) (result i32)
    (local $at i32)
    (local.set $at (i32.and (i32.add (global.get $heap) (i32.const 7)) (i32.const -8)))
    (global.set $heap (i32.add (local.get $at) (local.get $len)))
    (if (i32.gt_u (global.get $heap) (i32.mul (memory.size) (i32.const 65536)))
      (then (if (i32.eq (memory.grow (i32.add (i32.shr_u (local.get $len) (i32.const 16)) (i32.const 1))) (i32.const -1))
        (then unreachable))))
    (local.get $at))
  (func $free (param $result i32) {free})
  (func $free_nothing (global.set $heap (i32.const 4096)))
  {items}
  (func (export "{f}#configure") (param $config i32) (param $len i32) (result i32) {configure})
  (func (export "{f}#on-handshake") (param $args i32) (result i32) {on_handshake})
  (func (export "{f}#on-handshake-answer") (param $args i32) (result i32) {on_handshake_answer})
  (func (export "{f}#on-reopen") (param $args i32) {on_reopen})
  (func (export "{f}#on-message") (param $session i32) (param $direction i32) (param $kind i32) (param $size i32)
    (param $at i32) (param $len i32) (result i32) {on_message})
  (func (export "{f}#on-message-answer") (param $session i32) (param $direction i32) (param $kind i32) (param $size i32)
    (param $at i32) (param $len i32) {answer} (result i32) {on_message_answer})
  (func (export "{f}#on-upstream") (param $session i32) (param $event i32) (param $time i64) (result i32) {on_upstream})
  (func (export "{f}#on-heartbeat") (param $session i32) (param $direction i32) (result i32) {on_heartbeat})
  (func (export "{f}#on-timer") (param $session i32) (param $timer i32) (result i32) {on_timer})
  (func (export "{f}#on-answer") (param $session i32) {answer} (result i32) {on_answer})
  (func (export "{f}#on-close") (param $session i32) (param $code i32) (param $reason i32) (param $len i32) {on_close})
  {state}
  (export "cabi_post_{f}#configure" (func $free))
  (export "cabi_post_{f}#on-handshake" (func $free))
  (export "cabi_post_{f}#on-message" (func $free))
  (export "cabi_post_{f}#on-handshake-answer" (func $free))
  (export "cabi_post_{f}#on-message-answer" (func $free))
  (export "cabi_post_{f}#on-answer" (func $free))
  (export "cabi_post_{f}#on-reopen" (func $free_nothing))
  (export "cabi_post_{f}#on-close" (func $free_nothing))
)"#
        )
    }
}
