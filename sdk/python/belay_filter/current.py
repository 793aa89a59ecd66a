"""The session that the current event is about.

Outside an event these do nothing. What breaks a limit (64 attributes of at most 256 and 4096 bytes, 32 headers that HTTP
allows, 8 timers) is not done, and fails the event.
"""

from __future__ import annotations

from ._numbers import string, u32, u64
from ._world import current as _current


def attribute(name: str) -> str | None:
    """What filters know of a session, shared along the chain, kept with the session."""
    return _current.attribute(string("name", name))


def set_attribute(name: str, value: str) -> None:
    _current.set_attribute(string("name", name), string("value", value))


def remove_attribute(name: str) -> None:
    _current.remove_attribute(string("name", name))


def set_upstream_header(name: str, value: str) -> None:
    """A header for every later handshake with the backend. An empty value takes it away."""
    _current.set_upstream_header(string("name", name), string("value", value))


def offer_subprotocols(names: list[str]) -> None:
    """What the backend is offered in place of the client's, during `on_handshake`."""
    _current.offer_subprotocols([string("name", name) for name in names])


def default_subprotocol(name: str) -> None:
    """What the client is told if the backend picks none, during `on_handshake`."""
    _current.default_subprotocol(string("name", name))


def set_timer(timer: int, after_ms: int) -> None:
    """Calls `on_timer` after this time, in place of an earlier one of the same number. At most 8 a session."""
    _current.set_timer(u32("timer", timer), u64("after_ms", after_ms))


def cancel_timer(timer: int) -> None:
    _current.cancel_timer(u32("timer", timer))
