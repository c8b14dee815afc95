"""An export session: the context length that an export is tested and shipped with, and what its card says."""

import json
from pathlib import Path
from typing import Any

import pytest

from finish import finish
from gradschool.errors import ModelError
from gradschool.export.export import ExportOptions, export
from gradschool.export.session import context_for
from gradschool.package.bundle import open_specialist
from gradschool.records import Message
from gradschool.specialist import Recipe
from shipped import QUESTIONS, SHOWN, asked_by_the_card, ship


@pytest.mark.parametrize(
    ("longest", "limit", "context"),
    [(40, 2048, 2048), (40, 8192, 8192), (40, 131_072, 8192), (9_000, 131_072, 11_520), (9_000, 10_000, 10_000)],
)
def test_the_context_of_an_export_fits_more_than_the_questions_of_the_test(
    longest: int, limit: int, context: int
) -> None:
    assert context_for(([1] * 7, [1] * longest), 256, limit) == context


def test_a_prompt_beyond_the_context_of_the_base_is_an_error() -> None:
    with pytest.raises(ModelError, match="longest prompt"):
        context_for(([1] * 64,), 10, 64)


@pytest.mark.parametrize("to", ["adapter", "merged", "gguf"])
def test_examples_that_are_always_shown_are_part_of_what_the_card_asks(to: Any, tmp_path: Path) -> None:
    home = ship(tmp_path / "made", recipe=Recipe("Be brief.", shots=1, examples=(SHOWN,)))
    exported, _ = finish(export(ExportOptions(home, to, tmp_path / "out", "f16")))
    roles = [message["role"] for message in json.loads((exported.folder / "messages.json").read_text("utf-8"))]
    assert roles == ["system", "user", "assistant"]
    [(_, expected)] = finish(open_specialist(home))[0].answer([(Message("user", QUESTIONS[0]),)])
    text = (exported.folder / "README.md").read_text(encoding="utf-8")
    assert asked_by_the_card(text, exported.folder, QUESTIONS[0]) == expected.text.strip().splitlines()[-1]
