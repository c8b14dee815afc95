"""An engine that counts: what all prompts share once, and nothing twice for the plain base."""

from audited import TUNED, TwoEngines
from gradschool.audit.budget import WRITTEN, Budget
from gradschool.audit.metered import Metered
from gradschool.model.local import LocalEngine
from gradschool.records import Decoding, Message

ASKED = [(Message("user", f"say the number {number}"),) for number in (1, 2, 3)]
SHORT = Decoding(max_new_tokens=3)


def test_prompts_and_answers_are_counted(engine: LocalEngine) -> None:
    metered = Metered(engine, Budget(10_000))
    answers = dict(metered.answer(ASKED, SHORT))
    assert {place: answer.text for place, answer in answers.items()} == {
        place: answer.text for place, answer in engine.answer(ASKED, SHORT)
    }
    prompts, written = sum(map(engine.count_tokens, ASKED)), sum(answer.new_tokens for answer in answers.values())
    assert WRITTEN * written < metered.budget.spent < prompts + WRITTEN * written
    assert metered.plain == metered.budget.spent


def test_the_plain_base_computes_nothing_twice(engine: LocalEngine) -> None:
    metered = Metered(engine, Budget(10_000))
    for _ in range(2):
        answers = dict(metered.answer(ASKED, SHORT))
        read = metered.continuations(ASKED, [["one", "two"]] * 3)
        losses = metered.text_losses(["a text", "another one"])
        if not _:
            spent, first = metered.budget.spent, (answers, read, losses)
    assert metered.budget.spent == spent and (answers, read, losses) == first
    assert read == engine.continuations(ASKED, [["one", "two"]] * 3)
    metered.text_losses(["a text", "a third one"])
    assert metered.budget.spent == spent + engine.text_losses(["a third one"])[0].tokens


def test_what_an_adapter_says_is_computed_each_time() -> None:
    metered = Metered(TwoEngines(loss_of=lambda text, tuned: 2.0 if tuned else 1.0), Budget(10_000))
    assert metered.text_losses(["a text"], TUNED) == metered.text_losses(["a text"], TUNED)
    assert metered.text_losses(["a text"]) != metered.text_losses(["a text"], TUNED)
    assert (metered.budget.spent, metered.plain) == (400, 100)
