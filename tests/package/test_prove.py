"""The package is asked again: in float32 its answers are held, in bfloat16 its score, and differences are counted."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch

import made
from finish import finish
from gradschool.evaluate import Measure, evaluate
from gradschool.model import local
from gradschool.model.local import LocalEngine
from gradschool.model.opening import POCKET
from gradschool.package.prove import prove
from gradschool.records import Example, Message, Scored, Source
from gradschool.run import Run
from gradschool.score.text import exact_match

MEASURE = Measure(exact_match, {})
TEST = tuple(
    Example(f"q{i}", (Message("user", text), Message("assistant", "x")), f"g{i}", Source("f", i))
    for i, text in enumerate(("Name a colour.", "Say hello.", "When is fish sold?"))
)


@pytest.fixture(params=[torch.float32, torch.bfloat16], ids=str)
def dtype(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> torch.dtype:
    monkeypatch.setattr(local, "choose_dtype", lambda *_: (request.param, "as the test says"))
    return request.param  # type: ignore[no-any-return]


@pytest.fixture
def packed(dtype: torch.dtype, tmp_path: Path) -> tuple[Run, list[Scored]]:
    specialist, place = made.packed("plain", LocalEngine(POCKET, name="pocket"), tmp_path)
    rows, _ = finish(evaluate(specialist, TEST, MEASURE, None, "test"))
    return Run.open(place.parent), list(rows)


def test_the_same_answers_are_counted(packed: tuple[Run, list[Scored]], dtype: torch.dtype) -> None:
    run, rows = packed
    [gate], _ = finish(prove(run, None, TEST, rows, MEASURE))
    assert gate.held and "3 of 3" in gate.evidence
    assert ("mean score" in gate.evidence) is (dtype != torch.float32)


def test_other_answers_with_the_same_score(packed: tuple[Run, list[Scored]], dtype: torch.dtype) -> None:
    run, rows = packed
    other = [replace(row, answer=replace(row.answer, text=row.answer.text + " or so")) for row in rows[:2]]
    [gate], _ = finish(prove(run, None, TEST, [*other, *rows[2:]], MEASURE))
    assert "1 of 3" in gate.evidence and gate.held is (dtype != torch.float32)


def test_a_lower_score_rejects_in_every_precision(packed: tuple[Run, list[Scored]]) -> None:
    run, rows = packed
    better = [replace(row, value=1.0, answer=replace(row.answer, text="x")) for row in rows]
    [gate], _ = finish(prove(run, None, TEST, better, MEASURE))
    assert not gate.held
