"""Putting a specialist to the questions: every answer kept, none asked twice."""

import json
from pathlib import Path

import pytest

from finish import finish
from gradschool.errors import DamagedError
from gradschool.evaluate import Measure, evaluate, mean
from gradschool.model.fake import FakeEngine
from gradschool.records import Conversation, Example, Message, Progress, Scored, Source
from gradschool.score.metrics import find_metrics
from gradschool.settings import Goal
from gradschool.specialist import Recipe, Specialist

EXAMPLES = [
    Example(f"e{n}", (Message("user", f"say {n}"), Message("assistant", str(n))), "g", Source("f", n)) for n in range(6)
]


def measure() -> Measure:
    return Measure(*find_metrics(Goal(metric="exact_match", extra_metrics=("chrf",)), Path(), EXAMPLES))


class Counting:
    """A specialist that says the last word of a question, and counts what it is asked."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.specialist = Specialist(FakeEngine(self.say), Recipe())

    def say(self, conversation: Conversation) -> str:
        self.asked.append(conversation[-1].content)
        return conversation[-1].content.split()[-1]


def ask(counting: Counting, kept: Path) -> tuple[list[Scored], list[object]]:
    return finish(evaluate(counting.specialist, EXAMPLES, measure(), kept, "asking"))


def test_rows_come_in_the_order_of_examples_and_answers_are_kept(tmp_path: Path) -> None:
    counting = Counting()
    rows, events = ask(counting, tmp_path / "answers.jsonl")
    assert [row.id for row in rows] == [example.id for example in EXAMPLES]
    assert mean(rows) == 1.0 and rows[0].parts["chrf"] == 1.0
    assert events == [Progress("asking", n, 6) for n in range(7)]
    lines = [json.loads(line) for line in (tmp_path / "answers.jsonl").read_text().splitlines()]
    assert [line["id"] for line in lines] == [e.id for e in EXAMPLES]


@pytest.mark.parametrize("torn", [b"", b'{"id": "e4", "answer": {"te', b"\xff\xfe\n"])
def test_an_interrupted_evaluation_asks_only_the_rest(torn: bytes, tmp_path: Path) -> None:
    kept = tmp_path / "answers.jsonl"
    whole, _ = ask(Counting(), tmp_path / "whole.jsonl")
    first = Counting()
    work = evaluate(first.specialist, EXAMPLES, measure(), kept, "asking")
    for _ in range(4):
        next(work)
    work.close()
    assert first.asked == ["say 0", "say 1", "say 2"]
    with kept.open("ab") as file:
        file.write(torn)
    second = Counting()
    rows, _ = ask(second, kept)
    assert second.asked == ["say 3", "say 4", "say 5"]
    assert rows == whole
    third = Counting()
    assert ask(third, kept) == (whole, [])
    assert third.asked == []


@pytest.mark.parametrize("line", ['{"id": "e1"}', '{"id": "e1", "answer": {"text": 3}}', "3", '{"answer": {}}'])
def test_answers_that_are_none_of_ours_are_damage_by_name(line: str, tmp_path: Path) -> None:
    kept = tmp_path / "answers.jsonl"
    kept.write_text(line + "\n")
    with pytest.raises(DamagedError, match=r"answers\.jsonl") as caught:
        ask(Counting(), kept)
    assert "delete it" in caught.value.fix
