"""word-guard: masks words in what clients say, minds who says them, and closes who goes on. The same filter stands in
examples/filters in every language; sdk/conformance/word-guard.yaml judges them all."""

from __future__ import annotations

import re
from dataclasses import dataclass

import belay_filter as belay
from belay_filter import Close, ConfigError, Handshake, Interest, Limiter, Message, Refuse, Replace, Reply, Subscription
from belay_filter import current, host, store

STRIKES_TTL_MS = 3_600_000
"""How long strikes are remembered in the store, across sessions of one name."""
POLICY_VIOLATION = 1008
"""RFC 6455, section 7.4.1."""


@dataclass
class Speaker:
    """What is kept of a session."""

    user: str = ""
    peer_address: str = ""
    strikes: int = 0

    @classmethod
    def of(cls, handshake: Handshake) -> Speaker:
        """One that has said nothing yet. It names itself by ?name=…, taken as it stands, or by the header x-name."""
        name = handshake.param("name")
        return cls(name if name is not None else handshake.header("x-name") or "", handshake.peer_address)


class WordGuard(belay.Filter[Speaker]):
    subscription = Subscription(to_backend=Interest.WHOLE, handshake=True)

    def __init__(self, config: object) -> None:
        known = belay.fields(
            config,
            words=_words,
            notice_after=belay.count(3),
            close_after=belay.count(10),
            per_minute=belay.count(600),
        )
        self.notice_after, self.close_after = known["notice_after"], known["close_after"]
        self.messages = Limiter("messages", tokens=known["per_minute"], period_ms=60_000, burst=known["per_minute"])
        longest_first = sorted(known["words"], key=len, reverse=True)
        self.pattern = re.compile(b"|".join(re.escape(word.encode()) for word in longest_first), re.IGNORECASE)

    def new_session(self) -> Speaker:
        return Speaker()

    def on_handshake(self, speaker: Speaker, handshake: Handshake) -> belay.Admission:
        speaker.__dict__.update(Speaker.of(handshake).__dict__)
        if not speaker.user:
            return Refuse(400, "word-guard: say who you are: ?name=…\n", {"content-type": "text/plain"})
        current.set_attribute("user", speaker.user)
        current.set_upstream_header("x-user", speaker.user)
        return None

    def on_reopen(self, speaker: Speaker, handshake: Handshake) -> None:
        speaker.__dict__.update(Speaker.of(handshake).__dict__)

    def on_message(self, speaker: Speaker, message: Message) -> belay.Verdict:
        if message.kind is belay.MessageKind.BINARY:
            return None
        if not self.messages.try_take(speaker.peer_address):
            return Reply("word-guard: too many messages")
        masked, found = self.pattern.subn(lambda word: b"*" * len(word[0]), message.payload)
        if not found:
            return None
        speaker.strikes += 1
        host.count("masked", found)
        total = store.add(f"strikes:{speaker.user}", 1, STRIKES_TTL_MS)
        if speaker.strikes == self.close_after:
            host.info(f"word-guard: closing {speaker.user}")
            return Close(POLICY_VIOLATION, "word-guard: too many words")
        if speaker.strikes == self.notice_after:
            return Reply(f"word-guard: mind your words, {speaker.user} ({total} so far)")
        return Replace(masked)

    def snapshot(self, speaker: Speaker) -> bytes | None:
        return speaker.strikes.to_bytes(4, "little") if speaker.strikes else None

    def restore(self, handshake: Handshake, state: bytes) -> Speaker:
        if len(state) != 4:
            raise ValueError(f"word-guard: 4 bytes of state, not {len(state)}")
        speaker = Speaker.of(handshake)
        speaker.strikes = int.from_bytes(state, "little")
        return speaker


def _words(value: object) -> list[str]:
    words = belay.list_of(belay.text())(value)
    if not words:
        raise ConfigError("one word at least")
    if not all(word and word.isascii() for word in words):
        raise ConfigError("words of ASCII, and not empty")
    return words


Filter, State = belay.component(WordGuard)
