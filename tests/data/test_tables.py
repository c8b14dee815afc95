"""Tables as programs write them: titles, `sep=`, surplus commas, short rows, columns of one name, words for nothing."""

import json

import openpyxl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gradschool.data.read import read_examples
from gradschool.errors import DataError
from gradschool.settings import Data

ROWS = [(f"The gate {n} is stuck.", ("repair", "wait")[n % 2]) for n in range(12)]


def table(delimiter=",", end="", header="text,label"):
    lines = [header.replace(",", delimiter), *(delimiter.join(row) + end for row in ROWS)]
    return "\n".join(lines) + "\n"


LAYOUTS = {
    "sep": "sep=;\n" + table(";"),
    "quoted sep": '"sep=;"\n' + table(";"),
    "sep of tabs": "SEP=\t\r\n" + table("\t"),
    "title": "Tickets of May\n\n" + table(),
    "title with a comma": "Tickets, May\n" + table(),
    "titles": "Tickets\nMade by: the office; all, of them\n,,\n" + table(),
    "title of a semicolon table": "Tickets, all of them\n\n" + table(";"),
    "surplus commas": table(end=",,"),
    "surplus commas everywhere": table(end=",", header="text,label,"),
    "empty first column": "\n".join(f",{line}" for line in table().splitlines()),
    "unnamed index": "\n".join(f"{n or ''},{line}" for n, line in enumerate(table().splitlines())),
    "blank lines": "\n\n" + table().replace("\n", "\n\n"),
}


@pytest.mark.parametrize("layout", LAYOUTS)
def test_layouts_of_tables(read, layout):
    reading = read(LAYOUTS[layout], "t.csv")
    assert [(example.last_user, example.ideal) for example in reading.examples] == ROWS
    titled = [issue.text for issue in reading.issues if issue.kind == "layout"]
    assert bool(titled) == ("title" in layout) and all("header" in text for text in titled)


def test_a_title_above_columns_that_the_job_names_or_nobody_knows(read):
    own = "Tickets\n\n" + table(header="alpha,beta")
    assert len(read(own, "t.csv", input_column="alpha", output_column="beta").examples) == 12
    assert read(own, "t.csv").examples[0].ideal == "repair"  # by their contents


def test_two_columns_of_one_name(read):
    reading = read("text,label,label\nThe gate is stuck.,repair,x\n", "t.csv")
    assert reading.examples[0].ideal == "repair"
    assert "several columns are called 'label'" in reading.issues[0].text
    assert reading.columns["label (2)"] == "not used"


def test_short_rows_are_read_if_nothing_of_the_example_is_missing(read):
    reading = read("text,label,note\na b,c,d\ne f,g\nh i\n" + "k l,m\n" * 3, "t.csv")
    assert [example.ideal for example in reading.examples[:2]] == ["c", "g"]
    assert [(issue.kind, issue.source.line) for issue in reading.issues] == [("unreadable", 4)]


@pytest.mark.parametrize("word", ["nan", "NaN", "NULL", "null", "#N/A", "#NV", "<NA>", "\\N", "#REF!", " nan "])
def test_words_for_nothing_are_empty_cells(read, word):
    reading = read(f"question,context,answer\nWhere?,here,a\nWho?,{word},b\nWhen?,now,{word}\nWhy?,so,c\n", "t.csv")
    assert [example.ideal for example in reading.examples] == ["a", "b", "c"]
    assert reading.examples[1].last_user == "Who?"
    (issue,) = reading.issues
    assert (issue.kind, issue.source.line, issue.severity) == ("empty answer", 4, "dropped")


@pytest.mark.parametrize("word", ["None", "NIL", "N/A", "n/a", "nan"])
@pytest.mark.parametrize("name", ["t.csv", "t.jsonl"])
def test_words_for_nothing_are_no_answers_between_texts(read, word, name):
    answers = ["in the yard", word, "at noon"]
    rows = [{"question": f"Where is lamp {n}?", "answer": answer} for n, answer in enumerate(answers)]
    table = "question,answer\n" + "".join(f"{row['question']},{row['answer']}\n" for row in rows)
    reading = read(table if name == "t.csv" else "\n".join(map(json.dumps, rows)), name)
    assert [example.ideal for example in reading.examples] == ["in the yard", "at noon"]
    assert [(issue.kind, issue.severity) for issue in reading.issues] == [("empty answer", "dropped")]


@pytest.mark.parametrize("line", ["question,answer", "Question,ANSWER", "---,---", ":--,--:"])
def test_a_repeated_header_or_a_drawn_line_is_left_out_with_a_remark(read, line):
    reading = read(f"question,answer\nWhere?,here it is\n{line}\nWho?,the smith\n", "t.csv")
    assert [example.ideal for example in reading.examples] == ["here it is", "the smith"]
    (issue,) = reading.issues
    assert issue.kind == "layout" and issue.source.line == 3 and "left out" in issue.text


def test_words_that_may_be_answers_stay(read):
    text = "text,label\n" + "".join(f"row {n},{'none' if n % 2 else 'some'}\n" for n in range(6))
    assert [example.ideal for example in read(text, "t.csv").examples] == ["some", "none"] * 3


def workbook(path, sheets):
    book = openpyxl.Workbook()
    book.remove(book.active)
    for title, rows in sheets.items():
        sheet = book.create_sheet(title)
        for row in rows:
            sheet.append(row)
    book.save(path)
    return path


def test_workbooks(tmp_path):
    rows = [["Tickets"], [], ["text", "label"], *map(list, ROWS)]
    more = [["text", "label"], ["The lock is stuck.", "wait"]]
    path = workbook(tmp_path / "t.xlsx", {"May": rows, "June": more, "Notes": [["Made by the office"]]})
    reading = read_examples(path, Data())
    assert reading.form == "text/label in workbook" and len(reading.examples) == 13
    assert str(reading.examples[0].source) == "t.xlsx:4" and reading.examples[-1].ideal == "wait"


def test_a_broken_workbook_is_an_error(tmp_path):
    path = workbook(tmp_path / "t.xlsx", {"May": [["text", "label"], ["a", "b"]]})
    path.write_bytes(path.read_bytes()[:900])
    with pytest.raises(DataError):
        read_examples(path, Data())


CELL = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=8)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.lists(CELL | st.sampled_from(["text", "label", "nan", "sep=;"]), max_size=4), max_size=6))
def test_any_lines_are_a_reading_or_an_error(tmp_path, rows):
    path = tmp_path / "t.csv"
    path.write_text("\n".join(",".join(row) for row in rows), encoding="utf-8")
    try:
        reading = read_examples(path, Data())
    except DataError as error:
        assert error.what and error.fix
        return
    assert reading.examples


@pytest.mark.parametrize("name", ["t.csv", "t.tsv", "t.jsonl"])
def test_a_table_of_one_column_is_refused_with_what_is_missing(read, name):
    lines = [f"What is number {n} of the list?" for n in range(12)]
    rows = [f'{{"text": "{line}"}}' for line in lines] if name.endswith("jsonl") else ["text", *lines]
    with pytest.raises(DataError) as raised:
        read("\n".join(rows), name)
    assert "has one column, 'text'" in raised.value.what and "ideal answer" in raised.value.why
    assert f"gradschool prepare {name} --for style --into letters --text-column text" in raised.value.fix


@pytest.mark.parametrize("cell", ["#WERT!", "#ERROR!", "#ССЫЛКА!", "#ИМЯ?", "#DIV/0!", "#NÁZEV?", "(blank)", "(leer)"])
def test_errors_of_formulas_in_any_language_are_no_answers(read, cell):
    rows = "\n".join(f"Where is gate {n}?;Left of pier {n}." for n in range(6))
    reading = read(f"question;answer\n{rows}\nWhere is it?;{cell}\n", "t.csv")
    assert len(reading.examples) == 6 and "write for an empty cell" in reading.issues[0].text


def test_a_hash_before_a_word_is_no_error(read):
    rows = "\n".join(f"Where is gate {n}?;#PIER {n}" for n in range(6))
    assert len(read(f"question;answer\n{rows}\nWhich tag?;#spring!\n", "t.csv").examples) == 7


def test_cells_of_a_table_in_markdown_are_not_padded(read):
    rows = "\n".join(f"| Where is gate {n}? | Left of {n}. |" for n in range(3))
    [example, *_] = read(f"| question | answer |\n| --- | --- |\n{rows}\n", "t.md").examples
    assert example.ideal == "Left of 0."


def test_many_columns_of_one_name_take_no_time(read):
    header = "text,label" + ",x,x (2)" * 2_000
    reading = read("\n".join([header, *(",".join(row) + ",y" * 4_000 for row in ROWS)]), "t.csv")
    assert len(reading.examples) == len(ROWS)
    assert {"x", "x (2)", "x (2001)", "x (2) (2000)"} <= set(reading.columns)
