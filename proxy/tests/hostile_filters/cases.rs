//! What hostile filters do, and what must come of it.

use crate::guest::{FIRST, Guest};

/// What a client of such a filter meets.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Ending {
    /// Its message comes back.
    Passes,
    /// It is closed with 1011.
    Closed,
    /// It is answered with 503.
    NotLetIn,
}

/// One way to be hostile.
pub(crate) struct Case {
    pub(crate) name: &'static str,
    pub(crate) guest: fn() -> Guest,
    pub(crate) policy: &'static str,
    pub(crate) isolation: &'static str,
    pub(crate) ending: Ending,
    /// A metric that counts it.
    pub(crate) counted: Option<&'static str>,
    /// What the log says of it.
    pub(crate) told: Option<&'static str>,
}

const fn case(name: &'static str, ending: Ending, guest: fn() -> Guest) -> Case {
    Case { name, guest, policy: "deny", isolation: "shared", ending, counted: None, told: None }
}

impl Case {
    const fn allowed(self) -> Self {
        Self { policy: "allow", ending: Ending::Passes, ..self }
    }

    const fn isolated(self) -> Self {
        Self { isolation: "session", ..self }
    }

    const fn counted(self, metric: &'static str) -> Self {
        Self { counted: Some(metric), ..self }
    }

    const fn told(self, words: &'static str) -> Self {
        Self { told: Some(words), ..self }
    }
}

const LOOPS: &str = "(loop $for_ever (br $for_ever)) unreachable";
const PASSES: &str = FIRST;

use Ending::{Closed, NotLetIn, Passes};

pub(crate) const CASES: &[Case] = &[
    case("loops", Closed, || Guest::answering(LOOPS)).counted("deadlines_total").told("still running after 10 ms"),
    case("loops, and may fail", Passes, || Guest::answering(LOOPS)).allowed().counted("deadlines_total"),
    case("loops, an instance each", Closed, || Guest::answering(LOOPS)).isolated().counted("deadlines_total"),
    case("loops at the handshake", NotLetIn, || Guest { on_handshake: LOOPS, ..Guest::default() })
        .counted("deadlines_total"),
    case("loops at the end of sessions", Passes, || Guest {
        on_close: "(loop $for_ever (br $for_ever))",
        ..Guest::default()
    })
    .allowed()
    .counted("deadlines_total"),
    case("recurses", Closed, || Guest {
        items: "(func $down (param i64) (result i64) (i64.add (i64.const 1) (call $down (local.get 0))))",
        ..Guest::answering("(drop (call $down (i64.const 1))) (i32.const 0)")
    })
    .counted("traps_total")
    .told("nest too deep"),
    case("allocates", Closed, || {
        Guest::answering("(loop $more (br_if $more (i32.ne (memory.grow (i32.const 1)) (i32.const -1)))) unreachable")
    })
    .counted("traps_total")
    .told("refused more than 2 MiB"),
    case("takes all memory and keeps it", Passes, || {
        Guest::answering(
            "(loop $more (br_if $more (i32.ne (memory.grow (i32.const 1)) (i32.const -1))))
            (memory.fill (i32.const 0) (i32.const 0) (i32.const 64)) (i32.const 0)",
        )
    }),
    case("grows its table", Passes, || Guest {
        items: "(table $t 1 funcref)",
        ..Guest::answering(
            "(loop $more (br_if $more
              (i32.ne (table.grow $t (ref.null func) (i32.const 1000)) (i32.const -1))))
            (memory.fill (i32.const 0) (i32.const 0) (i32.const 64)) (i32.const 0)",
        )
    }),
    case("floods the log", Closed, || {
        Guest::answering(
            "(loop $more (call $log (i32.const 3) (i32.const 1024) (i32.const 13)) (br $more)) unreachable",
        )
    })
    .counted("log_lines_thinned_total"),
    case("logs what is no text", Closed, || {
        Guest::answering("(call $log (i32.const 1) (i32.const 1056) (i32.const 3)) unreachable")
    })
    .counted("traps_total"),
    case("floods the host", Closed, || Guest::answering("(loop $more (drop (call $now_ms)) (br $more)) unreachable"))
        .counted("traps_total")
        .told("called the host more than 1000 times"),
    case("answers what is no verdict", Closed, || {
        Guest::answering("(i32.store8 (i32.const 0) (i32.const 77)) (i32.const 0)")
    })
    .counted("traps_total"),
    case("answers from beyond its memory", Closed, || Guest::answering("(i32.const -16)")).counted("traps_total"),
    case("has a text end beyond its memory", Closed, || {
        Guest::answering(
            "(i32.store8 (i32.const 0) (i32.const 2)) (i32.store (i32.const 4) (i32.const 65535))
            (i32.store (i32.const 8) (i32.const 10)) (i32.const 0)",
        )
    })
    .counted("traps_total"),
    case("replies with what is no text", Closed, || {
        Guest::answering(
            "(i32.store8 (i32.const 0) (i32.const 3)) (i32.store8 (i32.const 4) (i32.const 0))
            (i32.store (i32.const 8) (i32.const 1056)) (i32.store (i32.const 12) (i32.const 3)) (i32.const 0)",
        )
    })
    .counted("misuses_total")
    .told("not UTF-8"),
    case("closes with a code of its own", Closed, || {
        Guest::answering(
            "(memory.fill (i32.const 0) (i32.const 0) (i32.const 64)) (i32.store8 (i32.const 0) (i32.const 6))
            (i32.store16 (i32.const 4) (i32.const 1005)) (i32.const 0)",
        )
    })
    .counted("misuses_total")
    .told("closed with code 1005"),
    case("refuses with a header that is none", NotLetIn, || Guest {
        on_handshake: "
            (i32.store8 (i32.const 0) (i32.const 1)) (i32.store16 (i32.const 4) (i32.const 429))
            (i32.store (i32.const 8) (i32.const 512)) (i32.store (i32.const 12) (i32.const 1))
            (i32.store (i32.const 16) (i32.const 1024)) (i32.store (i32.const 20) (i32.const 5))
            (i32.store (i32.const 512) (i32.const 1024)) (i32.store (i32.const 516) (i32.const 13))
            (i32.store (i32.const 520) (i32.const 1024)) (i32.store (i32.const 524) (i32.const 5)) (i32.const 0)",
        ..Guest::default()
    })
    .counted("misuses_total"),
    case("refuses with a hundred thousand headers", NotLetIn, || Guest {
        on_handshake: "
            (drop (memory.grow (i32.const 28)))
            (memory.fill (i32.const 0) (i32.const 0) (i32.const 64))
            (i32.store8 (i32.const 0) (i32.const 1)) (i32.store16 (i32.const 4) (i32.const 429))
            (i32.store (i32.const 8) (i32.const 65536)) (i32.store (i32.const 12) (i32.const 100000)) (i32.const 0)",
        ..Guest::default()
    }),
    case("traps on every third call", Passes, || Guest {
        items: "(global $calls (mut i32) (i32.const 0))",
        ..Guest::answering(
            "(global.set $calls (i32.add (global.get $calls) (i32.const 1)))
            (if (i32.eq (global.get $calls) (i32.const 3)) (then unreachable))
            (memory.fill (i32.const 0) (i32.const 0) (i32.const 64)) (i32.const 0)",
        )
    })
    .allowed()
    .counted("traps_total"),
    case("traps at the end of sessions", Passes, || Guest { on_close: "unreachable", ..Guest::default() })
        .allowed()
        .counted("traps_total"),
    case("sets a timer that never stops", Passes, || Guest {
        on_timer: "(call $set_timer (local.get $timer) (i64.const 0))
            (memory.fill (i32.const 0) (i32.const 0) (i32.const 64)) (i32.const 0)",
        ..Guest::answering(
            "(call $set_timer (i32.const 1) (i64.const 0))
            (memory.fill (i32.const 0) (i32.const 0) (i32.const 64)) (i32.const 0)",
        )
    }),
    case("sets timers without end", Closed, || {
        Guest::answering(
            "(local $n i32)
            (loop $more
              (call $set_timer (local.get $n) (i64.const -1))
              (local.set $n (i32.add (local.get $n) (i32.const 1)))
              (br_if $more (i32.lt_u (local.get $n) (i32.const 500))))
            (memory.fill (i32.const 0) (i32.const 0) (i32.const 64)) (i32.const 0)",
        )
    })
    .counted("misuses_total")
    .told("at most 8 timers"),
    case("tells backends a header that is none", Closed, || {
        Guest::answering(
            "(call $set_upstream_header (i32.const 1024) (i32.const 13) (i32.const 1024) (i32.const 5))
            (memory.fill (i32.const 0) (i32.const 0) (i32.const 64)) (i32.const 0)",
        )
    })
    .counted("misuses_total"),
    case("fails, and is slow to come back", Closed, || Guest {
        // Half of a second or so, of the second that `configure` may take; then it traps at each message.
        configure: "
            (local $n i64)
            (loop $more
              (local.set $n (i64.add (local.get $n) (i64.const 1)))
              (br_if $more (i64.lt_u (local.get $n) (i64.const 60000000))))
            (i32.store8 (i32.const 0) (i32.const 0)) (i32.store8 (i32.const 4) (i32.const 3)) (i32.const 0)",
        ..Guest::answering("unreachable")
    })
    .counted("traps_total"),
    case("passes all, to see that nothing was left", Passes, || Guest::answering(PASSES)),
];
