"""Numbers that the world can take. The bindings would trap on others without a word."""


def _whole(name: str, value: int, least: int, most: int) -> int:
    if isinstance(value, bool) or not isinstance(value, int):
        raise TypeError(f"{name}: an int, not {value!r}")
    if not least <= value <= most:
        raise ValueError(f"{name}: {least} to {most}, not {value}")
    return value


def u16(name: str, value: int) -> int:
    return _whole(name, value, 0, 2**16 - 1)


def u32(name: str, value: int) -> int:
    return _whole(name, value, 0, 2**32 - 1)


def u64(name: str, value: int) -> int:
    return _whole(name, value, 0, 2**64 - 1)


def s64(name: str, value: int) -> int:
    return _whole(name, value, -(2**63), 2**63 - 1)


def string(name: str, value: str) -> str:
    if not isinstance(value, str):
        raise TypeError(f"{name}: a str, not {value!r}")
    return value
