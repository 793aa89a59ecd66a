"""The world's imports for tests, in the shapes that componentize-py's bindings have."""

from __future__ import annotations

import math
from dataclasses import dataclass, make_dataclass
from enum import Enum, Flag, auto
from types import SimpleNamespace
from typing import Any

from . import breakers
from .stage import stage


@dataclass
class Ok:
    value: Any


@dataclass(frozen=True)
class Err(Exception):
    value: Any


def _case(name: str, *fields: str) -> type:
    return make_dataclass(name, fields)


class _Events(Flag):
    HANDSHAKE = auto()
    UPSTREAM = auto()
    HEARTBEAT = auto()
    CLOSE = auto()


_RECORDS = {
    "Header": ["name", "value"],
    "Handshake": ["session_id", "route", "peer_address", "peer_port", "host", "path", "query", "headers", "subprotocols"],
    "Refusal": ["status", "headers", "body"],
    "Request": ["method", "url", "headers", "body", "timeout_ms"],
    "Response": ["status", "headers", "body"],
    "Message": ["kind", "payload"],
    "CloseReason": ["code", "reason"],
    "Subscription": ["to_backend", "to_client", "events"],
}
_EMPTY_CASES = [
    "Admission_Accept", "Verdict_Continue", "Verdict_Remember", "Verdict_Drop", "Reaction_None_", "UpstreamEvent_Failed",
    "UpstreamEvent_Lost", "Interest_Ignore", "Interest_Size", "Interest_Whole",
]  # fmt: skip
_CASES = [
    "Admission_Refuse", "Admission_CallOut", "Verdict_Replace", "Verdict_Reply", "Verdict_Heartbeat", "Verdict_Close",
    "Verdict_CallOut", "Reaction_Send", "Reaction_Close", "Reaction_CallOut", "UpstreamEvent_Connected",
    "UpstreamEvent_Latency", "Interest_Prefix",
]  # fmt: skip

types = SimpleNamespace(
    Direction=Enum("Direction", {"TO_BACKEND": 0, "TO_CLIENT": 1}),
    MessageKind=Enum("MessageKind", {"TEXT": 0, "BINARY": 1}),
    CalloutError=Enum("CalloutError", {"FORBIDDEN": 0, "BUSY": 1, "TIMEOUT": 2, "UNREACHABLE": 3, "TOO_LARGE": 4}),
    Events=_Events,
    **{name: _case(name, *fields) for name, fields in _RECORDS.items()},
    **{name: _case(name) for name in _EMPTY_CASES},
    **{name: _case(name, "value") for name in _CASES},
)


class host:
    Level = Enum("Level", {"DEBUG": 0, "INFO": 1, "WARN": 2, "ERROR": 3})

    @staticmethod
    def log(level: Any, text: str) -> None:
        stage.log.append((level.name.lower(), text))

    @staticmethod
    def now_ms() -> int:
        return stage.now_ms

    @staticmethod
    def unix_ms() -> int:
        return stage.unix_ms

    @staticmethod
    def random() -> int:
        # xorshift64: the same in each run.
        x = stage.randomness
        x ^= (x << 13) & (2**64 - 1)
        x ^= x >> 7
        x ^= (x << 17) & (2**64 - 1)
        stage.randomness = x
        return x

    @staticmethod
    def count(name: str, by: int) -> None:
        stage.counters[name] = stage.counters.get(name, 0) + by

    @staticmethod
    def read_file(name: str) -> bytes | None:
        return stage.files[name][0] if name in stage.files else None

    @staticmethod
    def file_version(name: str) -> int:
        return stage.files[name][1] if name in stage.files else 0


class current:
    @staticmethod
    def attribute(name: str) -> str | None:
        return stage.facts.attributes.get(name)

    @staticmethod
    def set_attribute(name: str, value: str) -> None:
        stage.facts.attributes[name] = value

    @staticmethod
    def remove_attribute(name: str) -> None:
        stage.facts.attributes.pop(name, None)

    @staticmethod
    def set_upstream_header(name: str, value: str) -> None:
        if value:
            stage.facts.upstream_headers[name.lower()] = value
        else:
            stage.facts.upstream_headers.pop(name.lower(), None)

    @staticmethod
    def offer_subprotocols(names: list[str]) -> None:
        stage.facts.subprotocols = names

    @staticmethod
    def default_subprotocol(name: str) -> None:
        stage.facts.default_subprotocol = name

    @staticmethod
    def set_timer(timer: int, after_ms: int) -> None:
        stage.facts.timers[timer] = stage.now_ms + after_ms

    @staticmethod
    def cancel_timer(timer: int) -> None:
        stage.facts.timers.pop(timer, None)


def only_configuring() -> None:
    if not stage.configuring:
        raise Err("only during configure")


class limiter:
    @dataclass
    class Quota:
        tokens: int
        period_ms: int
        burst: int

    @staticmethod
    def define(name: str, quota: Any) -> int:
        only_configuring()
        if 0 in (quota.tokens, quota.period_ms, quota.burst):
            raise Err("tokens, period-ms and burst are 1 at least")
        stage.limiters.setdefault(name, (quota, {}))
        return list(stage.limiters).index(name)

    @staticmethod
    def take(number: int, key: str, tokens: int) -> None:
        quota, buckets = list(stage.limiters.values())[number]
        if tokens > quota.burst:
            raise Err(2**64 - 1)
        ms_per_token = quota.period_ms / quota.tokens
        level, at = buckets.get(key, (quota.burst, stage.now_ms))
        level = min(quota.burst, level + (stage.now_ms - at) / ms_per_token)
        # A clock of whole milliseconds leaves nothing but rounding below this.
        if level + 1e-9 < tokens:
            raise Err(math.ceil((tokens - level) * ms_per_token))
        buckets[key] = (level - tokens, stage.now_ms)


class breaker(breakers.Breakers):
    error = Err
    only_configuring = staticmethod(only_configuring)


class store:
    @staticmethod
    def get(key: str) -> bytes | None:
        value, until = stage.store.get(key, (None, 0))
        if until <= stage.now_ms:
            stage.store.pop(key, None)
            return None
        return value

    @staticmethod
    def set(key: str, value: bytes, ttl_ms: int) -> bool:
        stage.store[key] = (value, stage.now_ms + ttl_ms)
        return True

    @staticmethod
    def remove(key: str) -> None:
        stage.store.pop(key, None)

    @staticmethod
    def add(key: str, by: int, ttl_ms: int) -> int:
        before = store.get(key) or b""
        total = by + (int.from_bytes(before, "little", signed=True) if len(before) == 8 else 0)
        store.set(key, total.to_bytes(8, "little", signed=True), ttl_ms)
        return total
