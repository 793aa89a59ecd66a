"""Token buckets with a key each, shared by all workers of the process."""

from __future__ import annotations

from ._numbers import string, u32, u64
from ._world import Err
from ._world import limiter as _limiter

NEVER = 2**64 - 1
"""How long to wait for more tokens than the burst."""


class Limiter:
    """`tokens` come back in each `period_ms`, and `burst` may be taken at once. Made in a filter's `__init__`.

    The same name means the same buckets in every instance of this filter.
    """

    def __init__(self, name: str, *, tokens: int, period_ms: int, burst: int) -> None:
        quota = _limiter.Quota(u32("tokens", tokens), u64("period_ms", period_ms), u32("burst", burst))
        try:
            self._limiter = _limiter.define(string("name", name), quota)
        except Err as error:
            raise ValueError(error.value) from None

    def take(self, key: str, tokens: int = 1) -> int:
        """Takes tokens, all or none: 0, or after how many milliseconds they would be there (`NEVER`)."""
        try:
            _limiter.take(self._limiter, string("key", key), u32("tokens", tokens))
            return 0
        except Err as error:
            return max(1, error.value)

    def try_take(self, key: str, tokens: int = 1) -> bool:
        """Whether they were taken."""
        return self.take(key, tokens) == 0
