"""The fake engine behaves as the interface of engines documents."""

import pytest

from gradschool.errors import ModelError
from gradschool.model.engine import Engine
from gradschool.model.fake import FakeEngine
from gradschool.records import Decoding, Message

ASK = (Message("user", "one two  three four"),)


def test_it_repeats_the_question_or_gives_configured_answers() -> None:
    engine: Engine = FakeEngine()
    assert next(engine.answer([ASK], Decoding()))[1].text == ASK[0].content
    told = FakeEngine(lambda conversation: conversation[-1].content.upper())
    assert [(i, a.text) for i, a in told.answer([ASK, ASK], Decoding())] == [(i, "ONE TWO  THREE FOUR") for i in (0, 1)]
    assert "".join(told.stream(ASK, Decoding())) == "ONE TWO  THREE FOUR"


def test_limits_are_applied() -> None:
    cut = next(FakeEngine().answer([ASK], Decoding(max_new_tokens=2)))[1]
    assert (cut.text, cut.stop, cut.new_tokens, cut.prompt_tokens) == ("one two", "length", 2, 4)
    small = FakeEngine(context_length=4)
    refused = next(small.answer([ASK], Decoding()))[1]
    assert refused.stop == "error" and refused.failure is not None and refused.failure.kind == "too long for the model"
    with pytest.raises(ModelError, match="too long"):
        list(small.stream(ASK, Decoding()))


def test_losses_depend_on_the_words_alone() -> None:
    one, two, both = FakeEngine().text_losses(["fox", "dog", "fox dog"])
    assert both.nats == one.nats + two.nats and both.tokens == 2
    assert one.nats != two.nats
