"""Evaluation: every answer is saved, no question is asked twice, and metrics are fitted first."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

from finish import finish
from gradschool.errors import DamagedError
from gradschool.evaluate import Measure, evaluate, fit_metrics, untrained
from gradschool.model.fake import FakeEngine
from gradschool.records import Answer, Conversation, Decoding, Example, Message, Note, Progress, Scored, Source
from gradschool.score.judge import mean
from gradschool.score.metric import FitText, MetricResult
from gradschool.score.metrics import find_metrics
from gradschool.score.text import exact_match
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


def test_rows_are_in_the_order_of_examples_and_answers_are_saved(tmp_path: Path) -> None:
    counting = Counting()
    rows, events = ask(counting, tmp_path / "answers.jsonl")
    assert [row.id for row in rows] == [example.id for example in EXAMPLES]
    assert mean(rows) == 1.0 and rows[0].parts["chrf"] == 1.0
    assert events == [Progress("asking", n, 6) for n in range(7)]
    lines = [json.loads(line) for line in (tmp_path / "answers.jsonl").read_text().splitlines()]
    assert [line["id"] for line in lines] == [e.id for e in EXAMPLES]


def test_saved_answers_are_on_the_disk_before_what_is_saved_about_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    synced: list[Path] = []
    monkeypatch.setattr("gradschool.evaluate.sync", synced.append)
    for _ in range(2):  # asked now, or by a process that was killed
        ask(Counting(), tmp_path / "answers.jsonl")
        assert synced == [tmp_path / "answers.jsonl", tmp_path]
        synced.clear()


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


def test_answers_to_other_questions_do_not_count_as_progress(tmp_path: Path) -> None:
    kept = tmp_path / "answers.jsonl"
    finish(evaluate(Counting().specialist, EXAMPLES[:4], measure(), kept, "asking"))
    rows, events = finish(evaluate(Counting().specialist, EXAMPLES[3:], measure(), kept, "asking"))
    assert [row.id for row in rows] == ["e3", "e4", "e5"]
    assert [(one.done, one.total) for one in events if isinstance(one, Progress)] == [(1, 3), (2, 3), (3, 3)]


@pytest.mark.parametrize("line", ['{"id": "e1"}', '{"id": "e1", "answer": {"text": 3}}', "3", '{"answer": {}}'])
def test_invalid_saved_answers_are_damage(line: str, tmp_path: Path) -> None:
    kept = tmp_path / "answers.jsonl"
    kept.write_text(line + "\n")
    with pytest.raises(DamagedError, match=r"answers\.jsonl") as caught:
        ask(Counting(), kept)
    assert "delete it" in caught.value.fix


@dataclass(frozen=True)
class Longer:
    """A toy metric that is fitted: an answer is good if it is longer than all answers of the untrained base."""

    limit: int | None = None
    name: str = "longer"
    questions: int = 4

    @property
    def fitted(self) -> bool:
        return self.limit is not None

    def fit_texts(self, train: Sequence[Example], others: Sequence[str], base_answers: Sequence[str]) -> list[FitText]:
        assert [example.id for example in train] == [example.id for example in EXAMPLES]
        return [FitText(self.name, "others", text) for text in (*others, *base_answers)]

    def shortage(self, train: Sequence[Example], others: Sequence[str]) -> tuple[str, str]:
        return "", ""

    def fit(self, texts: Sequence[FitText]) -> "Longer":
        return Longer(max(len(text.text) for text in texts))

    def summary(self) -> str:
        return f"over {self.limit} characters."

    def __call__(self, answer: str, example: Example) -> MetricResult:
        assert self.limit is not None, "not fitted"
        return MetricResult(float(len(answer) > self.limit))


@pytest.mark.parametrize("decides", [True, False])
def test_a_metric_is_fitted_to_the_training_examples_and_the_answers_of_the_base(decides: bool, tmp_path: Path) -> None:
    metric = Longer()
    unfitted = Measure(metric, {"exact_match": exact_match}) if decides else Measure(exact_match, {"longer": metric})
    assert unfitted.unfitted == [metric]
    bases = untrained(FakeEngine(lambda asked: asked[-1].content), "Be brief.", Decoding())
    assert [base.recipe.instructions for base in bases] == ["", "Be brief."]
    measure, events = finish(fit_metrics(unfitted, bases, EXAMPLES, [], lambda name: tmp_path / name, tmp_path / "fit"))
    assert measure.unfitted == [] and Note("longer: over 5 characters.") in events
    for number in range(2):  # four questions to each variant of the base, saved under the metric's name
        assert len((tmp_path / f"longer-{number}").read_text().splitlines()) == 4
    rows = measure.score(EXAMPLES[:2], [Answer("0"), Answer("a long answer")])
    values = [row.value if decides else row.parts["longer"] for row in rows]
    assert values == [0.0, 1.0]


def test_metrics_that_need_no_fit_ask_nothing(tmp_path: Path) -> None:
    measured, events = finish(fit_metrics(measure(), [], EXAMPLES, [], lambda name: tmp_path / name, tmp_path / "fit"))
    assert measured.unfitted == [] and events == [] and not list(tmp_path.iterdir())
