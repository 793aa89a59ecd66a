"""The log, the clock, chance, counters and files."""

from __future__ import annotations

from . import _world as world
from ._numbers import string, u64


def debug(line: str) -> None:
    world.host.log(world.host.Level.DEBUG, string("line", line))


def info(line: str) -> None:
    """Writes a line to the proxy's log, under the filter's and the session's name. `print` does the same."""
    world.host.log(world.host.Level.INFO, string("line", line))


def warn(line: str) -> None:
    world.host.log(world.host.Level.WARN, string("line", line))


def error(line: str) -> None:
    world.host.log(world.host.Level.ERROR, string("line", line))


def now_ms() -> int:
    """Milliseconds on a clock that never goes back."""
    return world.host.now_ms()


def unix_ms() -> int:
    """Milliseconds since 1970."""
    return world.host.unix_ms()


def random() -> int:
    """64 bits of a good source. The module `random` begins with them, too."""
    return world.host.random()


def count(name: str, by: int = 1) -> None:
    """Adds to a counter that the proxy exports as `belay_filter_custom_total{filter, name}`. At most 32 names."""
    world.host.count(string("name", name), u64("by", by))


def read_file(name: str) -> bytes | None:
    """A file that the YAML gives this filter under `files`, None while it cannot be read."""
    return world.host.read_file(string("name", name))


def file_version(name: str) -> int:
    """Changes whenever the content does."""
    return world.host.file_version(string("name", name))
