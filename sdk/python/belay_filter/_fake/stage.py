"""What the fake host knows. One for a process, begun anew by each bench."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any


@dataclass
class Facts:
    """What the host keeps of a session."""

    attributes: dict[str, str] = field(default_factory=dict)
    upstream_headers: dict[str, str] = field(default_factory=dict)
    timers: dict[int, int] = field(default_factory=dict)
    subprotocols: list[str] | None = None
    default_subprotocol: str | None = None


class Stage:
    def __init__(self) -> None:
        self.clear()

    def clear(self) -> None:
        self.now_ms = 1_000_000
        self.unix_ms = 1_767_225_600_000
        self.configuring = False
        self.facts = Facts()
        self.log: list[tuple[str, str]] = []
        self.counters: dict[str, int] = {}
        self.files: dict[str, tuple[bytes, int]] = {}
        self.store: dict[str, tuple[bytes, int]] = {}
        self.limiters: dict[str, tuple[Any, dict[str, tuple[float, int]]]] = {}
        self.breakers: list[Any] = []
        self.randomness = 88172645463325252


stage = Stage()
