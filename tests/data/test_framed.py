"""Tables in JSON, as pandas and others write them, are tables: their rows are no turns of one conversation."""

import json

import pytest

ROWS = [(f"Where is gate {n}?", f"Left of pier {n}.") for n in range(12)]
NAMES = ("question", "answer")


@pytest.mark.parametrize(
    "written",
    [
        {name: [row[place] for row in ROWS] for place, name in enumerate(NAMES)},
        {name: {str(n): row[place] for n, row in enumerate(ROWS)} for place, name in enumerate(NAMES)},
        {"columns": NAMES, "index": list(range(12)), "data": ROWS},
        {"schema": {"fields": []}, "data": [dict(zip(NAMES, row, strict=True)) for row in ROWS]},
        [NAMES, *ROWS],
    ],
    ids=["lists", "columns", "split", "table", "values"],
)
def test_each_row_is_an_example(read, written):
    reading = read(json.dumps(written), "t.json")
    assert [tuple(message.content for message in one.messages) for one in reading.examples] == ROWS
    assert [issue.kind for issue in reading.issues] == ["layout"]


def test_a_short_row_is_named(read):
    reading = read(json.dumps([NAMES, *ROWS, ["Where?"]]), "t.json")
    assert [issue.text for issue in reading.issues if issue.severity == "dropped"] == [
        "is no list of 2 cells, as the first line is"
    ]


def test_two_lists_of_turns_are_a_conversation(read):
    [example] = read(json.dumps({"question": ["Where?", "When?"], "answer": ["Here.", "Now."]})).examples
    assert len(example.messages) == 4


def test_rows_that_a_viewer_cut_off_are_left_out(read):
    rows = [
        {
            "row_idx": n,
            "row": {"question": f"Where is {n}?", "answer": "At the wei"},
            "truncated_cells": ["answer"] * (n % 2),
        }
        for n in range(4)
    ]
    reading = read(json.dumps({"features": [], "rows": rows}), "t.json")
    assert len(reading.examples) == 2 and "the viewer cut off answer" in reading.issues[0].text
