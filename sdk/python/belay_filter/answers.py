"""What is answered to events. Returning None lets things pass."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Union

Payload = Union[str, bytes, bytearray, memoryview]
"""A str becomes a text message, bytes a binary one."""

Headers = Union[Mapping[str, str], Iterable[tuple[str, str]]]


@dataclass(frozen=True)
class Continue:
    """Pass it on as it is. The same as None."""


@dataclass(frozen=True)
class Remember:
    """Pass it on, and say it again first to every later upstream of this session (to the backend only)."""


@dataclass(frozen=True)
class Drop:
    """Pass nothing on."""


@dataclass(frozen=True)
class Replace:
    """Pass this on in its place, as the same kind."""

    payload: Payload


@dataclass(frozen=True)
class Reply:
    """Answer its sender with this, and pass nothing on."""

    payload: Payload


@dataclass(frozen=True)
class Heartbeat:
    """It was a heartbeat: pass nothing on, and answer its sender with this if given."""

    payload: Payload | None = None


@dataclass(frozen=True)
class Send:
    """Send this to the client. It does not pass through the chain."""

    payload: Payload


@dataclass(frozen=True)
class Close:
    """End the session: a code of RFC 6455, section 7.4, that may stand on the wire, and at most 123 bytes of text."""

    code: int
    reason: str = ""


@dataclass(frozen=True)
class Refuse:
    """A client is not let in, with this HTTP status, 300 to 599."""

    status: int
    body: str = ""
    headers: Headers = field(default_factory=dict)


@dataclass(frozen=True)
class CallOut:
    """Ask an HTTP service first, one whose origin the YAML lists under this filter's `callouts.allow`.

    The answer comes to `on_handshake_answer`, `on_message_answer` or `on_answer`. `url` is absolute; at most 64 headers and
    1 MiB of body; `timeout_ms` of 0, and more than the YAML's `callouts.timeout`, mean that timeout.
    """

    url: str
    method: str = "GET"
    headers: Headers = field(default_factory=dict)
    body: Payload = b""
    timeout_ms: int = 0


Admission = Union[None, Refuse, CallOut]
"""The answer to a client that asks to be let in; None lets it in."""

Verdict = Union[None, Continue, Remember, Replace, Reply, Drop, Heartbeat, Close, CallOut]
"""The answer to a message; None passes it on."""

Reaction = Union[None, Send, Close, CallOut]
"""The answer to what is not a message."""
