"""Preference rows in their usual forms: the preferred answer is the ideal one, and no rejected answer is trained on."""

import json

import pytest

Q, GOOD, BAD = "How tall is the old mill?", "Nine metres.", "Who cares?"
ASKED = {"role": "user", "content": Q}
YES, NO = {"role": "assistant", "content": GOOD}, {"role": "assistant", "content": BAD}
SYSTEM = {"role": "system", "content": "Be exact."}
FORMS = {
    "text": {"prompt": Q, "chosen": GOOD, "rejected": BAD},
    "answers as messages": {"prompt": Q, "chosen": [YES], "rejected": [NO]},
    "all as messages": {"prompt": [ASKED], "chosen": [YES], "rejected": [NO]},
    "prompt repeated": {"prompt": Q, "chosen": [ASKED, YES], "rejected": [ASKED, NO]},
    "messages repeated": {"prompt": [ASKED], "chosen": [ASKED, YES], "rejected": [ASKED, NO]},
    "text repeated": {"prompt": Q, "chosen": f"{Q} {GOOD}", "rejected": f"{Q} {BAD}"},
    "rendered prompt": {"prompt": f"### Human: {Q}\n### Assistant:", "chosen": [ASKED, YES], "rejected": [ASKED, NO]},
    "conversations alone": {"chosen": [ASKED, YES], "rejected": [ASKED, NO]},
    "texts alone": {
        "chosen": f"\n\nHuman: {Q}\n\nAssistant: {GOOD}",
        "rejected": f"\n\nHuman: {Q}\n\nAssistant: {BAD}",
    },
    "sharegpt": {
        "conversations": [{"from": "human", "value": Q}],
        "chosen": {"from": "gpt", "value": GOOD},
        "rejected": {"from": "gpt", "value": BAD},
    },
    "messages and text": {"messages": [ASKED], "chosen": GOOD, "rejected": BAD},
    "messages with the wrong answer": {"messages": [ASKED, NO], "chosen": [ASKED, YES], "rejected": [ASKED, NO]},
    "openai": {"input": {"messages": [ASKED]}, "preferred_output": [YES], "non_preferred_output": [NO]},
    "other names": {"question": Q, "chosen_response": GOOD, "rejected_response": BAD},
    "instruction": {"instruction": Q, "input": "", "chosen": GOOD, "rejected": BAD},
    "alpaca ranked": {"instruction": Q, "output": [GOOD, BAD], "chosen": GOOD, "rejected": BAD},
    "scores": {
        "instruction": Q,
        "completions": [{"response": BAD, "overall_score": 2}, {"response": GOOD, "overall_score": 8.5}],
    },
    "ratings": {"prompt": Q, "generations": [BAD, GOOD], "ratings": [1, 5]},
    "ranks": {"prompt": Q, "responses": [BAD, GOOD], "rank": [2, 1]},
    "ranks of objects": {"prompt": Q, "answers": [{"answer": BAD, "rank": 7.0}, {"answer": GOOD, "rank": 1.0}]},
    "ranks as text": {"prompt": Q, "completions": [{"text": GOOD, "rank": "1"}, {"text": BAD, "rank": "2"}]},
    "open transcript": {
        "prompt": f"\n\nHuman: {Q}\n\nAssistant: ",
        "answers": [{"answer": BAD, "rank": 2}, {"answer": GOOD, "rank": 1}],
    },
    "contents": {
        "contents": [{"role": "user", "parts": [{"text": Q}]}],
        "completions": [
            {"score": 0.0, "completion": {"role": "model", "parts": [{"text": BAD}]}},
            {"score": 1.0, "completion": {"role": "model", "parts": [{"text": GOOD}]}},
        ],
    },
    "choice": {"post": Q, "summaries": [{"text": BAD}, {"text": GOOD}], "choice": 1},
    "sides": {"prompt": Q, "response_a": BAD, "response_b": GOOD, "winner": "model_b"},
    "numbers": {"prompt": Q, "response_0": GOOD, "response_1": BAD, "better_response_id": 0},
    "outputs": {"instruction": Q, "output_1": BAD, "output_2": GOOD, "preference": 2},
    "arena": {"conversation_a": [ASKED, YES], "conversation_b": [ASKED, NO], "winner": "model_a"},
    "history": {"history": Q, "human_ref_A": BAD, "human_ref_B": GOOD, "labels": 0},
    "strength": {"prompt": Q, "response_1": GOOD, "response_2": BAD, "preference_strength": -2},
    "strength of the second": {"context": [ASKED], "response1": BAD, "response2": GOOD, "overall_preference": 1},
    "scores by number": {"question": Q, "answer_0": BAD, "score_0": -0.5, "answer_1": GOOD, "score_1": 0.5},
    "scores by letter": {"prompt": Q, "response_a": GOOD, "response_a_rating": "4", "response_b": BAD, "rating_b": 2}
    | {"response_b_rating": 2},
    "flags": {"prompt": Q, "response_a": BAD, "response_b": GOOD, "winner_model_a": 0, "winner_model_b": 1}
    | {"winner_tie": 0},
    "votes": {"question": Q, "answers": [{"text": BAD, "pm_score": 1, "author": "x"}, {"text": GOOD, "pm_score": 4}]},
    "safe": {"prompt": Q, "response_0": GOOD, "response_1": BAD, "better_response_id": 0, "is_response_0_safe": True},
    "right and wrong": {"question": Q, "best_answer": GOOD, "incorrect_answers": [BAD]},
}


@pytest.mark.parametrize("form", FORMS)
def test_the_preferred_answer_is_the_ideal_one(read, form):
    reading = read(json.dumps(FORMS[form]))
    (example,) = reading.examples
    assert [(message.role, message.content) for message in example.messages] == [("user", Q), ("assistant", GOOD)]
    assert example.other_answers == ()
    assert {issue.kind for issue in reading.issues} <= {"unused column", "several answers"}


def test_a_system_message_in_the_answers_stands_first(read):
    (example,) = read(json.dumps({"prompt": Q, "chosen": [SYSTEM, ASKED, YES], "rejected": [NO]})).examples
    assert [message.role for message in example.messages] == ["system", "user", "assistant"]
    (example,) = read(json.dumps({"prompt": [SYSTEM, ASKED], "chosen": [ASKED, YES], "rejected": [NO]})).examples
    assert [message.content for message in example.messages] == ["Be exact.", Q, GOOD]


def test_earlier_turns_are_kept(read):
    earlier = [{"role": "user", "content": "Hello?"}, {"role": "assistant", "content": "Hello!"}]
    (example,) = read(json.dumps({"chosen": [*earlier, ASKED, YES], "rejected": [*earlier, ASKED, NO]})).examples
    assert [message.content for message in example.messages] == ["Hello?", "Hello!", Q, GOOD]
    (example,) = read(json.dumps({"prompt": [*earlier, ASKED], "chosen": [YES], "rejected": [NO]})).examples
    assert [message.content for message in example.messages] == ["Hello?", "Hello!", Q, GOOD]


def test_a_tie_is_left_out_with_a_remark(read):
    tie = FORMS["sides"] | {"winner": "tie"}
    reading = read(f"{json.dumps(tie)}\n" + "\n".join([json.dumps(FORMS["sides"])] * 2))
    (issue,) = reading.issues
    assert len(reading.examples) == 2 and issue.source.line == 1 and "none is preferred" in issue.text


@pytest.mark.parametrize("word", ["better", "preferred", "choice", "chosen", "winner", "picked by Ada", "label"])
@pytest.mark.parametrize("value", ["answer_2", "Answer 2", "answer2"])
def test_a_value_that_names_the_key_of_an_answer_prefers_it(read, word, value):
    (example,) = read(json.dumps({"question": Q, "answer_1": BAD, "answer_2": GOOD, word: value})).examples
    assert [message.content for message in example.messages] == [Q, GOOD]


@pytest.mark.parametrize("word", ["worse", "rejected"])
def test_a_value_that_names_the_key_of_the_worse_answer_prefers_the_other(read, word):
    (example,) = read(json.dumps({"question": Q, "answer_1": BAD, "answer_2": GOOD, word: "answer_1"})).examples
    assert [message.content for message in example.messages] == [Q, GOOD]


def test_one_of_three_answers_is_preferred(read):
    sides = {"response_a": BAD, "response_b": GOOD, "response_c": BAD}
    (example,) = read(json.dumps({"prompt": Q} | sides | {"best": "response_b"})).examples
    assert example.ideal == GOOD


@pytest.mark.parametrize(("good", "bad"), [("No", "Yes"), ("Ja", "Nein"), ("yes", "no")])
def test_answers_that_look_like_flags_are_answers_if_there_are_no_others(read, good, bad):
    (example,) = read(json.dumps({"prompt": Q, "chosen": good, "rejected": bad})).examples
    assert example.ideal == good


def test_a_tie_under_any_word_is_no_answer(read):
    better = {"question": Q, "answer_1": BAD, "answer_2": GOOD, "better": "answer_2"}
    reading = read("\n".join(map(json.dumps, [better, better | {"better": "tie"}, better])))
    assert [example.ideal for example in reading.examples] == [GOOD, GOOD]
    assert "none is preferred" in reading.issues[0].text


def test_the_use_of_each_column_is_shown(read):
    columns = read(json.dumps(FORMS["text"])).columns
    assert columns == {
        "prompt": "user message",
        "chosen": "ideal answer",
        "rejected": "rejected answer, not trained on",
    }


@pytest.mark.parametrize(
    "row",
    [
        {"prompt": Q, "response_1": "a", "response_2": "b", "preference_strength": 0},
        {"prompt": Q, "answer_0": "a", "answer_1": "b", "score_0": 0.0, "score_1": 0.0},
        {"prompt": Q, "response_a": "a", "response_b": "b", "winner_model_a": 0, "winner_model_b": 0, "winner_tie": 1},
        {"prompt": Q, "response_0": "a", "response_1": "b", "better_response_id": 0, "is_response_0_safe": False},
    ],
)
def test_a_row_without_a_preferred_answer_is_left_out_with_the_reason(read, row):
    reading = read("\n".join(map(json.dumps, [row, *FORMS.values()])))
    assert len(reading.examples) == len(FORMS)
    (issue,) = [issue for issue in reading.issues if issue.severity == "dropped"]
    assert issue.source.line == 1 and ("none is preferred" in issue.text or "safe" in issue.text)


@pytest.mark.parametrize(
    "row",
    [
        {"prompt": Q, "response": BAD, "corrected_response": GOOD},
        {"question": Q, "answer": BAD, "answer_corrected": GOOD},
        {"instruction": Q, "output": BAD, "edited_output": GOOD, "rating": 1},
        {"prompt": Q, "original_response": BAD, "edited_response": GOOD},
        {"question": Q, "answer": BAD, "ground_truth": GOOD},
        {"question": Q, "model_answer": BAD, "correct_answer": GOOD, "label": False},
        {"input": Q, "prediction": BAD, "expected_output": GOOD},
        {"messages": [ASKED], "completion": BAD, "revised_completion": GOOD},
        {"prompt": Q, "response": GOOD, "corrected_response": ""},
        {"prompt": Q, "response": GOOD, "correction": "none"},
    ],
    ids=str,
)
def test_a_correction_is_the_ideal_answer(read, row):
    (example,) = read(json.dumps(row)).examples
    assert (example.last_user, example.ideal, example.other_answers) == (Q, GOOD, ())


def test_a_correction_that_may_be_a_comment_is_asked_about(read):
    rows = [{"prompt": f"{Q} {n}", "response": GOOD, "correction": "Say more." if n else ""} for n in range(2)]
    reading = read("\n".join(map(json.dumps, rows)))
    (issue,) = reading.issues
    assert len(reading.examples) == 1 and issue.severity == "dropped" and "data.output_column" in issue.text


def test_a_correction_of_a_row_that_is_not_to_be_used_is_left_out_too(read):
    rows = [{"prompt": Q, "response": BAD, "corrected_response": GOOD, "train": train} for train in (True, False)]
    assert len(read("\n".join(map(json.dumps, rows))).examples) == 1


def test_a_text_and_its_correction_are_no_answers(read):
    assert read(json.dumps({"text": "He go.", "corrected_text": "He goes."} | {"output": "x"})).examples[0].ideal == "x"
