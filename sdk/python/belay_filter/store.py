"""A small table of the filter's own, shared by all workers of the process, bounded in entries and bytes."""

from __future__ import annotations

from ._numbers import s64, string, u64
from ._world import store as _store


def get(key: str) -> bytes | None:
    return _store.get(string("key", key))


def set(key: str, value: bytes | str, ttl_ms: int) -> bool:  # noqa: A001
    """False when the table is full."""
    return _store.set(string("key", key), value.encode() if isinstance(value, str) else bytes(value), u64("ttl_ms", ttl_ms))


def remove(key: str) -> None:
    _store.remove(string("key", key))


def add(key: str, by: int, ttl_ms: int) -> int:
    """Adds to a number (absent: 0) and gives the sum; the time to live starts anew. To `get` it is eight bytes, little endian."""
    return _store.add(string("key", key), s64("by", by), u64("ttl_ms", ttl_ms))
