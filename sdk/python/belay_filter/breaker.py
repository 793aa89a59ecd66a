"""Circuit breakers, shared by all workers of the process."""

from __future__ import annotations

from enum import Enum

from ._numbers import string, u32, u64
from ._world import Err
from ._world import breaker as _breaker


class BreakerState(Enum):
    CLOSED = 0
    OPEN = 1
    HALF_OPEN = 2


class KeyedBreaker:
    """The breaker of a key."""

    def __init__(self, number: int) -> None:
        self._breaker = number

    def keyed(self, key: str) -> KeyedBreaker:
        """The breaker of this key, with the same settings and apart from it. Beyond 1024 keys it stands in itself."""
        return KeyedBreaker(_breaker.keyed(self._breaker, string("key", key)))

    def admit(self) -> int:
        """May this go to the backend? 0, or after how many milliseconds a probe may."""
        try:
            _breaker.admit(self._breaker)
            return 0
        except Err as error:
            return max(1, error.value)

    def success(self, latency_micros: int) -> None:
        """What came of something sent to the backend, admitted or not."""
        _breaker.success(self._breaker, u64("latency_micros", latency_micros))

    def failure(self) -> None:
        _breaker.failure(self._breaker)

    @property
    def state(self) -> BreakerState:
        """Without taking a probe's place."""
        return BreakerState(_breaker.peek(self._breaker).value)


class Breaker(KeyedBreaker):
    """Looks back for `window_ms`, says nothing before `results_min` results, opens at `failure_percent` failures.

    A success slower than `slow_ms` counts as a failure (0: never). Stays open for `open_ms`, then lets `probes` through at a
    time; so many successes in a row close it. Made in a filter's `__init__`.
    """

    def __init__(
        self, name: str, *, window_ms: int, results_min: int, failure_percent: int, open_ms: int, probes: int, slow_ms: int = 0
    ) -> None:
        settings = _breaker.Settings(
            u64("window_ms", window_ms),
            u32("results_min", results_min),
            u32("failure_percent", failure_percent),
            u64("slow_ms", slow_ms),
            u64("open_ms", open_ms),
            u32("probes", probes),
        )
        try:
            super().__init__(_breaker.define(string("name", name), settings))
        except Err as error:
            raise ValueError(error.value) from None
