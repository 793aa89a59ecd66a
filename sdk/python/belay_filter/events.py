"""What events carry."""

from __future__ import annotations

import json
from dataclasses import dataclass
from enum import Enum
from functools import cached_property
from typing import Any, Union


class Direction(Enum):
    """Where a message is going."""

    TO_BACKEND = 0
    TO_CLIENT = 1


class MessageKind(Enum):
    TEXT = 0
    BINARY = 1


def _header(headers: list[tuple[str, str]], name: str) -> str | None:
    lower = name.lower()
    return next((value for known, value in headers if known == lower), None)


@dataclass
class Handshake:
    """What the client asked for when it connected."""

    session_id: str
    """Stable for the life of the session, and what the backend sees as `Belay-Session`."""
    route: str
    """The name of the route that matched."""
    peer_address: str
    """The client's IP address, without port."""
    peer_port: int
    host: str
    """The Host header, empty if there was none."""
    path: str
    query: str
    """Without the question mark."""
    headers: list[tuple[str, str]]
    """Names in lower case."""
    subprotocols: list[str]
    """What the client offers, in its order."""

    def header(self, name: str) -> str | None:
        """The first header of this name, in any case."""
        return _header(self.headers, name)

    def param(self, name: str) -> str | None:
        """The first query parameter of this name, as it is written: nothing is decoded."""
        start = f"{name}="
        return next((pair[len(start) :] for pair in self.query.split("&") if pair.startswith(start)), None)


@dataclass
class Message:
    """A message on its way, as much of it as was subscribed to."""

    direction: Direction
    kind: MessageKind
    size: int
    """Its own length in bytes."""
    payload: bytes

    @cached_property
    def text(self) -> str | None:
        """The payload of a text message. None if binary, or if a prefix has cut a character in two."""
        if self.kind is MessageKind.BINARY:
            return None
        try:
            return self.payload.decode()
        except UnicodeDecodeError:
            return None

    @property
    def json(self) -> Any:
        """`text`, parsed. None if it is not JSON."""
        try:
            return None if self.text is None else json.loads(self.text)
        except ValueError:
            return None


class UpstreamKind(Enum):
    """What became of a session's upstream."""

    CONNECTED = "connected"
    FAILED = "failed"
    LOST = "lost"
    LATENCY = "latency"


@dataclass(frozen=True)
class UpstreamEvent:
    kind: UpstreamKind
    micros: int | None = None
    """How long connecting took, or the backend to prove that it has read; None for the others."""


@dataclass(frozen=True)
class CloseReason:
    code: int
    reason: str


@dataclass
class Response:
    """What a service answered, whatever the status."""

    status: int
    headers: list[tuple[str, str]]
    body: bytes

    @property
    def ok(self) -> bool:
        """200 to 299."""
        return 200 <= self.status < 300

    def header(self, name: str) -> str | None:
        """The first header of this name, in any case."""
        return _header(self.headers, name)


class CalloutError(Enum):
    """Why there is no answer."""

    FORBIDDEN = 0
    """The YAML does not allow this origin, or HTTP not this request. Nothing was sent."""
    BUSY = 1
    """Too many are under way, or this event has asked too often. Nothing was sent."""
    TIMEOUT = 2
    """No answer in time. It may have been heard."""
    UNREACHABLE = 3
    """No connection, or one that was lost before all of the answer was there."""
    TOO_LARGE = 4
    """The answer is longer than allowed."""


Answer = Union[Response, CalloutError]
"""What became of a callout: `if isinstance(answer, Response)`."""
