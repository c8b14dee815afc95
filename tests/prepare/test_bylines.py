"""Tables with texts of several authors."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from essays import essay
from gradschool.errors import DataError

Run = Callable[..., Any]
NAMES = ("Ines Aro", "Tobe Marlin", "Wendel Oakes")


def table(column: str = "author", names: tuple[str, ...] = NAMES) -> str:
    rows = [{"title": f"Text {n}", "text": essay(n, 3), column: names[n % len(names)]} for n in range(24)]
    return "".join(json.dumps(row) + "\n" for row in rows)


@pytest.mark.parametrize("column", ["author", "Written by", "byline"])
def test_the_author_of_several_is_asked_for(run: Run, column: str) -> None:
    with pytest.raises(DataError) as raised:
        run({"p.jsonl": table(column)}, "style")
    assert "3 authors" in raised.value.what and "Wendel Oakes (8)" in raised.value.why
    assert "--author 'Ines Aro'" in raised.value.fix


@pytest.mark.parametrize("named", ["Tobe Marlin", "tobe  marlin"])
def test_the_texts_of_the_others_serve_the_judge(run: Run, rows: Callable[[str], Any], named: str) -> None:
    run({"p.jsonl": table()}, "style", authors=(named,))
    own, others = rows("examples.jsonl"), rows("others.jsonl")
    assert [row["id"] for row in own] and len(own) == 8 and len(others) == 16
    assert {row["completion"] for row in own} == {essay(n, 3) for n in range(1, 24, 3)}
    assert {row["text"] for row in others} == {essay(n, 3) for n in range(24) if n % 3 != 1}


def test_an_author_without_a_text_is_refused(run: Run) -> None:
    with pytest.raises(DataError, match="none of them is named"):
        run({"p.jsonl": table()}, "style", authors=("Nobody",))


def test_one_author_needs_no_name(run: Run, rows: Callable[[str], Any]) -> None:
    run({"p.jsonl": table(names=("Ines Aro",))}, "style")
    assert len(rows("examples.jsonl")) == 24


def test_rows_without_an_author_are_left_out_with_a_reason(run: Run, rows: Callable[[str], Any]) -> None:
    prepared, _ = run({"p.jsonl": table(names=("Ines Aro", "Tobe Marlin", ""))}, "style", authors=("Ines Aro",))
    assert len(rows("examples.jsonl")) == 8 and prepared.summary.dropped["no author"] == 8


def test_authors_count_over_all_tables(run: Run) -> None:
    files = {"a.jsonl": table(names=NAMES[:1]), "b.jsonl": table(names=NAMES[1:2])}
    with pytest.raises(DataError, match="2 authors"):
        run(files, "style")


def test_pairs_of_several_authors_are_divided_too(run: Run, rows: Callable[[str], Any]) -> None:
    made = [{"prompt": f"Write {n}.", "completion": essay(n, 3), "author": NAMES[n % 2]} for n in range(8)]
    run({"p.jsonl": "".join(json.dumps(row) + "\n" for row in made)}, "style", authors=("Ines Aro",))
    assert len(rows("examples.jsonl")) == 4 and len(rows("others.jsonl")) == 4
