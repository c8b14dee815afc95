"""Rows with lists of questions and answers."""

import json

import pytest

STORY = "The mill stands by the river. It is red."
ROUNDS = {
    "lists": {"story": STORY, "questions": ["Where is it?", "What colour?"]}
    | {"answers": {"input_text": ["by the river", "red"], "answer_start": [4, 30], "answer_end": [9, 33]}},
    "objects": {"story": STORY, "id": "s1"}
    | {"questions": [{"input_text": "Where is it?", "turn_id": 1}, {"input_text": "What colour?", "turn_id": 2}]}
    | {"answers": [{"span_text": "x", "input_text": "by the river"}, {"span_text": "y", "input_text": "red"}]},
    "dialogue": {
        "dialogue_id": "d",
        "context": STORY,
        "questions": ["Where is it?", "What colour?"],
        "turn_ids": [1, 2],
    }
    | {"answers": {"texts": [["by the river", "by the river"], ["red"]], "answer_starts": [[1, 2], [3]]}}
    | {"orig_answers": {"texts": ["by the river", "red"], "answer_starts": [1, 3]}},
}


@pytest.mark.parametrize("form", ROUNDS)
def test_rounds_about_a_text_are_conversations_of_one_group(read, form):
    reading = read(json.dumps(ROUNDS[form]))
    first, second = reading.examples
    assert [message.content for message in second.messages] == [
        *(f"{STORY}\n\nWhere is it?", "by the river", "What colour?", "red"),
    ]
    assert first.messages == second.messages[:2] and first.group == second.group and not reading.issues
    assert first.other_answers == second.other_answers == ()


def test_further_answers_to_a_round_are_right_too(read):
    row = ROUNDS["objects"] | {"additional_answers": {"0": [{"input_text": "at the river"}, {"input_text": "red"}]}}
    assert [example.other_answers for example in read(json.dumps(row)).examples] == [("at the river",), ()]


def test_questions_on_one_text_are_examples_of_one_group(read):
    row = {"article": STORY, "questions": ["Where?", "Colour?"], "answers": ["B", "A"], "id": "a7"}
    row |= {"options": [["sea", "river"], ["red", "blue"]]}
    first, second = read(json.dumps(row)).examples
    assert first.last_user == f"Where?\n\n{STORY}\n\nA. sea\nB. river" and first.ideal == "B"
    assert (second.ideal, second.group) == ("A", first.group)


def test_questions_without_an_answer_for_each_are_left_out_with_a_remark(read):
    rows = [ROUNDS["lists"], {"story": STORY, "questions": ["Where?", "Who?"], "answers": ["by the river"]}]
    reading = read("\n".join(map(json.dumps, rows)))
    (issue,) = reading.issues
    assert len(reading.examples) == 2 and issue.source.line == 2 and "an answer for each" in issue.text


@pytest.mark.parametrize("written", [True, False])
def test_lists_of_questions_and_answers_are_turns(read, written):
    as_written = json.dumps if written else list
    row = {"prompt": as_written(["Where?", "Why?"]), "response": as_written(["Here.", "So."])}
    (example,) = read(json.dumps(row)).examples
    assert [message.content for message in example.messages] == ["Where?", "Here.", "Why?", "So."]


def test_several_right_answers_to_one_question_are_no_turns(read):
    (example,) = read(json.dumps({"question": "Where?", "answers": ["Here.", "There."]})).examples
    assert (example.ideal, example.other_answers) == ("Here.", ("There.",))


@pytest.mark.parametrize(
    "row, asked",
    [
        ({"question": {"dataset": "d", "id": "7", "full_text": "Why red?"}, "answer": "So."}, "Why red?"),
        ({"info": {"id": "i", "title": "Lost", "post": "Where?", "site": None}, "summary": "So."}, "Lost\n\nWhere?"),
        ({"input": {"question": "Why?", "context": "It is red."}, "output": "So."}, "Why?\n\nIt is red."),
        ({"input": {"tone": "formal", "text": "hi"}, "output": "So."}, '{"tone": "formal", "text": "hi"}'),
    ],
)  # fmt: skip
def test_inputs_that_are_objects(read, row, asked):
    (example,) = read(json.dumps(row)).examples
    assert (example.last_user, example.ideal) == (asked, "So.")


def test_ratings_in_the_object_of_an_answer_judge_it(read):
    rows = [
        {"info": {"post": f"Post {n}."}, "summary": {"text": f"S {n}.", "policy": "p", "axes": {"overall": n}}}
        for n in range(1, 8)
    ]
    reading = read("\n".join(map(json.dumps, rows)))
    assert [example.ideal for example in reading.examples] == ["S 5.", "S 6.", "S 7."]
