"""Runs a filter in a fake host, as the proxy would. The clock stands still until a test moves it."""

from .bench import Bench, Client, TimerFired

__all__ = ["Bench", "Client", "TimerFired"]
