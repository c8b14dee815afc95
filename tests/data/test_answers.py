"""Answers as objects and lists become their text; several right answers are kept; no JSON is trained on unsaid."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gradschool.data.answers import answers_of
from gradschool.data.formats import NoConversation

FORMS = [
    ("answers", {"text": ["1820", "in 1820"], "answer_start": [3, 0]}, ("1820", "in 1820")),
    ("answers", [{"text": "1820", "answer_start": 3}, {"text": "1820", "answer_start": 3}], ("1820",)),
    ("answer", ["1820", "in 1820"], ("1820", "in 1820")),
    ("answer", {"value": "1820", "aliases": ["in 1820"], "normalized_value": "1820", "type": "x"}, ("1820", "in 1820")),
    ("answer", {"text": "1820"}, ("1820",)),
    ("answers", {"answer_start": [3], "text": ["1820"]}, ("1820",)),
    ("answer", {"spans": ["Ilo", "Bera"], "number": "", "date": {"day": "", "month": "", "year": ""}}, ("Ilo, Bera",)),
    ("answer", {"number": "4", "date": {}, "spans": []}, ("4",)),
    ("answer", {"number": "", "date": {"day": "3", "month": "May", "year": "1820"}, "spans": []}, ("3 May 1820",)),
    ("annotations", [{"short_answers": [{"text": ["1820"], "start_token": [4]}], "yes_no_answer": [-1]}], ("1820",)),
    ("annotations", {"short_answers": [], "yes_no_answer": "YES"}, ("yes",)),
    ("output", [{"answer": "1820", "provenance": [{"title": "x"}]}, {"answer": "in 1820"}], ("1820", "in 1820")),
    ("golden_answers", ["1820"], ("1820",)),
    ("answers", "['1820', 'in 1820']", ("1820", "in 1820")),
    ("answers", '["1820"]', ("1820",)),
    ("answers", "{'text': array(['1820'], dtype=object), 'answer_start': array([3])}", ("1820",)),
    ("answers", "{'text': ['1820'], 'answer_start': [3]}", ("1820",)),
    ("answer", 1820, ("1820",)),
    ("answer", [1820, "in 1820"], ("1820", "in 1820")),
    ("answer", "[1] and [2]", ("[1] and [2]",)),
    ("completion", "['a']", ("a",)),
    ("answers", {"text": [], "answer_start": []}, ()),
    ("answer", None, ()),
    ("answer", float("nan"), ()),
]


@pytest.mark.parametrize("key, value, answers", FORMS, ids=str)
def test_the_text_of_an_answer(key, value, answers):
    notes: set[str] = set()
    assert answers_of(value, key, notes) == answers
    assert not notes


@pytest.mark.parametrize(
    "key, value",
    [("answer", {"foo": 1, "bar": [2]}), ("answers", {"spam": ["x"]}), ("short_answer", {"a": {"b": "c"}})],
)
def test_an_object_that_is_not_understood_is_no_answer_unless_the_user_names_it(read, key, value):
    with pytest.raises(NoConversation, match=r"not understood.*data.output_column"):
        answers_of(value, key, set())
    good = json.dumps({"question": "q", key: "fine"})
    reading = read(f"{good}\n{json.dumps({'question': 'When?', key: value})}\n{good}")
    assert [issue.source.line for issue in reading.issues] == [2] and len(reading.examples) == 2
    (example,) = read(json.dumps({"question": "When?", key: value}), output_column=key).examples
    assert json.loads(example.ideal) == value


def test_structured_answers_are_json_with_one_remark(read):
    rows = [{"input": f"row {n}", "output": {"seats": n}} for n in range(5)]
    reading = read("\n".join(map(json.dumps, rows)))
    assert json.loads(reading.examples[3].ideal) == {"seats": 3}
    (issue,) = reading.issues
    assert issue.kind == "structured answer" and "5 rows" in issue.text


def test_other_right_answers_are_kept(read):
    (example,) = read('{"question": "When?", "answers": {"text": ["1820", "in 1820", "1820"]}}').examples
    assert (example.ideal, example.other_answers) == ("1820", ("in 1820",))


@given(
    st.sampled_from(["answer", "answers", "output", "label", "annotations"]),
    st.recursive(
        st.none() | st.booleans() | st.floats() | st.text(max_size=6),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(st.sampled_from(["text", "value", "spans", "number", "date", "aliases", "x"]), inner)
        ),
        max_leaves=8,
    ),
)
def test_any_value_is_answers_or_a_reason(key, value):
    try:
        assert all(isinstance(text, str) for text in answers_of(value, key, set()))
    except NoConversation as error:
        assert str(error)


def test_an_object_around_an_answer_in_a_cell_is_said(read):
    reading = read('question,output\n"How many?","{""text"": ""190""}"\n"How few?","{""text"": ""3""}"\n', "t.csv")
    assert [issue.kind for issue in reading.issues] == ["structured answer"]
