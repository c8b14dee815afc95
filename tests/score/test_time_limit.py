"""Scoring the answers of a run of others ends: also the fit of its metric, whatever texts it names."""

import random
from pathlib import Path

import pytest

from gradschool.errors import ResourceError
from gradschool.evaluate import measure_of
from gradschool.files import write_lines
from gradschool.records import Example, Message, Source
from gradschool.score import time_limit
from gradschool.score.time_limit import MAX_FIT, scoring_within
from gradschool.settings import Goal


def write_fit(path: Path, words: int, count: int = 40) -> None:
    """Texts of an author and of others, of random words."""
    draw = random.Random(0)

    def text() -> str:
        return " ".join(f"w{draw.randrange(400)}" for _ in range(words))

    rows = [{"metric": "style", "by": by, "text": text()} for by in ("author", "others") for _ in range(count)]
    write_lines(path, rows)


EXAMPLE = Example("a", (Message("user", "Hello?"), Message("assistant", "Hello.")), "a", Source("x", 1))


def test_texts_that_take_too_long_are_not_fitted_to(tmp_path: Path) -> None:
    file = tmp_path / "fit.jsonl"
    write_fit(file, words=MAX_FIT // 200)
    assert file.stat().st_size > MAX_FIT
    with pytest.raises(ResourceError, match=r"its texts have \d+ MB"), scoring_within():
        measure_of(Goal(metric="style"), tmp_path, [EXAMPLE], file)


def test_a_fit_ends_when_the_time_is_over(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_fit(tmp_path / "fit.jsonl", words=30)
    monkeypatch.setattr(time_limit, "SECONDS", 0.0)
    with pytest.raises(ResourceError, match="takes more than 0 s"), scoring_within():
        measure_of(Goal(metric="style"), tmp_path, [EXAMPLE], tmp_path / "fit.jsonl")
