"""Write a filter for Belay in Python: a class, and one line.

    from belay_filter import Filter, Interest, Message, Replace, Subscription, component, fields, text, list_of

    class Mask(Filter):
        def __init__(self, config):
            self.words = fields(config, words=list_of(text()))["words"]

        subscription = Subscription(to_backend=Interest.WHOLE)

        def on_message(self, session, message: Message):
            clean = message.text or ""
            for word in self.words:
                clean = clean.replace(word, "***")
            return None if clean == message.text else Replace(clean)

    Filter, State = component(Mask)

One instance serves many sessions of one worker, one call at a time. A call never blocks: who needs an answer from elsewhere
returns a `CallOut`, who wants to be called later says `current.set_timer`.
"""

from . import current, host, store
from .answers import (
    Admission,
    CallOut,
    Close,
    Continue,
    Drop,
    Heartbeat,
    Payload,
    Reaction,
    Refuse,
    Remember,
    Replace,
    Reply,
    Send,
    Verdict,
)
from .breaker import Breaker, BreakerState
from .component import component
from .config import ConfigError, count, fields, flag, list_of, text
from .events import (
    Answer,
    CalloutError,
    CloseReason,
    Direction,
    Handshake,
    Message,
    MessageKind,
    Response,
    UpstreamEvent,
    UpstreamKind,
)
from .filter import Filter, Interest, Prefix, Subscription
from .limiter import NEVER, Limiter

__all__ = [
    "Admission", "Answer", "Breaker", "BreakerState", "CallOut", "CalloutError", "Close", "CloseReason", "ConfigError",
    "Continue", "Direction", "Drop", "Filter", "Handshake", "Heartbeat", "Interest", "Limiter", "Message", "MessageKind",
    "NEVER", "Payload", "Prefix", "Reaction", "Refuse", "Remember", "Replace", "Reply", "Response", "Send", "Subscription",
    "UpstreamEvent", "UpstreamKind", "Verdict", "component", "count", "current", "fields", "flag", "host", "list_of", "store",
    "text",
]  # fmt: skip
