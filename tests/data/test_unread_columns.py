"""What is not read is named: content, and what looks like grades of the answers."""

import json

import pytest

from gradschool.data.unread_columns import looks_graded


def issues(read, values, key="Urteil der Kollegin", **more):
    rows = [
        {"question": f"Where is gate {n}?", "answer": f"Left of pier {n}.", key: value, **more}
        for n, value in enumerate(values)
    ]
    return [(issue.kind, issue.text) for issue in read("\n".join(map(json.dumps, rows))).issues]


@pytest.mark.parametrize(
    "key, values",
    [
        ("Kollegin meint", ["gut", "schlecht", "gut"]), ("kollegin", ["ok", "bad"]), ("Ada", ["buena", "mala"]),
        ("Punktwertung", [1, 2, 3, 4, 5] * 3), ("bestanden", [True, True, False] * 4), ("Ada", ["3/5", "5/5"] * 4),
        ("Prüfung", ["ja", "nein"] * 4), ("rating", ["naja", "top", "naja"]), ("評価者", ["×", "○"] * 4),
    ],
)  # fmt: skip
def test_a_column_that_looks_like_grades_is_named_with_what_to_do(read, key, values):
    [(kind, text)] = issues(read, values, key)
    assert kind == "unknown rating" and repr(key) in text and ("rename it to `rating`" in text or "write `bad`" in text)


@pytest.mark.parametrize(
    "key, values",
    [
        ("difficulty", [1, 2, 3] * 4), ("has_code", [True, False] * 6), ("sentiment", ["negative", "positive"] * 4),
        ("topic", ["a", "b"] * 4), ("turns", [1, 2, 3] * 4), ("size", [3, 800] * 6), ("language", ["de", "no"] * 4),
        ("rating", ["good", "great"] * 3), ("rating", [4, 5] * 5), ("feedback", ["Come back soon.", "Nice."]),
    ],
)  # fmt: skip
def test_other_columns_are_not_taken_for_grades(read, key, values):
    assert issues(read, values, key) == []


def test_grades_of_a_text_judge_no_answer(read):
    rows = [{"text": f"The tap drips {n}.", "label": "ab"[n % 2], "stars here": 1 + n % 5} for n in range(20)]
    assert read("\n".join(map(json.dumps, rows))).issues == []


@pytest.mark.parametrize(
    "key", ["character", "Profile", "user_profile", "hint", "constraints", "Hintergrund", "distractor1"]
)
def test_a_column_with_content_is_named_however_short_it_is(read, key):
    [(kind, text)] = issues(read, ["Grumpy pirate", "Nurse"], key)
    assert kind == "unused column" and repr(key) in text


def test_content_without_spaces_between_words_is_named(read):
    [(kind, _)] = issues(read, ["これは回答のための重要な注意です"] * 2, "特記")
    assert kind == "unused column"


def test_few_numbers_are_no_scale():
    assert not looks_graded("x", {"1": 1, "2": 1}) and looks_graded("x", {"1": 9, "2": 9})


def test_marks_in_an_object_under_an_unknown_name_are_named(read):
    rows = [{"question": "Where?", "answer": "At the weir.", "helios-panel": {"rating": bool(n)}} for n in range(2)]
    [issue] = read("\n".join(map(json.dumps, rows))).issues
    assert issue.kind == "unknown rating" and "rename it to `feedback`" in issue.text
