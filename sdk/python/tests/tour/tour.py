"""Tour uses each answer, each event and each of the host's functions: sdk/conformance/tour.yaml is its judge."""

from __future__ import annotations

import time

import belay_filter as belay
from belay_filter import (
    Breaker, CallOut, CalloutError, Close, Direction, Drop, Heartbeat, Interest, Limiter, MessageKind, Prefix, Refuse, Remember,
    Replace, Reply, Send, Subscription, UpstreamKind, current, host, store,
)  # fmt: skip

SAVED_TTL_MS = 60_000


def _why(error: CalloutError) -> str:
    return error.name.lower().replace("_", "-")


def _granted(wait_ms: int) -> str:
    return "yes" if wait_ms == 0 else f"in {wait_ms}"


class Tour(belay.Filter[None]):
    subscription = Subscription(
        to_backend=Interest.WHOLE, to_client=Prefix(8), handshake=True, upstream=True, heartbeat=True, close=True
    )

    def __init__(self, config: object) -> None:
        self.breaker = Breaker("backend", window_ms=60_000, results_min=2, failure_percent=50, open_ms=10_000, probes=1)
        self.limiter = Limiter("takes", tokens=2, period_ms=1000, burst=2)
        self.version = 0
        self.since: int | None = None

    def on_handshake(self, session, handshake):
        match handshake.path:
            case "/refuse":
                return Refuse(403, "not here", {"x-tour": "no"})
            case "/ask":
                token = handshake.header("authorization")
                headers = {} if token is None else {"authorization": token}
                return CallOut(f"http://auth.test/check?{handshake.query}", headers=headers, timeout_ms=1500)
            case "/protocols":
                current.offer_subprotocols([f"tour.{name}" for name in reversed(handshake.subprotocols)])
                current.default_subprotocol("tour")

    def on_handshake_answer(self, session, handshake, answer):
        if isinstance(answer, CalloutError):
            return Refuse(503, _why(answer))
        if answer.status == 307:
            return CallOut("http://auth.test/again")
        if answer.status != 200:
            return Refuse(answer.status)
        if name := answer.header("x-name"):
            who = f"{name} {answer.body.decode()}"
            current.set_attribute("who", who)
            current.set_upstream_header("x-who", who)

    def on_message(self, session, message):
        if message.direction is Direction.TO_CLIENT:
            return self._from_backend(message)
        if message.kind is MessageKind.BINARY:
            return Replace(message.payload[::-1])
        match message.text.split(" ", 1):
            case ["remember"]:
                return Remember()
            case ["drop"]:
                return Drop()
            case ["binary"]:
                return Reply(b"\x00\x01\xff")
            case ["beat"]:
                return Heartbeat()
            case ["ping"]:
                return Heartbeat("pong")
            case ["empty"]:
                return Replace("")
            case ["bye"]:
                return Close(4000, "bye")
            case ["trap"]:
                raise RuntimeError("as it was told")
            case ["ask"]:
                headers = {"content-type": "text/plain"}
                return CallOut("http://judge.test/", "POST", headers, message.payload, 250)
            case ["timers"]:
                for timer, after_ms in [(1, 5000), (2, 10_000), (3, 1000), (3, 20_000)]:
                    current.set_timer(timer, after_ms)
            case ["cancel"]:
                current.cancel_timer(2)
            case ["be", name]:
                current.set_attribute("who", name)
            case ["forget"]:
                current.remove_attribute("who")
            case ["save", value]:
                return Drop() if store.set("saved", value, SAVED_TTL_MS) else Reply("full")
            case ["lose"]:
                store.remove("saved")
                return Drop()
            case ["log"]:
                host.debug("one")
                print("two")
                host.warn("three ç…")
                host.error("four")
                host.count("logged", 4)
                return Drop()
            case _:
                said = self._ask_host(message.text)
                return None if said is None else Reply(said)

    def _ask_host(self, what: str) -> str | None:
        match what:
            case "who":
                return current.attribute("who") or "nobody"
            case "load":
                return (store.get("saved") or b"nothing").decode()
            case "breaker":
                return self.breaker.state.name.lower().replace("_", "-")
            case "other breaker":
                return self.breaker.keyed("other").state.name.lower()
            case "admit":
                return _granted(self.breaker.admit())
            case "take":
                return _granted(self.limiter.take("key"))
            case "file":
                self.version = host.file_version("greeting")
                return (host.read_file("greeting") or b"no file").decode()
            case "same file":
                return "yes" if host.file_version("greeting") == self.version else "no"
            case "clock":
                return str(round(time.time() * 1000))
            case "since":
                before, self.since = self.since, host.now_ms()
                return str(0 if before is None else self.since - before)
            case "dice":
                return str(host.random())
        return None

    def _from_backend(self, message):
        if message.text == "secret":
            return Drop()
        return Reply(f"{message.text} of {message.size}") if message.size > 8 else None

    def on_message_answer(self, session, message, answer):
        if isinstance(answer, CalloutError):
            return Reply(_why(answer))
        return Replace(answer.body) if answer.ok else Drop()

    def on_upstream(self, session, event):
        match event.kind:
            case UpstreamKind.CONNECTED:
                self.breaker.success(event.micros)
            case UpstreamKind.FAILED:
                self.breaker.failure()
            case UpstreamKind.LOST:
                return Send("lost")
            case UpstreamKind.LATENCY:
                return CallOut(f"http://metrics.test/latency/{event.micros}")

    def on_heartbeat(self, session, direction):
        return Send(b"\x07") if direction is Direction.TO_BACKEND else None

    def on_timer(self, session, timer):
        return Close(4002, "timer 3") if timer == 3 else Send(f"timer {timer}")

    def on_answer(self, session, answer):
        return Close(4001, _why(answer)) if isinstance(answer, CalloutError) else Send(f"answered {answer.status}")


Filter, State = belay.component(Tour)
