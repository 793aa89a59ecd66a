import pytest
from belay_filter import Continue, Refuse, Replace, Reply
from belay_filter.testing import Bench
from word_guard import WordGuard

CONFIG = {"words": ["darn", "heck"]}


def test_words_are_masked_wherever_they_stand():
    ann = Bench(WordGuard, CONFIG).connect("/chat?name=ann")
    assert ann.attributes == {"user": "ann"}
    assert ann.to_backend("What the HECK, ça DaRnés…") == Replace("What the ****, ça ****és…")
    assert ann.to_backend("well") == Continue()


def test_who_does_not_say_who_they_are_is_not_let_in():
    refusal = Bench(WordGuard, CONFIG).connect("/chat").admission
    assert isinstance(refusal, Refuse) and refusal.status == 400


def test_strikes_survive_a_reload_and_the_third_is_answered():
    bench = Bench(WordGuard, CONFIG)
    ann = bench.connect("/chat?name=ann")
    ann.to_backend("darn")
    ann.to_backend("darn")
    assert bench.reload(CONFIG) == []
    assert ann.to_backend("darn") == Reply("word-guard: mind your words, ann (3 so far)")
    assert bench.counter("masked") == 3


def test_an_address_has_so_many_messages_a_minute():
    bench = Bench(WordGuard, {**CONFIG, "per_minute": 1})
    ann = bench.connect("/chat?name=ann")
    assert ann.to_backend("well") == Continue()
    assert ann.to_backend("well") == Reply("word-guard: too many messages")
    bench.advance(60_000)
    assert ann.to_backend("well") == Continue()


@pytest.mark.parametrize(
    ("config", "complaint"),
    [
        ({}, "words: missing"),
        ({"words": []}, "words: "),
        ({"words": ["ça"]}, "words: "),
        ({**CONFIG, "notice_after": 0}, "notice_after: "),
        ({**CONFIG, "notice_afer": 3}, "notice_afer: no such field"),
    ],
)
def test_its_config_is_read_with_care(config, complaint):
    with pytest.raises(ValueError, match=complaint):
        Bench(WordGuard, config)
