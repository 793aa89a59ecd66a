"""The world's imports: in a component the bindings that componentize-py generates, in tests a fake host."""

try:
    from componentize_py_types import Err, Ok
    from wit_world.imports import breaker, current, host, limiter, store, types
except ModuleNotFoundError:
    from ._fake.world import Err, Ok, breaker, current, host, limiter, store, types

__all__ = ["Err", "Ok", "breaker", "current", "host", "limiter", "store", "types"]
