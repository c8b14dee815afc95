"""Decisions that are made in a page are in review.jsonl, and `prepare` reads them and keeps who made them."""

import json
from pathlib import Path

import pytest

from finish import finish
from gradschool.errors import DataError, UsageError
from gradschool.prepare.options import PrepareOptions
from gradschool.prepare.prepare import prepare
from gradschool.prepare.review import read_decisions
from gradschool.studio.reviewed import checked_messages, decide, rows, version_of

ROWS = "question,answer\n" + "".join(f"What is item {n} made of?,It is made of wood number {n}.\n" for n in range(20))


@pytest.fixture
def job(here: Path) -> Path:
    (here / "table.csv").write_text(ROWS)
    finish(prepare([here / "table.csv"], PrepareOptions("skill"), here / "job"))
    return here / "job"


def examples(job: Path) -> dict[str, str]:
    found = [json.loads(line) for line in (job / "examples.jsonl").read_text().splitlines()]
    return {row["id"]: row["completion"] for row in found}


def test_the_next_preparation_applies_decisions_and_keeps_who_made_them(job: Path) -> None:
    dropped, edited, *_ = examples(job)
    messages = [{"role": "user", "content": "And item 1?"}, {"role": "assistant", "content": "Of oak."}]
    decide(
        job,
        [("item", dropped), ("item", edited)],
        lambda name, row: {
            "item": name[1],
            "decision": "drop" if name[1] == dropped else "edit",
            "messages": messages,
            "by": "Ada",
            "at": "2026-01-02T03:04:05+00:00",
        },
    )
    for _ in range(2):
        finish(prepare([job.parent / "table.csv"], PrepareOptions("skill"), job))
        assert dropped not in examples(job) and examples(job)[edited] == "Of oak."
        kept = {row["item"]: row for row in rows(job) if row.get("item") in (dropped, edited)}
        assert {row["by"] for row in kept.values()} == {"Ada"}
        assert {row["at"] for row in kept.values()} == {"2026-01-02T03:04:05+00:00"}


def test_other_rows_stay_as_they_are(tmp_path: Path) -> None:
    lines = ['{"item": "a", "decision": "", "note": "mine"}', '{"value": "v",  "as": "x", "decision": "keep"}']
    (tmp_path / "review.jsonl").write_text("\n".join(lines) + "\n")
    decide(
        tmp_path, [("item", "a"), ("item", "new")], lambda name, row: (row or {"item": name[1]}) | {"decision": "drop"}
    )
    now = (tmp_path / "review.jsonl").read_text().splitlines()
    assert now[1] == lines[1] and json.loads(now[0]) == {"item": "a", "decision": "drop", "note": "mine"}
    assert set(read_decisions(tmp_path / "review.jsonl").items) == {"a", "new"}


def test_a_refused_decision_leaves_the_file(tmp_path: Path) -> None:
    (tmp_path / "review.jsonl").write_text('{"item": "a"}\n')

    def refuse(name: tuple[str, str], row: dict[str, object] | None) -> dict[str, object]:
        raise UsageError("no")

    with pytest.raises(UsageError):
        decide(tmp_path, [("item", "a")], refuse)
    assert (tmp_path / "review.jsonl").read_text() == '{"item": "a"}\n'
    assert [path.name for path in tmp_path.iterdir()] == ["review.jsonl"]


def test_a_damaged_review_is_named_by_its_line(tmp_path: Path) -> None:
    (tmp_path / "review.jsonl").write_text('{"item": "a"}\n[1]\n')
    with pytest.raises(DataError, match=r"review\.jsonl:2"):
        list(rows(tmp_path))


def test_a_version_changes_with_every_decision() -> None:
    row = {"item": "a", "decision": "drop", "at": "1"}
    versions = {
        version_of(None),
        version_of(row),
        version_of(row | {"at": "2"}),
        version_of(row | {"decision": "keep"}),
    }
    assert len(versions) == 4 and version_of(None) == version_of({"item": "a", "decision": ""})


@pytest.mark.parametrize(
    "messages",
    [
        *([], "text", [1], [{"role": "user", "content": "q"}], [{"role": "assistant", "content": "a"}]),
        [{"role": "user", "content": "q"}, {"role": "assistant", "content": "  "}],
        [{"role": "robot", "content": "q"}, {"role": "assistant", "content": "a"}],
    ],
)
def test_what_is_no_example_is_refused(messages: object) -> None:
    with pytest.raises(UsageError):
        checked_messages(messages)
