"""Takes a word out of what clients say."""

from dataclasses import dataclass

import belay_filter as belay
from belay_filter import Interest, Message, Replace, Subscription, host


@dataclass
class Session:
    """What is kept of a session."""

    masked: int = 0


class MyFilter(belay.Filter[Session]):
    subscription = Subscription(to_backend=Interest.WHOLE)

    def __init__(self, config: object) -> None:
        self.word = belay.fields(config, word=belay.text())["word"]

    def new_session(self) -> Session:
        return Session()

    def on_message(self, session: Session, message: Message) -> belay.Verdict:
        if message.text is None or self.word not in message.text:
            return None
        session.masked += 1
        host.count("masked")
        return Replace(message.text.replace(self.word, "***"))


Filter, State = belay.component(MyFilter)
