"""A filter whose handlers each test writes, in the fake host."""

import pytest
from belay_filter import (
    Breaker, BreakerState, CallOut, CalloutError, Close, Continue, Drop, Filter, Heartbeat, Interest, Limiter, NEVER, Prefix,
    Refuse, Remember, Replace, Reply, Response, Send, Subscription, current, host, store,
)  # fmt: skip
from belay_filter.testing import Bench, TimerFired


def puppet(**does):
    """A filter that subscribes to everything and does this."""

    class Puppet(Filter):
        subscription = Subscription(
            to_backend=Interest.WHOLE, to_client=Prefix(4), handshake=True, upstream=True, heartbeat=True, close=True
        )

        def new_session(self):
            return []

    for name, handler in does.items():
        setattr(Puppet, name, handler)
    return Puppet


def client(**does):
    return Bench(puppet(**does)).connect()


def test_a_filter_that_says_nothing_lets_everything_pass():
    silent = Bench(Filter).connect()
    answers = [silent.admission, silent.to_backend("x"), silent.upstream("lost"), silent.upstream("latency", 5), silent.heartbeat()]
    assert answers == [None, Continue(), None, None, None]
    assert not any(silent.bench.hears(event) for event in ("handshake", "upstream", "heartbeat", "close"))


@pytest.mark.parametrize(
    "verdict",
    [
        Continue(), Remember(), Drop(), Replace("ça"), Reply("no"), Reply(b"\xff"), Heartbeat(), Heartbeat("pong"), Close(1008, "why"),
        CallOut("http://a/", "POST", {"x-a": "1"}, "body", 50),
    ],
)  # fmt: skip
def test_each_verdict_reaches_the_host(verdict):
    assert client(on_message=lambda *_: verdict).to_backend("x") == verdict


def test_a_character_that_a_prefix_cuts_is_no_text():
    def on_message(self, seen, message):
        seen.append((message.direction.name, message.kind.name, message.size, message.text, message.json))

    def on_close(self, seen, reason):
        host.info(f"{seen} {reason.code}")

    ann = client(on_message=on_message, on_close=on_close)
    ann.to_backend("[1]")
    ann.to_client("çaç")
    ann.to_backend(b"\1")
    ann.close(1001)
    seen = [("TO_BACKEND", "TEXT", 3, "[1]", [1]), ("TO_CLIENT", "TEXT", 5, None, None), ("TO_BACKEND", "BINARY", 1, None, None)]
    assert ann.bench.log == [("info", f"{seen} 1001")]


def test_what_is_called_out_for_is_answered_whatever_comes_of_it():
    def on_handshake_answer(self, session, handshake, answer):
        match answer:
            case Response(ok=True):
                return None
            case Response(status=status):
                return Refuse(status)
            case error:
                return Refuse(503, f"{error.name} at {handshake.path}")

    ann = client(
        on_handshake=lambda *_: CallOut("http://auth/"),
        on_handshake_answer=on_handshake_answer,
        on_message=lambda *_: CallOut("http://moderation/"),
        on_message_answer=lambda _, session, message, answer: Replace(f"{message.text} {answer.header('X-B')}"),
        on_answer=lambda _, session, answer: Send(answer.name),
    )
    assert ann.admission == CallOut("http://auth/", body="")
    assert ann.answer_handshake(CalloutError.TIMEOUT) == Refuse(503, "TIMEOUT at /")
    assert ann.answer_handshake(Response(403, [], b"")) == Refuse(403)
    assert ann.answer_handshake(Response(204, [], b"")) is None
    ann.to_backend("hi")
    assert ann.answer_message(Response(200, [("x-b", "2")], b"")) == Replace("hi 2")
    assert ann.answer(CalloutError.TOO_LARGE) == Send("TOO_LARGE")


def test_timers_are_called_at_their_time():
    def on_handshake(self, session, handshake):
        for timer, after_ms in [(1, 200), (2, 100), (3, 50)]:
            current.set_timer(timer, after_ms)
        current.cancel_timer(3)

    bench = Bench(puppet(on_handshake=on_handshake, on_timer=lambda _, session, timer: Send("two") if timer == 2 else Close(4000)))
    ann = bench.connect()
    assert ann.timers == {1: 200, 2: 100}
    name = ann.handshake.session_id
    assert bench.advance(200) == [TimerFired(2, name, Send("two")), TimerFired(1, name, Close(4000))]


def test_a_limiter_says_how_long_to_wait_and_what_is_never_granted():
    def init(self, config):
        self.limiter = Limiter("l", tokens=1, period_ms=1000, burst=2)

    ann = client(__init__=init, on_message=lambda self, *_: Reply(str([self.limiter.take("k", n) for n in (2, 1, 3)])))
    assert ann.to_backend("x") == Reply(str([0, 1000, NEVER]))


def test_a_breaker_opens_probes_and_closes_each_key_for_itself():
    def init(self, config):
        settings = {"window_ms": 10_000, "results_min": 2, "failure_percent": 50, "slow_ms": 10, "open_ms": 1000, "probes": 1}
        self.breaker = Breaker("b", **settings)

    def on_message(self, session, message):
        breaker = self.breaker.keyed("k")
        {"fail": breaker.failure, "slow": lambda: breaker.success(10_001), "well": lambda: breaker.success(10)}.get(
            message.text, lambda: None
        )()
        assert self.breaker.state is BreakerState.CLOSED
        return Reply(f"{breaker.state.name} {breaker.admit()}")

    bench = Bench(puppet(__init__=init, on_message=on_message))
    ann = bench.connect()
    assert ann.to_backend("slow") == Reply("CLOSED 0")
    assert ann.to_backend("fail") == Reply("OPEN 1000")
    bench.advance(1000)
    assert [ann.to_backend("?") for _ in range(2)] == [Reply("HALF_OPEN 0"), Reply("HALF_OPEN 1000")]
    assert ann.to_backend("well") == Reply("CLOSED 0")


def test_the_store_keeps_adds_and_forgets():
    def on_message(self, session, message):
        store.set("a", "ça", 100)
        known = [store.get("a"), store.get("b"), store.add("n", 2, 100), store.add("n", -5, 100), len(store.get("n"))]
        return Reply(str(known))

    ann = client(on_message=on_message)
    for _ in range(2):
        assert ann.to_backend("x") == Reply(str(["ça".encode(), None, 2, -3, 8]))
        ann.bench.advance(100)


def test_files_attributes_headers_and_subprotocols():
    def on_handshake(self, session, handshake):
        current.set_attribute("user", "ann")
        current.set_attribute("gone", "x")
        current.remove_attribute("gone")
        current.set_upstream_header("X-User", current.attribute("user"))
        current.offer_subprotocols(["v2"])
        current.default_subprotocol("v1")

    ann = client(on_handshake=on_handshake, on_message=lambda *_: Reply(f"{host.read_file('keys')} {host.file_version('keys')}"))
    assert (ann.attributes, ann.upstream_headers) == ({"user": "ann"}, {"x-user": "ann"})
    assert (ann.facts.subprotocols, ann.facts.default_subprotocol) == (["v2"], "v1")
    assert ann.to_backend("x") == Reply("None 0")
    ann.bench.set_file("keys", b"secret")
    assert ann.to_backend("x") == Reply("b'secret' 1")


@pytest.mark.parametrize(
    "wrong",
    [
        lambda: current.set_timer(-1, 5), lambda: current.set_timer(1, 1.5), lambda: host.count("x", -1),
        lambda: store.add("k", 2**63, 1), lambda: host.info(7), lambda: Replace(7), lambda: Close("x"), lambda: "a text",
    ],
)  # fmt: skip
def test_what_the_host_cannot_be_given_is_an_error_and_is_logged_where_it_was_made(wrong):
    ann = client(on_message=lambda *_: wrong())
    with pytest.raises((TypeError, ValueError)):
        ann.to_backend("x")
    level, text = ann.bench.log[0]
    assert level == "error" and text.startswith("on_message: Traceback")


def test_what_a_filter_does_not_restore_is_opened_again():
    def restore(self, handshake, state):
        raise ValueError(f"unknown: {state}")

    ann = client(
        snapshot=lambda *_: "old",
        restore=restore,
        on_reopen=lambda _, session, handshake: session.append("again"),
        on_message=lambda _, session, message: Reply(session[0]),
    )
    assert ann.bench.reload() == ["unknown: b'old'"]
    assert ann.to_backend("x") == Reply("again")
