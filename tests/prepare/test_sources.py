"""Tables, workbooks, texts and documents: the examples that each gives for each purpose."""

import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import openpyxl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from finish import finish
from gradschool.data.dates import iso_date
from gradschool.data.documents import Document
from gradschool.errors import GradschoolError
from gradschool.prepare.options import PrepareOptions
from gradschool.prepare.pairs import questions_in
from gradschool.prepare.prepare import prepare
from gradschool.prepare.texts import sections
from gradschool.records import Note
from gradschool.settings import Data

Run = Callable[..., Any]


def workbook(*rows: tuple[Any, ...]) -> bytes:
    book = openpyxl.Workbook()
    for row in rows:
        book.active.append(row)
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()


def pairs(rows: Any) -> list[tuple[str, str]]:
    return [(row["prompt"], row["completion"]) for row in rows("examples.jsonl")]


def test_a_workbook_and_a_table_give_the_same_pairs(run: Run, rows: Any, tmp_path: Path) -> None:
    wanted = [("my card is lost", "card"), ("where is my money", "transfer")]
    run({"t.csv": "text,label\n" + "".join(f"{text},{label}\n" for text, label in wanted)}, "skill")
    assert pairs(rows) == wanted
    run({"t.xlsx": workbook(("text", "label"), (), *wanted)}, "skill")
    assert pairs(rows) == wanted and rows("examples.jsonl")[0]["source"] == "t.xlsx:3"


def test_unusable_rows_are_reported(run: Run, rows: Any) -> None:
    pair = {"prompt": "a b", "completion": "c"}
    good = [json.dumps(one) for one in (pair, pair | {"prompt": ""}, pair | {"completion": ""})]
    prepared, _ = run({"rows.jsonl": "\n".join([*good, "broken", "[]", '{"x": 1}', ""])}, "skill")
    assert prepared.summary.kept == 1 and prepared.summary.dropped == {"unreadable": 3, "empty": 2}
    assert {row["source"] for row in rows("review.jsonl")} == {f"rows.jsonl:{n}" for n in (2, 3, 4, 5, 6)}


def test_columns_can_be_named(run: Run, rows: Any) -> None:
    columns = Data(input_column="frage", output_column="antwort", group_column="kunde")
    table = "frage,antwort,kunde,am\nwas kostet das,drei Euro,7,2020-05-01\n"
    run({"t.csv": table}, "skill", columns=columns, date_column="am")
    (row,) = rows("examples.jsonl")
    assert (row["prompt"], row["completion"], row["group"]) == ("was kostet das", "drei Euro", "7")
    assert row["date"] == "2020-05-01T00:00:00"


def test_titles_of_texts_become_their_instructions(run: Run, rows: Any) -> None:
    text = "It rained on the bees all morning, and they stayed at home and hummed. " * 3
    notes = [{"title": f"Bees {n}", "text": f"# Bees {n}\n\n{text} {n}", "series": "bees"} for n in range(3)]
    run({"notes.jsonl": "".join(json.dumps(note) + "\n" for note in notes)}, "style")
    first = rows("examples.jsonl")[0]
    assert first["prompt"] == "Write the text: Bees 0" and first["group"] == "bees"
    assert first["completion"].startswith("It rained")


def test_documents_give_answers_for_a_skill_and_are_copied_for_the_ground_rung(
    run: Run, rows: Any, tmp_path: Path
) -> None:
    page = "# Help\n\n## How do I pay?\n\nBy card, or later by transfer.\n\n## Where are you?\n\nAt the mill.\n"
    run({"help.md": page}, "skill")
    assert pairs(rows) == [("How do I pay?", "By card, or later by transfer."), ("Where are you?", "At the mill.")]
    assert (tmp_path / "job" / "documents" / "help.md").read_text() == page
    assert 'documents = "documents"' in (tmp_path / "job" / "job.toml").read_text()


def test_long_documents_are_divided_into_sections_with_their_lines() -> None:
    body = "word " * 500
    document = Document("a.md", f"---\ntitle: x\n---\n# Bees\n\n{body}\n\n## Short\n\nfew words\n\n## Long\n\n{body}\n")
    found = list(sections(document))
    assert [title for title, _, _ in found] == ["Bees", "Bees: Short"]
    assert document.text.split("\n")[found[1][2] - 1] == "## Short" and "Long" in found[1][1]
    assert [title for title, _, _ in sections(Document("b", "# T\n\nshort"))] == ["T"]


def test_questions_without_headings_are_found() -> None:
    text = "Q: How much?\nA: Three.\n\n**Q:** When?\n**A:** Now.\n"
    assert [(q, a) for q, a, _ in questions_in(Document("a", text))] == [("How much?", "Three."), ("When?", "Now.")]
    assert list(questions_in(Document("a", "# No question\n\ntext"))) == []


@pytest.mark.parametrize(
    "text, iso",
    [
        ("2020-05-01", "2020-05-01T00:00:00"),
        ("2020-05-01T10:00:00Z", "2020-05-01T10:00:00+00:00"),
        ("1588291200", "2020-05-01T00:00:00+00:00"),
        ("soon", ""),
    ],
)
def test_dates(text: str, iso: str) -> None:
    assert iso_date(text) == iso


def test_a_truncated_file_is_named_and_the_others_are_read(run: Run, rows: Any) -> None:
    good = '{"prompt": "a b", "completion": "c"}\n'
    _, events = run(
        {
            "bad.json": '[{"prompt": "x y", "completion": "z"}, {"prompt"',
            "good.jsonl": good,
            "locked.pdf": b"%PDF broken",
        },
        "skill",
    )
    assert {row["completion"] for row in rows("examples.jsonl")} == {"c", "z"}
    told = [event.text for event in events if isinstance(event, Note) and event.level == "warning"]
    assert any(text.startswith("bad.json") and "truncated" in text for text in told)
    assert any(text.startswith("locked.pdf") for text in told)


KEYS = (
    *("prompt", "completion", "turns", "role", "text", "title", "messages", "content", "from", "ticket", "comments"),
    *("body", "date", "id", "group"),
)
JSONISH = st.recursive(
    st.one_of(st.none(), st.text(max_size=12), st.integers()),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(KEYS), inner, max_size=4),
    max_leaves=12,
)


@settings(max_examples=60, deadline=None)
@given(st.lists(JSONISH, min_size=1, max_size=5), st.sampled_from(["style", "skill", "persona"]))
def test_any_rows_are_prepared_or_rejected(tmp_path_factory: Any, values: list[Any], purpose: str) -> None:
    folder = tmp_path_factory.mktemp("any")
    (folder / "rows.jsonl").write_text("".join(json.dumps(value) + "\n" for value in values))
    try:
        prepared, _ = finish(prepare([folder / "rows.jsonl"], PrepareOptions(purpose), folder / "job"))  # type: ignore[arg-type]
    except GradschoolError as error:
        assert str(error)
    else:
        written = [json.loads(line) for line in (folder / "job" / "examples.jsonl").read_bytes().splitlines()]
        assert len(written) == prepared.summary.kept <= prepared.summary.read


@settings(max_examples=80, deadline=None)
@given(
    st.binary(min_size=1, max_size=300),
    st.sampled_from(["x.md", "x.csv", "x", "x.eml", "x.json"]),
    st.sampled_from(["style", "skill", "persona"]),
)
def test_any_file_is_prepared_or_rejected(tmp_path_factory: Any, content: bytes, name: str, purpose: str) -> None:
    folder = tmp_path_factory.mktemp("any")
    (folder / name).write_bytes(content)
    try:
        finish(prepare([folder / name], PrepareOptions(purpose), folder / "job"))  # type: ignore[arg-type]
    except GradschoolError as error:
        assert str(error)
