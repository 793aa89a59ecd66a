"""Reads configs, so that whoever wrote the YAML is told which field is wrong."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any


class ConfigError(Exception):
    """Told to whoever wrote the YAML, as it stands."""


Reader = Callable[[Any], Any]
_MISSING = object()


def fields(config: object, **known: Reader) -> dict[str, Any]:
    """Reads a config of these fields and no others. Errors begin with the field's name: `words: missing; a list`."""
    names = ", ".join(known)
    if not isinstance(config, dict):
        raise ConfigError(f"config: an object with {names}, not {json.dumps(config)}")
    for name in config:
        if name not in known:
            raise ConfigError(f"{name}: no such field, there are {names}")
    return {name: _within(name, read, config.get(name, _MISSING)) for name, read in known.items()}


def _within(name: str, read: Reader, value: object) -> Any:
    try:
        return read(value)
    except ConfigError as error:
        raise ConfigError(f"{name}: {error}") from None


def _reader(what: str, accepts: Callable[[Any], bool], default: object) -> Reader:
    def read(value: object) -> Any:
        if value is _MISSING and default is not _MISSING:
            return default
        if not accepts(value):
            raise ConfigError(f"missing; {what}" if value is _MISSING else f"{what}, not {json.dumps(value)}")
        return value

    return read


def text(default: Any = _MISSING) -> Reader:
    """A text. Without a default the field must be there; so with the others."""
    return _reader("a text", lambda value: isinstance(value, str), default)


def flag(default: Any = _MISSING) -> Reader:
    return _reader("true or false", lambda value: isinstance(value, bool), default)


def count(default: Any = _MISSING) -> Reader:
    """A whole number from 1."""
    is_count = lambda value: isinstance(value, int) and not isinstance(value, bool) and value >= 1  # noqa: E731
    return _reader("a whole number from 1", is_count, default)


def list_of(item: Reader, default: Any = _MISSING) -> Reader:
    a_list = _reader("a list", lambda value: isinstance(value, list), default)
    return lambda value: [_within(f"[{index}]", item, each) for index, each in enumerate(a_list(value))]
