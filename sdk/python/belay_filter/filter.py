"""What a filter does if it does not say otherwise: let everything pass."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import Generic, TypeVar, Union

from .answers import Admission, Payload, Reaction, Verdict
from .events import Answer, CloseReason, Direction, Handshake, Message, UpstreamEvent

Session = TypeVar("Session")


class Interest(Enum):
    """How much of each message a filter wants to see. What it does not ask for is neither called nor copied."""

    IGNORE = "ignore"
    SIZE = "size"
    """The kind and size alone."""
    WHOLE = "whole"


@dataclass(frozen=True)
class Prefix:
    """At most so many leading bytes."""

    bytes: int


@dataclass(frozen=True)
class Subscription:
    """What a filter wants to hear; by default nothing. Timers and answers need no subscription."""

    to_backend: Union[Interest, Prefix] = Interest.IGNORE
    to_client: Union[Interest, Prefix] = Interest.IGNORE
    handshake: bool = False
    upstream: bool = False
    heartbeat: bool = False
    close: bool = False
    """Said for you if `new_session` is there."""


class Filter(Generic[Session]):
    """A filter. Override what was subscribed to.

    `__init__` is given the YAML's `config`; what it raises keeps the proxy from starting, or the old filter in place, and is
    shown to whoever wrote the YAML. Limiters and breakers are made there. An exception elsewhere is logged with its
    traceback, and costs what a trap costs: the instance with all of its sessions' state; the event is decided by the YAML's
    `on_failure`.
    """

    subscription = Subscription()

    def __init__(self, config: object) -> None:
        pass

    def new_session(self) -> Session:
        """What is kept of each session, made when it is first heard of and forgotten at its end."""
        return None  # type: ignore[return-value]

    def on_handshake(self, session: Session, handshake: Handshake) -> Admission:
        """A client asks to be let in."""

    def on_handshake_answer(self, session: Session, handshake: Handshake, answer: Answer) -> Admission:
        """The same client, and the answer to what was asked about it. After four answers a `CallOut` is `BUSY`."""

    def on_reopen(self, session: Session, handshake: Handshake) -> None:
        """A session that was let in before, in an instance that was not there then."""

    def on_message(self, session: Session, message: Message) -> Verdict:
        """A message on its way."""

    def on_message_answer(self, session: Session, message: Message, answer: Answer) -> Verdict:
        """The same message, and the answer to what was asked about it. After four answers a `CallOut` is `BUSY`."""

    def on_upstream(self, session: Session, event: UpstreamEvent) -> Reaction:
        """Something became of the session's upstream."""

    def on_heartbeat(self, session: Session, direction: Direction) -> Reaction:
        """A heartbeat that came in this direction was answered at the edge."""

    def on_timer(self, session: Session, timer: int) -> Reaction:
        """A timer set by `current.set_timer` is due."""

    def on_answer(self, session: Session, answer: Answer) -> Reaction:
        """The answer to what a reaction asked."""

    def on_close(self, session: Session, reason: CloseReason) -> None:
        """The session is over, or was not let in after all."""

    def snapshot(self, session: Session) -> Payload | None:
        """What is kept of a session for the instance that takes this one's place, at most 16 KiB. Not in an event."""

    def restore(self, handshake: Handshake, state: bytes) -> Session:
        """In place of `on_reopen`: the session that another instance's `snapshot` speaks of. Raise, and it is reopened."""
        raise ValueError("this filter carries no state over")
