"""Between this SDK's types and those of the bindings."""

from __future__ import annotations

from typing import Any

from . import answers as a
from ._numbers import string, u16, u32
from ._world import Ok, types
from .events import Answer, CalloutError, CloseReason, Direction, Handshake, Message, MessageKind, Response
from .events import UpstreamEvent, UpstreamKind
from .filter import Filter, Interest, Prefix, Subscription


def payload_bytes(payload: a.Payload) -> bytes:
    if isinstance(payload, str):
        # Halves of surrogate pairs, which JSON can make, are no UTF-8.
        return payload.encode("utf-8", "replace")
    if isinstance(payload, (bytes, bytearray, memoryview)):
        return bytes(payload)
    raise TypeError(f"payload: a str or bytes, not {payload!r}")


def _message(payload: a.Payload) -> Any:
    kind = types.MessageKind.TEXT if isinstance(payload, str) else types.MessageKind.BINARY
    return types.Message(kind, payload_bytes(payload))


def _headers(headers: a.Headers) -> list[Any]:
    pairs = headers.items() if hasattr(headers, "items") else headers
    return [types.Header(string("header", name).lower(), string(f"header {name}", value)) for name, value in pairs]


def _request(asked: a.CallOut) -> Any:
    return types.Request(
        string("method", asked.method),
        string("url", asked.url),
        _headers(asked.headers),
        payload_bytes(asked.body),
        u32("timeout_ms", asked.timeout_ms),
    )


def _reason(close: a.Close) -> Any:
    return types.CloseReason(u16("code", close.code), string("reason", close.reason))


def _wrong(event: str, what: str, answer: object) -> TypeError:
    return TypeError(f"{event}: the answer is {what} or None, not {answer!r}")


def admission(event: str, answer: a.Admission) -> Any:
    match answer:
        case None:
            return types.Admission_Accept()
        case a.Refuse():
            refusal = types.Refusal(u16("status", answer.status), _headers(answer.headers), string("body", answer.body))
            return types.Admission_Refuse(refusal)
        case a.CallOut():
            return types.Admission_CallOut(_request(answer))
    raise _wrong(event, "a Refuse, a CallOut", answer)


def verdict(event: str, answer: a.Verdict) -> Any:
    match answer:
        case None | a.Continue():
            return types.Verdict_Continue()
        case a.Remember():
            return types.Verdict_Remember()
        case a.Replace():
            return types.Verdict_Replace(payload_bytes(answer.payload))
        case a.Reply():
            return types.Verdict_Reply(_message(answer.payload))
        case a.Drop():
            return types.Verdict_Drop()
        case a.Heartbeat():
            return types.Verdict_Heartbeat(None if answer.payload is None else _message(answer.payload))
        case a.Close():
            return types.Verdict_Close(_reason(answer))
        case a.CallOut():
            return types.Verdict_CallOut(_request(answer))
    raise _wrong(event, "a verdict", answer)


def reaction(event: str, answer: a.Reaction) -> Any:
    match answer:
        case None:
            return types.Reaction_None_()
        case a.Send():
            return types.Reaction_Send(_message(answer.payload))
        case a.Close():
            return types.Reaction_Close(_reason(answer))
        case a.CallOut():
            return types.Reaction_CallOut(_request(answer))
    raise _wrong(event, "a Send, a Close, a CallOut", answer)


def subscription(filter: Filter[Any]) -> Any:
    asked: Subscription = filter.subscription
    wanted = types.Events(0)
    # What is kept of a session has to be forgotten at its end.
    keeps = asked.handshake or type(filter).new_session is not Filter.new_session
    for flag, name in [
        (asked.handshake, "HANDSHAKE"),
        (asked.upstream, "UPSTREAM"),
        (asked.heartbeat, "HEARTBEAT"),
        (asked.close or keeps, "CLOSE"),
    ]:
        if flag:
            wanted |= types.Events[name]
    return types.Subscription(_interest(asked.to_backend), _interest(asked.to_client), wanted)


def _interest(interest: Interest | Prefix) -> Any:
    match interest:
        case Prefix(bytes):
            return types.Interest_Prefix(u32("prefix", bytes))
        case Interest.IGNORE:
            return types.Interest_Ignore()
        case Interest.SIZE:
            return types.Interest_Size()
        case Interest.WHOLE:
            return types.Interest_Whole()
    raise TypeError(f"subscription: an Interest or a Prefix, not {interest!r}")


def _pairs(headers: list[Any]) -> list[tuple[str, str]]:
    return [(header.name, header.value) for header in headers]


def handshake(raw: Any) -> Handshake:
    return Handshake(
        raw.session_id, raw.route, raw.peer_address, raw.peer_port, raw.host, raw.path, raw.query, _pairs(raw.headers),
        raw.subprotocols,
    )  # fmt: skip


def direction(raw: Any) -> Direction:
    return Direction(raw.value)


def message(direction: Any, kind: Any, size: int, payload: bytes) -> Message:
    return Message(Direction(direction.value), MessageKind(kind.value), size, payload)


def answer(raw: Any) -> Answer:
    if isinstance(raw, Ok):
        return Response(raw.value.status, _pairs(raw.value.headers), raw.value.body)
    return CalloutError(raw.value.value)


def upstream_event(raw: Any) -> UpstreamEvent:
    match raw:
        case types.UpstreamEvent_Connected():
            return UpstreamEvent(UpstreamKind.CONNECTED, raw.value)
        case types.UpstreamEvent_Latency():
            return UpstreamEvent(UpstreamKind.LATENCY, raw.value)
        case types.UpstreamEvent_Failed():
            return UpstreamEvent(UpstreamKind.FAILED)
    return UpstreamEvent(UpstreamKind.LOST)


def close_reason(raw: Any) -> CloseReason:
    return CloseReason(raw.code, raw.reason)
