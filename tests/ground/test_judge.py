import pytest

from gradschool.ground.judge import REQUEST, question_log_probs, ranked
from gradschool.model.local import LocalEngine
from gradschool.records import Message
from small_documents import passage

PASSAGES = [passage("The red boat lies in Kiel."), passage("The train leaves at noon.", 2), passage("It rains.", 3)]
FOUND = [(one, score) for one, score in zip(PASSAGES, (3.0, 2.0, 1.0), strict=True)]


def test_questions_are_read_after_their_passages_as_if_each_was_read_alone(engine: LocalEngine) -> None:
    asked = ["Where is the boat?", "When does it leave?"]
    together = question_log_probs(engine, asked, [FOUND, FOUND[1:]])
    assert [set(its) for its in together] == [{"a.md#1", "a.md#2", "a.md#3"}, {"a.md#2", "a.md#3"}]
    for question, its in zip(asked, together, strict=True):
        for one in PASSAGES:
            if one.id in its:
                asking = (Message("user", f"{one.text}\n\n{REQUEST}"),)
                [alone] = engine.continuations([asking], [[question]], ended=True)
                assert alone is not None and its[one.id] == pytest.approx(-alone[0].loss, abs=1e-3)


def test_the_weight_decides_between_search_and_judge() -> None:
    judged = {"a.md#1": -30.0, "a.md#2": -10.0, "a.md#3": -29.0}
    assert ranked(FOUND, judged, 1.0) == PASSAGES
    assert [one.id for one in ranked(FOUND, judged, 0.9)] == ["a.md#2", "a.md#1", "a.md#3"]
    assert [one.id for one in ranked(FOUND, judged, 0.0)] == ["a.md#2", "a.md#3", "a.md#1"]


def test_a_passage_that_could_not_be_judged_comes_last(engine: LocalEngine) -> None:
    long = passage("word " * engine.context_length, 4)
    [judged] = question_log_probs(engine, ["Where?"], [[(long, 9.0), *FOUND]])
    assert "a.md#4" not in judged
    assert ranked([(long, 9.0), *FOUND], judged, 0.99)[-1] == long
    assert question_log_probs(engine, ["Where?"], [[]]) == [{}]
