"""Makes the world's exports of a class: keeps the sessions' table, shapes what goes in and out, and sees that an exception is
read by somebody before it becomes a trap."""

from __future__ import annotations

import functools
import json
import traceback
from collections.abc import Callable
from typing import Any

from . import _shapes as shapes
from . import host
from ._environment import furnish
from ._world import Err
from .config import ConfigError
from .filter import Filter


def component(cls: type[Filter[Any]]) -> tuple[type, type]:
    """The exports of a filter's component, under the names that componentize-py looks for:
    `Filter, State = component(YourFilter)`, in the module that is built."""
    made = _Made(cls)
    # componentize-py makes an object of each class.
    return _exported("Filter", made), _exported("State", made)


def _exported(name: str, made: _Made) -> type:
    return type(name, (), {method: getattr(made, method) for method in dir(made) if not method.startswith("_")})


def _told(handle: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(handle)
    def telling(*given: Any) -> Any:
        try:
            return handle(*given)
        except Exception:
            host.error(f"{handle.__name__}: {traceback.format_exc()}")
            raise

    return telling


def _complaint(error: Exception) -> Err[str]:
    """An exception of the filter's own making is its text alone; any other says what it is."""
    plain = type(error) in (ConfigError, ValueError)
    return Err(str(error) if plain else f"{type(error).__name__}: {error}")


class _Made:
    """The functions of both interfaces, bound to one filter."""

    def __init__(self, cls: type[Filter[Any]]) -> None:
        self._cls = cls
        self._filter: Any = None
        self._sessions: dict[int, Any] = {}

    def _session(self, number: int) -> Any:
        if number not in self._sessions:
            self._sessions[number] = self._filter.new_session()
        return self._sessions[number]

    def _anew(self, number: int) -> Any:
        self._sessions[number] = self._filter.new_session()
        return self._sessions[number]

    def configure(self, config: str) -> Any:
        furnish()
        try:
            self._filter = self._cls(json.loads(config))
            return shapes.subscription(self._filter)
        except Exception as error:
            raise _complaint(error) from error

    @_told
    def on_handshake(self, session: int, raw: Any) -> Any:
        answer = self._filter.on_handshake(self._anew(session), shapes.handshake(raw))
        return shapes.admission("on_handshake", answer)

    @_told
    def on_handshake_answer(self, session: int, raw: Any, answer: Any) -> Any:
        known, handshake = self._session(session), shapes.handshake(raw)
        return shapes.admission(
            "on_handshake_answer", self._filter.on_handshake_answer(known, handshake, shapes.answer(answer))
        )

    @_told
    def on_reopen(self, session: int, raw: Any) -> None:
        self._filter.on_reopen(self._anew(session), shapes.handshake(raw))

    @_told
    def on_message(self, session: int, direction: Any, kind: Any, size: int, payload: bytes) -> Any:
        message = shapes.message(direction, kind, size, payload)
        return shapes.verdict("on_message", self._filter.on_message(self._session(session), message))

    @_told
    def on_message_answer(self, session: int, direction: Any, kind: Any, size: int, payload: bytes, answer: Any) -> Any:
        known, message = self._session(session), shapes.message(direction, kind, size, payload)
        return shapes.verdict("on_message_answer", self._filter.on_message_answer(known, message, shapes.answer(answer)))

    @_told
    def on_upstream(self, session: int, event: Any) -> Any:
        answer = self._filter.on_upstream(self._session(session), shapes.upstream_event(event))
        return shapes.reaction("on_upstream", answer)

    @_told
    def on_heartbeat(self, session: int, direction: Any) -> Any:
        answer = self._filter.on_heartbeat(self._session(session), shapes.direction(direction))
        return shapes.reaction("on_heartbeat", answer)

    @_told
    def on_timer(self, session: int, timer: int) -> Any:
        return shapes.reaction("on_timer", self._filter.on_timer(self._session(session), timer))

    @_told
    def on_answer(self, session: int, answer: Any) -> Any:
        return shapes.reaction("on_answer", self._filter.on_answer(self._session(session), shapes.answer(answer)))

    @_told
    def on_close(self, session: int, reason: Any) -> None:
        over = self._session(session)
        del self._sessions[session]
        self._filter.on_close(over, shapes.close_reason(reason))

    @_told
    def snapshot(self, session: int) -> bytes | None:
        kept = self._filter.snapshot(self._session(session))
        return None if kept is None else shapes.payload_bytes(kept)

    def restore(self, session: int, raw: Any, state: bytes) -> None:
        try:
            self._sessions[session] = self._filter.restore(shapes.handshake(raw), state)
        except Exception as error:
            raise _complaint(error) from error
