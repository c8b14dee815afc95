"""review.jsonl: decisions are read, other fields stay, and what no review holds ends in an error with its line."""

import json
from pathlib import Path
from typing import Any

import pytest

from gradschool.data.review_rows import ReviewRow
from gradschool.errors import DataError
from gradschool.prepare.review import read_decisions
from gradschool.records import Message

TURNS = [{"role": "user", "content": "Where?"}, {"role": "assistant", "content": "There."}]


def review(folder: Path, *rows: Any) -> Path:
    (folder / "review.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    return folder / "review.jsonl"


def test_decisions_are_read_by_their_object(tmp_path: Path) -> None:
    rows = (
        {"item": "a", "decision": " Edit ", "messages": TURNS, "source": "x:1", "own": [1]},
        {"item": "b", "decision": None, "messages": None},
        {"value": 4711, "as": "x", "decision": "edit"},
        {"wording": "w", "decision": "DROP"},
    )
    found = read_decisions(review(tmp_path, *rows))
    assert len(found) == 3 and found.items["a"].messages == tuple(Message(**turn) for turn in TURNS)
    assert found.items["a"].row.as_row() == rows[0] and found.values["4711"].replacement == "x"
    assert found.wordings["w"].word == "drop"


WRONG: tuple[Any, ...] = (
    [],
    5,
    {"item": [], "decision": "keep"},
    {"item": "a", "decision": {}},
    {"item": "a", "decision": "perhaps"},
    {"decision": "keep"},
    {"item": "a", "decision": "keep", "messages": 5},
    {"item": "a", "decision": "keep", "messages": [{"role": "user"}]},
    {"item": "a", "decision": "edit", "messages": TURNS[:1]},
    {"item": "a", "decision": "edit"},
    {"item": "\ud800", "decision": "keep"},
)


@pytest.mark.parametrize("row", WRONG, ids=str)
def test_a_row_that_no_review_holds_is_named_with_its_line(row: Any, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"review\.jsonl:2"):
        read_decisions(review(tmp_path, {"item": "z", "decision": ""}, row))


def test_a_row_is_written_back_with_its_fields_alone() -> None:
    assert ReviewRow.model_validate({"value": "v", "as": "x", "first": 1}).as_row() == {
        "value": "v",
        "as": "x",
        "first": 1,
    }
