"""Sends events, and gives back answers in this SDK's own types: `Continue()`, `Replace("…")`, `Refuse(400, "…")`, None."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any

from .. import answers as a
from ..component import component
from ..events import Answer, CalloutError, Direction, Handshake, Response
from ..filter import Filter
from .._fake.stage import Facts, stage
from .._fake.world import Err, Ok, types


@dataclass(frozen=True)
class TimerFired:
    """A timer that became due, and its answer."""

    timer: int
    session_id: str
    answer: a.Reaction


class Bench:
    """One at a time: a new one begins with an empty host. Raises what the filter says to its config as a ValueError."""

    def __init__(self, cls: type[Filter[Any]], config: object = None) -> None:
        stage.clear()
        self._cls = cls
        self._clients: dict[int, Client] = {}
        self._begun = 0
        self._start(config)

    def _start(self, config: object) -> None:
        exports, state = component(self._cls)
        filter = exports()
        stage.configuring = True
        try:
            self._subscription = filter.configure(json.dumps(config))
        except Err as error:
            raise ValueError(error.value) from error.__cause__
        finally:
            stage.configuring = False
        self._filter, self._state = filter, state()

    def hears(self, event: str) -> bool:
        """Whether the filter subscribed to `handshake`, `upstream`, `heartbeat` or `close`."""
        return types.Events[event.upper()] in self._subscription.events

    def connect(
        self,
        target: str = "/",
        *,
        headers: dict[str, str] | None = None,
        peer: str = "192.0.2.1",
        peer_port: int = 40000,
        route: str = "chat",
        subprotocols: list[str] | None = None,
    ) -> Client:
        """A client comes. Whether it was let in says its `admission`: None, a Refuse or a CallOut."""
        path, _, query = target.partition("?")
        pairs = [(name.lower(), value) for name, value in (headers or {}).items()]
        self._begun += 1
        handshake = Handshake(
            f"session-{self._begun}", route, peer, peer_port, dict(pairs).get("host", ""), path, query, pairs, subprotocols or []
        )
        number = next(number for number in range(self._begun) if number not in self._clients)
        client = self._clients[number] = Client(self, number, handshake)
        if self.hears("handshake"):
            client.admission = client._call("on_handshake", client._raw_handshake())
        return client

    def advance(self, ms: int) -> list[TimerFired]:
        """Time passes. The timers that became due, in order."""
        end, fired = stage.now_ms + ms, []
        while True:
            due = [(at, timer, client) for client in self._clients.values() for timer, at in client.facts.timers.items() if at <= end]
            if not due:
                break
            at, timer, client = min(due, key=lambda each: each[0])
            _move(at - stage.now_ms)
            del client.facts.timers[timer]
            fired.append(TimerFired(timer, client.handshake.session_id, client._call("on_timer", timer)))
        _move(end - stage.now_ms)
        return fired

    def reload(self, config: object = None) -> list[str]:
        """Another instance takes over, with what `snapshot` gives. The complaints of `restore`."""
        old = self._state
        self._start(config)
        complaints = []
        for number, client in self._clients.items():
            kept = old.snapshot(number)
            stage.facts = client.facts
            if kept is not None:
                try:
                    self._state.restore(number, client._raw_handshake(), kept)
                    continue
                except Err as error:
                    complaints.append(error.value)
            if self.hears("handshake"):
                self._filter.on_reopen(number, client._raw_handshake())
        return complaints

    @property
    def log(self) -> list[tuple[str, str]]:
        """All lines so far, as (level, text). Clearing the list forgets them."""
        return stage.log

    def counter(self, name: str) -> int | None:
        return stage.counters.get(name)

    def set_file(self, name: str, content: bytes | None) -> None:
        """A file of the YAML's `files`; None takes it away."""
        version = stage.files[name][1] + 1 if name in stage.files else 1
        if content is None:
            stage.files.pop(name, None)
        else:
            stage.files[name] = (content, version)


def _move(ms: int) -> None:
    stage.now_ms += ms
    stage.unix_ms += ms


@dataclass
class Client:
    """A session."""

    bench: Bench
    number: int
    handshake: Handshake
    admission: a.Admission = None
    facts: Facts = field(default_factory=Facts)
    _asked: tuple[Any, ...] = ()

    def to_backend(self, payload: a.Payload) -> a.Verdict:
        """The client says this."""
        return self._message(Direction.TO_BACKEND, payload)

    def to_client(self, payload: a.Payload) -> a.Verdict:
        """The backend says this."""
        return self._message(Direction.TO_CLIENT, payload)

    def _message(self, direction: Direction, payload: a.Payload) -> a.Verdict:
        subscription = self.bench._subscription
        interest = subscription.to_backend if direction is Direction.TO_BACKEND else subscription.to_client
        kind = types.MessageKind.TEXT if isinstance(payload, str) else types.MessageKind.BINARY
        whole = payload.encode() if isinstance(payload, str) else bytes(payload)
        seen = {"Interest_Whole": len(whole), "Interest_Prefix": getattr(interest, "value", 0)}.get(type(interest).__name__, 0)
        self._asked = (types.Direction(direction.value), kind, len(whole), whole[:seen])
        return self._call("on_message", *self._asked)

    def upstream(self, kind: str, micros: int | None = None) -> a.Reaction:
        """`connected` or `latency` with a time, `failed` or `lost` without one."""
        case = getattr(types, f"UpstreamEvent_{kind.capitalize()}")
        return self._call("on_upstream", case() if micros is None else case(micros))

    def heartbeat(self, direction: Direction = Direction.TO_BACKEND) -> a.Reaction:
        return self._call("on_heartbeat", types.Direction(direction.value))

    def answer_handshake(self, answer: Answer) -> a.Admission:
        """Answers what `on_handshake` asked."""
        self.admission = self._call("on_handshake_answer", self._raw_handshake(), _raw_answer(answer))
        return self.admission

    def answer_message(self, answer: Answer) -> a.Verdict:
        """Answers what the last message asked."""
        return self._call("on_message_answer", *self._asked, _raw_answer(answer))

    def answer(self, answer: Answer) -> a.Reaction:
        """Answers what a reaction asked."""
        return self._call("on_answer", _raw_answer(answer))

    def close(self, code: int = 1000, reason: str = "") -> None:
        if self.bench.hears("close"):
            self._call("on_close", types.CloseReason(code, reason))
        del self.bench._clients[self.number]

    @property
    def attributes(self) -> dict[str, str]:
        return self.facts.attributes

    @property
    def upstream_headers(self) -> dict[str, str]:
        return self.facts.upstream_headers

    @property
    def timers(self) -> dict[int, int]:
        """In how many milliseconds they are due."""
        return {timer: at - stage.now_ms for timer, at in self.facts.timers.items()}

    def _raw_handshake(self) -> Any:
        h = self.handshake
        headers = [types.Header(name, value) for name, value in h.headers]
        return types.Handshake(
            h.session_id, h.route, h.peer_address, h.peer_port, h.host, h.path, h.query, headers, h.subprotocols
        )

    def _call(self, name: str, *given: Any) -> Any:
        stage.facts = self.facts
        try:
            return _readable(getattr(self.bench._filter, name)(self.number, *given))
        finally:
            stage.facts = Facts()


def _raw_answer(answer: Answer) -> Any:
    if isinstance(answer, CalloutError):
        return Err(types.CalloutError(answer.value))
    assert isinstance(answer, Response)
    return Ok(types.Response(answer.status, [types.Header(*pair) for pair in answer.headers], answer.body))


def _said(message: Any) -> a.Payload:
    return message.payload.decode() if message.kind is types.MessageKind.TEXT else message.payload


def _text_if_it_is(payload: bytes) -> a.Payload:
    try:
        return payload.decode()
    except UnicodeDecodeError:
        return payload


def _readable(raw: Any) -> Any:
    """An answer as this SDK has it. What a Replace holds is a str if it is one."""
    case, value = type(raw).__name__.partition("_")[2], getattr(raw, "value", None)
    match case:
        case "Replace":
            return a.Replace(_text_if_it_is(value))
        case "Reply":
            return a.Reply(_said(value))
        case "Send":
            return a.Send(_said(value))
        case "Heartbeat":
            return a.Heartbeat(None if value is None else _said(value))
        case "Close":
            return a.Close(value.code, value.reason)
        case "Refuse":
            return a.Refuse(value.status, value.body, {header.name: header.value for header in value.headers})
        case "CallOut":
            headers = {header.name: header.value for header in value.headers}
            return a.CallOut(value.url, value.method, headers, _text_if_it_is(value.body), value.timeout_ms)
    return {"Continue": a.Continue(), "Remember": a.Remember(), "Drop": a.Drop()}.get(case)
