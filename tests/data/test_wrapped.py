"""Entries inside other entries."""

import json

import pytest

PAIR = {"question": "When?", "answer": "Now."}


@pytest.mark.parametrize(
    "value",
    [
        {"data": [PAIR]},
        {"version": "1.1", "examples": [PAIR]},
        [{"row_idx": 0, "row": PAIR, "truncated_cells": []}],
        {"features": [{"name": "question"}], "rows": [{"row_idx": 0, "row": PAIR, "truncated_cells": []}]},
    ],
)
@pytest.mark.parametrize("indent", [None, 2])
def test_wrapped_lists(read, value, indent):
    (example,) = read(json.dumps(value, indent=indent), "data.json").examples
    assert (example.last_user, example.ideal) == ("When?", "Now.")


def test_articles_with_questions_of_each_paragraph(read):
    asked = [
        {"id": f"q{n}", "question": f"Question {n}?", "answers": [{"text": f"a{n}", "answer_start": 0}]} for n in (1, 2)
    ]
    article = {"title": "Weirs", "paragraphs": [{"context": "a1 and a2 are weirs.", "qas": asked}]}
    reading = read(json.dumps({"version": "x", "data": [article]}), "weirs.json")
    assert [(e.id, e.group, e.last_user, e.ideal) for e in reading.examples] == [
        ("q1", "Weirs", "Question 1?\n\na1 and a2 are weirs.", "a1"),
        ("q2", "Weirs", "Question 2?\n\na1 and a2 are weirs.", "a2"),
    ]


def test_an_entry_with_a_list_of_its_own_stays_one(read):
    row = {"prompt": "When?", "completion": "Now.", "items": [{"a": 1}]}
    assert len(read(json.dumps(row)).examples) == 1
