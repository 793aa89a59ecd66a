import pytest
from belay_filter import Continue, Replace
from belay_filter.testing import Bench
from my_filter import MyFilter


def test_the_word_is_taken_out():
    client = Bench(MyFilter, {"word": "darn"}).connect("/chat")
    assert client.to_backend("darn it") == Replace("*** it")
    assert client.to_backend("well") == Continue()


def test_it_does_not_start_without_a_word():
    with pytest.raises(ValueError, match="word: missing"):
        Bench(MyFilter, {})
