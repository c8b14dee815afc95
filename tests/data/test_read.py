"""Files as they occur in practice: other encodings, broken lines, giant lines, tables, and no examples at all."""

import csv
import io
import json
import tracemalloc

import pytest

from gradschool.data import encoding, parse
from gradschool.data.read import read_examples
from gradschool.errors import DataError
from gradschool.settings import Data

GOOD = '{"prompt": "a?", "completion": "b"}'


def test_lines_ids_and_groups(read):
    grouped = '{"id": "x", "group": 7, "prompt": "c?", "completion": "d"}'
    again = '{"id": "x", "prompt": "e", "completion": "f"}'
    reading = read(f"\n{GOOD}\n{grouped}\n{again}\n")
    first, second, third = reading.examples
    assert (first.id, first.group, str(first.source)) == ("examples-2", "examples-2", "examples.jsonl:2")
    assert (second.id, second.group) == ("x", "7")
    assert (third.id, third.group) == ("examples-4", "examples-4")
    (issue,) = reading.issues
    assert issue.kind == "repeated id" and issue.source.line == 4


def test_entries_on_one_line_have_different_ids(read):
    reading = read("[" + ",".join([GOOD] * 5) + "]", "list.json")
    assert [example.id for example in reading.examples] == ["list-1", "list-1-2", "list-1-3", "list-1-4", "list-1-5"]


def test_a_generated_id_never_takes_a_given_one(read):
    given = '{"id": "examples-3", "prompt": "c", "completion": "d"}'
    assert len({example.id for example in read(f"{given}\n{GOOD}\n{GOOD}").examples}) == 3


@pytest.mark.parametrize("codec", ["utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32"])
def test_unicode_encodings_are_recognized(read, codec):
    reading = read('{"prompt": "Où est le café ?", "completion": "Là – “ici”."}\n'.encode(codec))
    assert (reading.examples[0].last_user, reading.examples[0].ideal) == ("Où est le café ?", "Là – “ici”.")
    assert reading.issues == []


def test_windows_1252_is_read_and_reported_with_its_line(read):
    row = '{"prompt": "café “now”", "completion": "b"}\n'
    reading = read(GOOD.encode() + b"\n" + row.encode("cp1252") + row.encode())
    assert [example.last_user for example in reading.examples] == ["a?", "café “now”", "café “now”"]
    (issue,) = reading.issues
    assert (issue.kind, issue.severity, issue.source.line) == ("encoding", "kept", 2)
    assert "Windows-1252" in issue.text


def test_lone_surrogates_never_reach_a_file(read):
    reading = read('{"id": "\\ud800", "prompt": "a \\ud83d", "completion": {"k": "\\udc00"}}\n')
    json.dumps([[m.content for m in e.messages] for e in reading.examples], ensure_ascii=False).encode()
    assert {issue.kind for issue in reading.issues} == {"encoding", "structured answer"}


def test_broken_lines_are_skipped_unless_they_are_the_majority(read):
    reading = read(f"{GOOD}\n{{broken\n{GOOD}\n[1, 2]\n{GOOD}\n")
    assert [(issue.kind, issue.source.line) for issue in reading.issues] == [("unreadable", 2), ("unreadable", 4)]
    assert "not valid JSON: expecting property name" in reading.issues[0].text
    with pytest.raises(DataError, match=r"(?s)2 of 3 lines .*more than half.*examples.jsonl:2"):
        read(f"{GOOD}\n{{broken\n{{broken\n")


def test_a_giant_line_affects_no_other(read):
    giant = b'{"prompt": "' + b"x" * 50_000_000 + b'", "completion": "y"}\n'
    reading = read(GOOD.encode() + b"\n" + giant + GOOD.encode() + b"\n")
    (issue,) = reading.issues
    assert (issue.kind, issue.source.line) == ("unreadable", 2) and "longer than 8 MB" in issue.text
    assert [example.source.line for example in reading.examples] == [1, 3]


@pytest.fixture
def small_limit(monkeypatch):
    """Lines of at most 64 KB, so that a test of the limit is quick."""
    for module in (encoding, parse):
        monkeypatch.setattr(module, "MAX_LINE", 1 << 16)


def test_a_giant_first_entry_is_an_error_with_its_line_and_never_fully_in_memory(read, small_limit):
    content = b'\n{"prompt": "' + b"x" * 5_000_000 + b'"}'
    tracemalloc.start()
    with pytest.raises(DataError, match=r"examples.jsonl:2 cannot be read"):
        read(content)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 2_000_000


def test_a_giant_line_of_a_table_is_skipped(read, small_limit):
    reading = read("text,label\na,b\n" + "x" * 100_000 + ",c\nd,e\n", "table.csv")
    assert [example.source.line for example in reading.examples] == [2, 4]
    assert [(issue.source.line, issue.kind) for issue in reading.issues] == [(3, "unreadable")]


def test_a_list_on_one_long_line_is_read_entry_by_entry(read, small_limit):
    rows = [{"prompt": f"{n} " + "word " * 100, "completion": "b"} for n in range(300)]
    reading = read(json.dumps(rows))
    assert [example.last_user for example in reading.examples] == [row["prompt"] for row in rows]
    assert reading.issues == []


def test_pretty_printed_objects_without_a_list(read):
    row = {"messages": [{"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}]}
    text = json.dumps(row, indent=1).replace('{\n   "role"', '{"role"')
    reading = read("\n".join([text] * 3))
    assert reading.form == "messages in JSON objects" and len(reading.examples) == 3
    assert reading.examples[1].source.line == 2 + text.count("\n")


@pytest.mark.parametrize(
    "content, words",
    [
        (b"", "is empty"),
        (b" \n\n", "is empty"),
        (b"\xef\xbb\xbf", "is empty"),
        (b"\x00\x01\x02\x03" * 100, "binary file"),
        (b"PK\x03\x04rest", "zip archive"),
        (b"\x1f\x8b\x08rest", "gunzip"),
        (b"hello world", "neither JSON nor a table"),
        (b"[]", "no examples"),
        (b"text,label\n", "no examples"),
        (b'[{"prompt": "a", "completion": "b"},\n{"prompt": "a"', "examples.jsonl:2 is truncated"),
        (b'[{"prompt": "a", "completion": "b"},\n{"prompt": oops}]', "examples.jsonl:2 is not valid JSON"),
        (b'{"a": ' * 100_000, "examples.jsonl:1"),
        (b"[" * 100_000, "examples.jsonl:1"),
        (b"3", "neither JSON nor a table"),
    ],
)
def test_files_without_examples_are_errors_with_the_reason(read, content, words):
    with pytest.raises(DataError) as caught:
        read(content)
    assert words in str(caught.value)
    assert caught.value.fix


def test_a_missing_file_and_a_folder(tmp_path):
    with pytest.raises(DataError, match="does not exist"):
        read_examples(tmp_path / "nothing.jsonl", Data())
    with pytest.raises(DataError, match="cannot be read"):
        read_examples(tmp_path, Data())


@pytest.mark.parametrize("delimiter", [",", "\t", ";", "|"])
def test_tables(read, delimiter):
    file = io.StringIO()
    csv.writer(file, delimiter=delimiter).writerows(
        [["Text", "Category", "group"], ["two\nlines", "a, b; c", "g"], [], ["long " * 60_000, "b", ""]]
    )
    reading = read(file.getvalue(), "table.csv")
    first, second = reading.examples
    assert (first.last_user, first.ideal, first.group, first.source.line) == ("two\nlines", "a, b; c", "g", 2)
    assert (second.last_user, second.group, second.source.line) == ("long " * 60_000, second.id, 5)
    assert reading.columns == {"Text": "user message", "Category": "ideal answer", "group": "group"}


def test_a_table_with_ragged_rows_and_an_open_quote(read):
    rows = "".join(f"q{n},a\n" for n in range(10))
    reading = read(f"text,label\n{rows}one\na,b,c\n", "table.csv")
    assert [(issue.source.line, issue.kind) for issue in reading.issues] == [(12, "unreadable"), (13, "unreadable")]
    reading = read(f'text,label\n{rows}"open,b\nc,d\n', "table.csv")
    (issue,) = reading.issues
    assert "lines 12 to 13 are lost" in issue.text
    with pytest.raises(DataError, match="more than half"):
        read(f'text,label\n"open,b\n{rows}', "table.csv")


def test_a_table_whose_columns_are_unknown(read):
    with pytest.raises(DataError, match=r"(?s)Its keys are: alpha, beta.*input_column"):
        read("alpha,beta\n1,2\n", "table.csv")
    assert read("alpha,beta\n1,2\n", "table.csv", input_column="alpha", output_column="beta").examples[0].ideal == "2"


def test_three_examples_read_well(read):
    assert len(read("\n".join([GOOD] * 3)).examples) == 3


@pytest.mark.parametrize("end", [".jsonl", ".json"])
@pytest.mark.parametrize("row", ['{"prompt": %s, "completion": "x"}', '{"prompt": "z", "completion": "x", "more": %s}'])
def test_a_row_that_is_nested_deeply_is_left_out(read, row, end):
    deep = row % ("[" * 500 + "1" + "]" * 500)
    content = f"{GOOD}\n{deep}\n{GOOD}\n" if end == ".jsonl" else f"[{GOOD},\n{deep},\n{GOOD}]"
    reading = read(content)
    assert len(reading.examples) == 2
    (issue,) = reading.issues
    assert issue.severity == "dropped" and "nested too deeply" in issue.text
