"""Multiple choice: the choices are part of the question, and the answer is a label or a text of them."""

import json

import pytest

from gradschool.errors import DataError

LISTED = "Which one floats?\n\nA. cork\nB. lead\nC. brick"
TEXTS = ["cork", "lead", "brick"]
LABELLED = [{"label": label, "text": text} for label, text in zip("ABC", TEXTS, strict=True)]
FORMS = [
    {"question": "Which one floats?", "choices": TEXTS, "answer": 0},
    {"question": "Which one floats?", "choices": TEXTS, "answer": "A"},
    {"question": "Which one floats?", "choices": {"text": TEXTS, "label": ["A", "B", "C"]}, "answerKey": "A"},
    {"question": "Which one floats?", "options": {"A": "cork", "B": "lead", "C": "brick"}, "answer": "A"},
    {"question": "Which one floats?", "options": LABELLED, "correct_option": "A"},
    {"question": "Which one floats?", "A": "cork", "B": "lead", "C": "brick", "answer": "A"},
    {"question": "Which one floats?", "option_a": "cork", "option_b": "lead", "option_c": "brick", "answer": "A"},
    {"question": "Which one floats?", "opa": "cork", "opb": "lead", "opc": "brick", "label": "A"},
]  # fmt: skip


@pytest.mark.parametrize("row", FORMS, ids=lambda row: "/".join(row))
def test_the_choices_are_read_after_the_question(read, row):
    (example,) = read(json.dumps(row)).examples
    assert (example.last_user, example.ideal) == (LISTED, "A")


def test_the_text_of_a_choice_stays_the_answer(read):
    (example,) = read(json.dumps(FORMS[0] | {"answer": "lead"})).examples
    assert (example.last_user, example.ideal) == (LISTED, "lead")


@pytest.mark.parametrize("first", [0, 1])
def test_positions_count_from_0_or_1_as_the_file_shows(read, first):
    rows = [FORMS[0] | {"question": f"{n}?", "answer": n + first} for n in range(3)]
    reading = read("\n".join(map(json.dumps, rows)))
    assert [example.ideal for example in reading.examples] == ["A", "B", "C"]
    (issue,) = reading.issues
    assert issue.kind == "choices" and f"counted from {first}" in issue.text


def test_a_position_without_a_choice_is_an_error_of_its_row(read):
    rows = [FORMS[0] | {"question": f"{n}?", "answer": n} for n in (0, 1, 2, 7)]
    reading = read("\n".join(map(json.dumps, rows)))
    assert [issue.source.line for issue in reading.issues if issue.severity == "dropped"] == [4]
    with pytest.raises(DataError, match="3 choices"):
        read(json.dumps(FORMS[0] | {"answer": 9}))


def test_a_table_with_a_column_for_each_choice(read):
    text = "question,A,B,C,answer\nWhich one floats?,cork,lead,brick,B\n"
    assert read(text, "t.csv").examples[0].last_user == LISTED


def test_settings_are_no_choices(read):
    row = {"prompt": "When?", "completion": "Now.", "options": {"temperature": 0.1, "top_p": 1}}
    assert read(json.dumps(row)).examples[0].last_user == "When?"


def test_the_name_of_a_choice_as_the_answer_is_its_letter(read):
    row = {"question": "Which is a bird?", "option_a": "An elm", "option_b": "A wren", "correct_answer": "option_b"}
    (example,) = read(json.dumps(row)).examples
    assert example.ideal == "B" and "B. A wren" in example.messages[0].content
    row = {"question": "Which is a bird?", "answer_1": "An elm", "answer_2": "A wren", "correct_answer": "answer_2"}
    assert read(json.dumps(row)).examples[0].ideal == "B"
    row = {"question": "Which is a bird?", "ending0": "An elm", "ending1": "A wren", "correct_answer": "ending1"}
    assert read(json.dumps(row)).examples[0].ideal == "B"
