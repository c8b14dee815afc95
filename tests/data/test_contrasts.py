"""A good and a bad answer side by side: the good one is trained on, whatever their keys are called; and steps."""

import json

import pytest

from gradschool.errors import DataError

GOOD, BAD = "At nine, from pier two.", "No idea, ask."


@pytest.mark.parametrize(
    "good, bad",
    [("win", "lose"), ("winner", "loser"), ("good", "bad"), ("best", "worst"),
     ("response_j", "response_k"), ("good_response", "bad_response"), ("gute_antwort", "schlechte_antwort"),
     ("buena respuesta", "mala respuesta"), ("好的回答", "差的回答"), ("良い回答", "悪い回答"), ("revision", "draft"),
     ("right", "wrong"), ("helpful", "unhelpful")],
)  # fmt: skip
def test_the_good_answer_is_the_ideal_one(read, good, bad):
    reading = read(json.dumps({"question": "When does it leave?", bad: BAD, good: GOOD}))
    assert [one.ideal for one in reading.examples] == [GOOD] and reading.columns[good] == "ideal answer"


@pytest.mark.parametrize(
    "row", [{"good": "brief", "bad": "rude", "answer": GOOD}, {"good": True, "bad": 0, "answer": GOOD}]
)
def test_words_about_an_answer_do_not_replace_it(read, row):
    assert read(json.dumps({"question": "When?", **row})).examples[0].ideal == GOOD


def test_the_best_answer_goes_before_right_and_wrong_ones(read):
    row = {"question": "When?", "best_answer": GOOD, "correct_answers": [GOOD, "Nine."], "incorrect_answers": [BAD]}
    assert read(json.dumps(row)).examples[0].ideal == GOOD


def test_right_steps_are_one_answer_and_wrong_ones_none(read):
    right = {"prompt": "3 + 4 - 2?", "completions": ["3 + 4 is 7.", "7 - 2 is 5."], "labels": [True, True]}
    wrong = {**right, "labels": [True, False]}
    reading = read(f"{json.dumps(right)}\n{json.dumps(wrong)}")
    assert [one.ideal for one in reading.examples] == ["3 + 4 is 7.\n7 - 2 is 5."]
    assert [issue.kind for issue in reading.issues][:1] == ["marked as bad"]


def test_two_passages_of_a_search_are_no_answers(read):
    with pytest.raises(DataError, match="unknown"):
        read(json.dumps({"query": "When?", "positive": GOOD, "negative": BAD}))
