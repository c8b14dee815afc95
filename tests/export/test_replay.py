"""Replay: any engine can be compared with the specialist, and differences are reported."""

from dataclasses import replace

from finish import finish
from gradschool.evaluate import Measure
from gradschool.export.replay import Questions, compare, first_change, questions_of, replay
from gradschool.model.fake import FakeEngine
from gradschool.package.evidence import Evidence
from gradschool.records import Conversation, Decoding, Example, Message, Source
from gradschool.score.text import exact_match
from gradschool.settings import Goal
from gradschool.specialist import Recipe, Specialist

EXAMPLES = tuple(
    Example(f"q{i}", (Message("user", word), Message("assistant", word)), f"g{i}", Source("f", i))
    for i, word in enumerate(("one", "two", "three four", "five"))
)
EVIDENCE = Evidence(Goal(pass_mark=0.5), Measure(exact_match, {}), EXAMPLES, (), (), 0.95)


def questions(recipe: Recipe | None = None) -> Questions:
    return questions_of(Specialist(FakeEngine(), recipe or Recipe()), EVIDENCE)


def test_an_engine_with_equal_texts_passes_without_tokens() -> None:
    before, _ = finish(replay("specialist", FakeEngine(), questions(), EVIDENCE))
    after, events = finish(replay("served", FakeEngine(), questions(), EVIDENCE))
    result = compare(before, after, EVIDENCE, 7, exact=True)
    assert result.sound and result.parts == "" and result.bytes == 7
    assert (result.same_prompts, result.divergence, result.same_answers, result.ended) == (None, None, 4, 4)
    assert [gate.name for gate in result.gates] == ["answers still stop", "the score is kept"]
    assert len(events) == 5


def test_an_engine_with_other_answers_is_rejected_with_the_difference() -> None:
    def other(conversation: Conversation) -> str:
        said = conversation[-1].content
        return said.replace("four", "for") if "four" in said else said

    before, _ = finish(replay("specialist", FakeEngine(), questions(), EVIDENCE))
    after, _ = finish(replay("served", FakeEngine(other), questions(), EVIDENCE))
    assert compare(before, after, EVIDENCE, 0, exact=True).sound  # one example may change
    assert first_change(before, after) == "q2, character 9 of the answer: 'three for', not 'three four'"
    worse, _ = finish(replay("served", FakeEngine(lambda asked: "no"), questions(), EVIDENCE))
    result = compare(before, worse, EVIDENCE, 0, exact=False)
    assert not result.sound and result.parts.startswith("q0, character 1")


def test_answers_that_do_not_stop_are_rejected() -> None:
    before, _ = finish(replay("specialist", FakeEngine(), questions(), EVIDENCE))
    short = replace(questions(), decoding=Decoding(max_new_tokens=3))
    after, _ = finish(replay("served", FakeEngine(lambda asked: asked[-1].content + " and on and on"), short, EVIDENCE))
    [gate, _] = compare(before, after, EVIDENCE, 0, exact=True).gates
    assert not gate.held and gate.evidence == "0 of 4 that stopped before (at least 95 %)"


def test_questions_that_the_engine_cannot_read_are_named() -> None:
    before, _ = finish(replay("specialist", FakeEngine(), questions(), EVIDENCE))
    after, _ = finish(replay("served", FakeEngine(context_length=2), questions(), EVIDENCE))
    assert first_change(before, after).startswith("q2: too long for the model")


def test_the_questions_are_asked_as_the_specialist_asks_them() -> None:
    asked = questions(Recipe("Be brief.", shots=1, examples=EXAMPLES[:1]))
    assert [m.role for m in asked.asked[1]] == ["system", "user", "assistant", "user"]
    assert not asked.cites
