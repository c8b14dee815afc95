"""Fixtures of the tests of prepare: run it, and read what it wrote."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from finish import finish
from gradschool.prepare.options import PrepareOptions
from gradschool.prepare.prepare import Prepared, prepare
from gradschool.score import style


@pytest.fixture(autouse=True)
def few_questions(monkeypatch: pytest.MonkeyPatch) -> None:
    """The base answers fewer questions for the metric style, but enough of them to fit it."""
    monkeypatch.setattr(style, "QUESTIONS", 15)


@pytest.fixture
def run(tmp_path: Path) -> Callable[..., tuple[Prepared, list[Any]]]:
    """run({"box.mbox": b"…"}, "style", **wanted): prepare files of that content into the folder `job`."""

    def running(files: dict[str, bytes | str], purpose: str, **wanted: Any) -> tuple[Prepared, list[Any]]:
        sources = []
        for name, content in files.items():
            path = tmp_path / "sources" / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content.encode() if isinstance(content, str) else content)
            sources.append(path)
        return finish(prepare(sources, PrepareOptions(purpose, **wanted), tmp_path / "job"))  # type: ignore[arg-type]

    return running


@pytest.fixture
def rows(tmp_path: Path) -> Callable[[str], list[dict[str, Any]]]:
    """rows("examples.jsonl"): the rows of a file that a preparation wrote."""

    def reading(name: str) -> list[dict[str, Any]]:
        return [json.loads(line) for line in (tmp_path / "job" / name).read_text(encoding="utf-8").splitlines()]

    return reading
