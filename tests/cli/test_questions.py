"""Questions from standard input: all accepted formats, and errors with line numbers."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image as Pillow

from gradschool.cli.questions import Question, read_arguments, read_file, read_questions
from gradschool.errors import DataError, UsageError
from gradschool.records import IMAGE, Answer, Failure, Message, Passage
from gradschool.settings import Data


def user(text: str) -> tuple[Message, ...]:
    return (Message("user", text),)


TURNS = [{"role": "system", "content": "s"}, {"role": "user", "content": "q"}]

FORMS: list[tuple[str, Question]] = [
    ("What is it?", Question(user("What is it?"))),
    ("  spaces around \n", Question(user("spaces around"))),
    ('"a string"', Question(user("a string"))),
    ("42", Question(user("42"))),
    ("null", Question(user("null"))),
    *((json.dumps({key: "q"}), Question(user("q"))) for key in ("question", "prompt", "input", "text", "instruction")),
    (json.dumps({"id": 7, "prompt": "q"}), Question(user("q"), "7")),
    (json.dumps({"id": None, "prompt": "q"}), Question(user("q"), None)),
    (json.dumps({"messages": TURNS}), Question((Message("system", "s"), Message("user", "q")))),
    (
        json.dumps({"id": "a", "messages": [*TURNS, {"role": "assistant", "content": "ideal"}]}),
        Question((Message("system", "s"), Message("user", "q")), "a"),
    ),
    ("\ufeff" + json.dumps({"prompt": "é"}), Question(user("é"))),
]


def asked(questions: list[Question]) -> list[tuple[Any, str | None]]:
    return [(question.conversation, question.id) for question in questions]


@pytest.mark.parametrize("line, question", FORMS)
def test_accepted_formats(line: str, question: Question) -> None:
    assert asked(read_questions([line])) == [(question.conversation, question.id)]


ROWS: list[tuple[dict[str, Any], str | None]] = [
    ({"instruction": "Count.", "input": "Three pears."}, "Count.\n\nThree pears."),
    ({"question": "Who signs?", "context": "The clerk signs."}, "Who signs?\n\nThe clerk signs."),
    ({"prompt": "Sum up.", "text": "The gate is shut on Mondays.", "completion": "Shut Mondays."}, None),
    ({"question": "Which one?", "choices": ["oak", "elm"], "answer": 1}, "Which one?\n\nA. oak\nB. elm"),
    ({"prompt": "Say it.", "completion": "Never.", "label": False}, "Say it."),
    ({"prompt": "Say it.", "chosen": "Here.", "rejected": "There."}, "Say it."),
    ({"Kundenfrage": "Wo ist der Schlüssel?", "id": "k1"}, "Wo ist der Schlüssel?"),
]


@pytest.mark.parametrize("row, text", ROWS)
def test_a_row_asks_what_training_reads_of_it(row: dict[str, Any], text: str | None) -> None:
    (question,) = read_questions([json.dumps(row)])
    assert question.conversation[-1].content == (text or "Sum up.\n\nThe gate is shut on Mondays.")


PLAIN = [
    "[A-17] Where is it?",
    "{name} asks: where is it?",
    "[1] or [2]?",
    "{broken",
    "[1, 2",
    "[[see below]]",
    "[" * 2000,
    "(a) or {b}?",
    '"quoted" or not?',
]


@pytest.mark.parametrize("place", [0, 1])
@pytest.mark.parametrize("line", PLAIN, ids=range(len(PLAIN)))
def test_a_line_of_text_may_begin_with_any_bracket(line: str, place: int) -> None:
    lines = ["When do you open?\n", "And when do you close, please?\n"]
    lines.insert(place, f"{line}\n")
    assert [q.conversation[0].content for q in read_questions(lines)] == [text.strip() for text in lines]


BROKEN: list[tuple[str, str]] = [
    ('{"prompt": "x', "not valid JSON"),
    ("{'prompt': 'x'}", "not valid JSON"),
    ('{"messages": "text"}', "no known"),
    ('{"messages": [{"role": "user"}]}', "without role or content"),
    ('{"messages": [{"role": "user", "content": null}]}', "empty"),
    ('{"messages": [{"role": "user", "content": [{"type": "image"}]}]}', "without an image"),
    ('{"messages": [{"role": 1, "content": "q"}]}', "'1'; known roles"),
    ('{"messages": 3}', "no known"),
    ('{"messages": []}', "without messages"),
    ('{"messages": [{"role": "assistant", "content": "a"}]}', "empty"),
    ('{"prompt": "half \\ud83d"}', "half a character"),
]


@pytest.mark.parametrize("line, why", BROKEN, ids=range(len(BROKEN)))
def test_one_bad_line_is_named_and_the_others_are_asked(line: str, why: str) -> None:
    first, bad, last = read_questions(["fine\n", "\n", f"{line}\n", "as well"])
    assert (first.conversation, last.conversation) == (user("fine"), user("as well"))
    assert bad.line == 3 and why in bad.unreadable and not bad.conversation
    with pytest.raises(DataError) as caught:
        read_questions([line])
    assert "Line 1 " in caught.value.what


WHOLE = [
    json.dumps([{"id": 1, "prompt": "a?"}, {"id": 2, "prompt": "b?"}], indent=1),
    json.dumps([{"id": 1, "prompt": "a?"}, {"id": 2, "prompt": "b?"}]),
    json.dumps({"id": 1, "prompt": "a?"}, indent=2) + "\n" + json.dumps({"id": 2, "prompt": "b?"}, indent=2),
    "id,prompt\n1,a?\n2,b?\n",
    "sep=;\nid;prompt\n1;a?\n2;b?\n",
    json.dumps({"data": [{"id": 1, "question": "a?"}, {"id": 2, "question": "b?"}]}),
]


@pytest.mark.parametrize("text", WHOLE, ids=range(len(WHOLE)))
def test_lists_and_tables_are_read_as_those_of_examples(text: str) -> None:
    assert asked(read_questions(text.splitlines(keepends=True))) == [(user("a?"), "1"), (user("b?"), "2")]


def test_lines_with_commas_are_no_table() -> None:
    lines = ["Dear all, when do you open?", "Hello, me again, and when do you close?"]
    assert [q.conversation for q in read_questions(lines)] == [user(line) for line in lines]


def test_the_columns_of_the_job_are_read() -> None:
    row = json.dumps({"Fall": "17", "Klausel": "Die Miete ist fällig."})
    (question,) = read_questions([row], Data(input_column="klausel", output_column="Antwort"))
    assert question.conversation == user("Die Miete ist fällig.")


@pytest.mark.parametrize("lines", [[], ["", "  \n"]])
def test_empty_input_is_an_error(lines: list[str]) -> None:
    with pytest.raises(DataError, match="no questions"):
        read_questions(lines)


@given(st.lists(st.text(max_size=40), max_size=4))
def test_any_text_gives_questions_or_a_data_error(lines: list[str]) -> None:
    try:
        questions = read_questions(lines)
    except DataError:
        return
    assert questions
    assert all(bool(q.conversation) != bool(q.unreadable) for q in questions)
    assert all(isinstance(m.content, str) for q in questions for m in q.conversation)


def test_answer_row_has_id_citations_and_failure() -> None:
    passage = Passage("p", "text", "a.md", 0, 4, 3, 5, page=2)
    row: dict[str, Any] = Question(user("q"), "7").answered(Answer("a", citations=(passage,)))
    assert row == {
        "id": "7",
        "answer": "a",
        "stop": "stop",
        "citations": [{"file": "a.md", "lines": [3, 5], "page": 2, "text": "text"}],
    }
    failed = Answer("", "error", failure=Failure("server", "it is gone"))
    assert Question(user("q")).answered(failed) == {
        "answer": "",
        "stop": "error",
        "failure": {"kind": "server", "reason": "it is gone"},
    }


def texts(questions: list[Question]) -> list[str]:
    return [question.conversation[-1].content for question in questions if not question.unreadable]


CONTENTS: dict[str, bytes] = {
    "rows.jsonl": b'{"prompt": "one"}\n{"prompt": "two"}\n',
    "list.json": b'[{"question": "one"}, {"question": "two"}]',
    "table.csv": b"id,question\n1,one\n2,two\n",
    "lines.txt": b"one\n\ntwo\n",
    "utf16.txt": "one\ntwo\n".encode("utf-16"),
    "no suffix": b"one\ntwo",
}


@pytest.mark.parametrize("name", CONTENTS)
def test_files_of_questions_are_read(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_bytes(CONTENTS[name])
    found = read_arguments([str(tmp_path / name)], [])
    assert texts(found) == ["one", "two"] and {question.file for question in found} == {str(tmp_path / name)}


def test_bytes_that_are_not_utf8_are_read_as_in_examples(tmp_path: Path) -> None:
    (tmp_path / "old.txt").write_bytes("Où est la clé ?".encode("cp1252"))
    assert texts(read_file(tmp_path / "old.txt")) == ["Où est la clé ?"]


def test_a_workbook_of_questions_is_read(tmp_path: Path) -> None:
    openpyxl = pytest.importorskip("openpyxl")
    book = openpyxl.Workbook()
    for row in (("id", "question"), ("a", "one"), ("b", "two")):
        book.active.append(row)
    book.save(tmp_path / "book.xlsx")
    found = read_file(tmp_path / "book.xlsx")
    assert texts(found) == ["one", "two"] and [question.id for question in found] == ["a", "b"]


def test_texts_files_and_standard_input_keep_their_order(here: Path) -> None:
    Path("more.txt").write_text("three\nfour\n")
    given = ["one", "two", "more.txt", "-", "six"]
    assert texts(read_arguments(given, ["five\n"])) == ["one", "two", "three", "four", "five", "six"]
    (bad,) = (question for question in read_arguments(["more.txt"], []) if question.line == 2)
    assert bad.place == "more.txt, line 2"


@pytest.mark.parametrize("name", ["gone.jsonl", "data/gone.CSV", "./notes.txt", "table.xlsx"])
def test_the_name_of_a_missing_file_is_no_question(here: Path, name: str) -> None:
    with pytest.raises(UsageError, match="There is no file"):
        read_arguments([name], [])


@pytest.mark.parametrize("text", ["What is in notes.txt?", "https://shop.example/rows.csv", "word", "x" * 5000, "a\0b"])
def test_other_texts_are_questions(here: Path, text: str) -> None:
    assert texts(read_arguments([text], [])) == [text]


def test_what_is_no_file_of_questions_says_so(here: Path) -> None:
    Path("a/b").mkdir(parents=True)
    for name in ("a/b", "a", "a/"):
        with pytest.raises(UsageError, match="is a folder"):
            read_arguments([name], [])
    for name, content in (("page.pdf", b"%PDF-1.7\0\0"), ("things.zip", b"PK\x03\x04\0\0"), ("empty.txt", b"\n")):
        Path(name).write_bytes(content)
        with pytest.raises(DataError, match=r"cannot be read|no questions") as caught:
            read_arguments([name], [])
        assert name in str(caught.value)
    Path("broken.jsonl").write_text('{"prompt": \n{"prompt":\n')
    with pytest.raises(DataError, match=r"Line 1 of broken\.jsonl"):
        read_arguments(["broken.jsonl"], [])


@pytest.mark.parametrize("text", ["[x", "{}", "[]", "{x}", "[1, 2]", "{", '["a", 1]', '["", "a"]'])
def test_text_with_brackets_is_a_question(here: Path, text: str) -> None:
    assert texts(read_arguments([text], [])) == texts(read_questions([text])) == [text]
    assert texts(read_questions(["first", text, "last"])) == ["first", text, "last"]


def test_an_empty_object_among_rows_is_a_bad_row() -> None:
    _, bad, last = read_questions(['{"prompt": "one"}', "{}", "two"])
    assert bad.line == 2 and "no known" in bad.unreadable and texts([last]) == ["two"]


def test_a_list_of_texts_is_a_list_of_questions() -> None:
    assert texts(read_questions(['["Which shelf?",', '"Who?"]'])) == ["Which shelf?", "Who?"]


def test_an_image_is_a_question_without_words_and_a_damaged_one_fails_alone(tmp_path: Path) -> None:
    Pillow.new("RGB", (8, 8), "red").save(tmp_path / "a.png")
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "link.png").symlink_to(tmp_path / "a.png")
    (tmp_path / "b.png").write_text("no image")
    names = [str(tmp_path / name) for name in ("a.png", "b.png", "elsewhere/link.png")]
    good, bad, linked = read_arguments(names, [])
    assert [one.id for one in (good, bad, linked)] == names
    [message] = good.conversation
    assert message.content == IMAGE and message.images == linked.conversation[0].images != ()
    assert bad.unreadable.startswith("it is no image")
