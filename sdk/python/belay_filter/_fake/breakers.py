"""Circuit breakers of the fake host."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum
from typing import Any

from .stage import stage


@dataclass
class _Closed:
    results: list[tuple[int, bool]] = field(default_factory=list)


@dataclass
class _Open:
    until: int


@dataclass
class _HalfOpen:
    probes: list[int] = field(default_factory=list)
    successes: int = 0


@dataclass
class _Breaker:
    name: str
    settings: Any
    state: Any = field(default_factory=_Closed)


def _at(number: int) -> _Breaker:
    found = stage.breakers[number]
    if isinstance(found.state, _Open) and found.state.until <= stage.now_ms:
        found.state = _HalfOpen()
    return found


def _place(name: str, settings: Any) -> int:
    for number, known in enumerate(stage.breakers):
        if known.name == name:
            return number
    stage.breakers.append(_Breaker(name, settings))
    return len(stage.breakers) - 1


def _result(number: int, failed: bool) -> None:
    found = _at(number)
    settings = found.settings
    match found.state:
        case _HalfOpen() as half_open:
            del half_open.probes[:1]
            half_open.successes += 1
            if failed:
                found.state = _Open(stage.now_ms + settings.open_ms)
            elif half_open.successes >= settings.probes:
                found.state = _Closed()
        case _Closed() as closed:
            closed.results = [each for each in closed.results if stage.now_ms - each[0] < settings.window_ms]
            closed.results.append((stage.now_ms, failed))
            failures = sum(bad for _, bad in closed.results)
            enough = len(closed.results) >= settings.results_min
            if enough and failures * 100 >= settings.failure_percent * len(closed.results):
                found.state = _Open(stage.now_ms + settings.open_ms)


class Breakers:
    """The interface `breaker`."""

    State = Enum("State", {"CLOSED": 0, "OPEN": 1, "HALF_OPEN": 2})

    @dataclass
    class Settings:
        window_ms: int
        results_min: int
        failure_percent: int
        slow_ms: int
        open_ms: int
        probes: int

    error: type
    only_configuring: Any

    @classmethod
    def define(cls, name: str, settings: Any) -> int:
        cls.only_configuring()
        return _place(name, settings)

    @staticmethod
    def keyed(number: int, key: str) -> int:
        known = stage.breakers[number]
        return _place(f"{known.name}\0{key}", known.settings)

    @classmethod
    def admit(cls, number: int) -> None:
        found = _at(number)
        match found.state:
            case _Open(until):
                raise cls.error(until - stage.now_ms)
            case _HalfOpen() as half_open:
                half_open.probes = [at for at in half_open.probes if stage.now_ms - at < found.settings.open_ms]
                if len(half_open.probes) >= found.settings.probes:
                    raise cls.error(found.settings.open_ms - (stage.now_ms - half_open.probes[0]))
                half_open.probes.append(stage.now_ms)

    @staticmethod
    def success(number: int, latency_micros: int) -> None:
        slow_ms = stage.breakers[number].settings.slow_ms
        _result(number, 0 < slow_ms * 1000 < latency_micros)

    @staticmethod
    def failure(number: int) -> None:
        _result(number, True)

    @classmethod
    def peek(cls, number: int) -> Any:
        return {_Closed: cls.State.CLOSED, _Open: cls.State.OPEN, _HalfOpen: cls.State.HALF_OPEN}[type(_at(number).state)]
