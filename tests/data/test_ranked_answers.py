"""Of several answers with votes, scores, ranks or an accepted one, the best is the ideal answer, and this is said."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gradschool.data.formats import NoConversation, keys_by_name
from gradschool.data.ranked_answers import best_answer, number_in
from gradschool.data.row_reader import reader_of
from gradschool.errors import DataError
from gradschool.settings import Data

GOOD, BAD = "To grind corn.", "Nobody knows."
FORMS = {
    "ELI5": {"text": [BAD, GOOD], "score": [3, 40], "a_id": ["a", "b"], "text_urls": [[], []]},
    "votes as text": [{"body": BAD, "votes": "1,204"}, {"body": GOOD, "votes": "2.1k"}],
    "accepted": [{"text": GOOD, "score": 1, "is_accepted": True}, {"text": BAD, "score": 9, "is_accepted": False}],
    "selected": [{"text": BAD, "pm_score": 5, "selected": False}, {"text": GOOD, "pm_score": 0, "selected": True}],
    "none accepted": [{"text": BAD, "votes": 1, "accepted": False}, {"text": GOOD, "votes": 2, "accepted": False}],
    "one without votes": [{"text": BAD}, {"text": GOOD, "upvotes": 2}],
    "rank": [{"answer": BAD, "rank": 2}, {"answer": GOOD, "rank": 1}],
    "flag": [{"text": BAD, "is_correct": False}, {"text": GOOD, "is_correct": True}],
    "rating": [{"text": BAD, "Bewertung": "schlecht"}, {"text": GOOD, "Bewertung": "gut"}],
    "below zero": [{"text": BAD, "score": -4}, {"text": GOOD, "score": 0}],
}


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("asked", [{"question": "Why mills?"}, {"title": "Why mills?", "selftext": "", "document": ""}])
def test_the_best_answer_is_the_ideal_one_and_a_remark_says_so(read, form, asked):
    reading = read(json.dumps(asked | {"answers": FORMS[form]}))
    assert [(one.last_user, one.ideal, one.other_answers) for one in reading.examples] == [("Why mills?", GOOD, ())]
    [issue] = [issue for issue in reading.issues if issue.kind == "several answers"]
    assert "is the ideal answer" in issue.text and issue.severity == "kept"


def test_the_id_of_the_accepted_answer_may_stand_in_the_row(read):
    question = {"title": "Why mills?", "body": "I saw one.", "score": 3, "tags": ["mill"], "accepted_answer_id": 7}
    answers = [{"answer_id": 3, "body": BAD, "score": 9}, {"answer_id": 7, "body": GOOD, "score": 1}]
    [example] = read(json.dumps({"question": question, "accepted_answer_id": 7, "answers": answers})).examples
    assert (example.last_user, example.ideal) == ("Why mills?\n\nI saw one.", GOOD)


def test_a_printed_object_in_a_table_is_read_alike(read):
    cell = f"{{'text': array(['{BAD}', '{GOOD}'], dtype=object), 'score': array([3, 40])}}"
    assert read(f'question,answers\nWhy mills?,"{cell}"\n', "t.csv").examples[0].ideal == GOOD


def test_a_text_that_is_named_as_the_answer_is_the_answer(read):
    row = {"question": "Why mills?", "best_answer": GOOD, "answers": [{"text": BAD, "score": 9}]}
    assert read(json.dumps(row)).examples[0].ideal == GOOD


@pytest.mark.parametrize("answers", [{"text": [BAD], "score": [-2]}, [{"text": BAD, "rating": "bad"}]], ids=str)
def test_answers_that_readers_rejected_are_left_out(read, answers):
    with pytest.raises(DataError, match="No row of"):
        read(json.dumps({"question": "Why mills?", "answers": answers}))


def test_right_answers_without_scores_are_all_kept(read):
    row = {"question": "Why?", "answers": {"text": ["corn", "flour"], "answer_start": [1, 2]}}
    reading = read(json.dumps(row))
    assert (reading.examples[0].ideal, reading.examples[0].other_answers, reading.issues) == ("corn", ("flour",), [])


def test_numbers_as_people_write_them():
    assert [number_in(value) for value in ("1,204", "2.1k", "-3", 4, True, "many", None)] == [
        1204,
        2100,
        -3,
        4,
        *[None] * 3,
    ]


@given(
    st.dictionaries(
        st.sampled_from(["answers", "responses", "scores", "rank", "accepted_answer_id", "best"]),
        st.recursive(
            st.none() | st.booleans() | st.floats() | st.integers() | st.text(max_size=6),
            lambda inner: (
                st.lists(inner, max_size=3)
                | st.dictionaries(st.sampled_from(["text", "score", "rank", "id", "is_accepted", "x"]), inner)
            ),
            max_leaves=8,
        ),
    )
)
def test_any_row_has_a_best_answer_or_a_reason(row):
    try:
        found = best_answer(row, keys_by_name(row))
    except NoConversation as error:
        assert str(error)
    else:
        assert found is None or set(found[1]) <= set(row)


def test_a_question_is_asked_whatever_its_answers_are_worth():
    row = {"question": "Why mills?", "answers": [{"text": BAD, "score": -2}]}
    for asked in (row, row | {"response_a": BAD, "response_b": BAD, "winner": "tie"}):
        assert [one.content for one in reader_of([asked], Data()).question(asked).messages] == ["Why mills?"]


@pytest.mark.parametrize("empty", ["", "Borth."])
def test_a_key_without_a_name_is_no_answer(empty):
    row = {"": empty, "question": "Why mills?", "answers": FORMS["accepted"]}
    assert best_answer(row, keys_by_name(row))[0] == GOOD
