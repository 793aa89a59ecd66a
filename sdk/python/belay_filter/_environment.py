"""What Python takes for granted and a component has not: writing and asking for the time would trap, and chance was frozen
when the component was built."""

from __future__ import annotations

import random
import sys
import time
from collections.abc import Callable

from . import host


class _Lines:
    """A file for `print`: whole lines go to the log."""

    encoding = "utf-8"

    def __init__(self, write: Callable[[str], None]) -> None:
        self._write = write
        self._begun = ""

    def write(self, text: str) -> int:
        *lines, self._begun = (self._begun + text).split("\n")
        for line in lines:
            self._write(line)
        return len(text)

    def flush(self) -> None:
        pass

    def isatty(self) -> bool:
        return False


def furnish() -> None:
    """In a component, before the filter is made."""
    if sys.platform != "wasi":
        return
    sys.stdout = _Lines(host.info)  # type: ignore[assignment]
    sys.stderr = _Lines(host.error)  # type: ignore[assignment]
    random.seed(host.random())
    time.time = lambda: host.unix_ms() / 1000  # type: ignore[assignment]
    time.time_ns = lambda: host.unix_ms() * 1_000_000  # type: ignore[assignment]
    time.monotonic = time.perf_counter = lambda: host.now_ms() / 1000  # type: ignore[assignment]
