"""Calls as services and programs log them: the question, the answer, and rows of examples that are no calls."""

import json
from pathlib import Path
from typing import Any

import pytest

import small_job
from gradschool.cli.questions import read_questions
from gradschool.data.calls import call_of
from gradschool.data.read import read_examples
from gradschool.data.wrapped import entries
from gradschool.settings import Data

ASKED = [{"role": "system", "content": "Sort the mail."}, {"role": "user", "content": "Where is my kettle?"}]
SAID = {"role": "assistant", "content": "delivery", "refusal": None}
COMPLETION = {
    "id": "chatcmpl-1",
    "object": "chat.completion",
    "created": 1,
    "model": "old",
    "choices": [{"index": 0, "message": SAID, "finish_reason": "stop"}],
}
RESPONSE = {
    "id": "resp-1",
    "object": "response",
    "status": "completed",
    "output": [
        {"type": "reasoning", "summary": []},
        {"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": "delivery"}]},
    ],
}
MESSAGE = {"type": "message", "role": "assistant", "content": [{"type": "text", "text": "delivery"}]}
CANDIDATE = {"candidates": [{"content": {"role": "model", "parts": [{"text": "delivery"}]}, "finishReason": "STOP"}]}
REQUEST = {"model": "old", "messages": ASKED, "temperature": 0}

WHOLE: dict[str, dict[str, Any]] = {
    "a log of request and response": {"request": REQUEST, "response": COMPLETION},
    "a log of bodies": {"request": {"body": REQUEST}, "response": {"status": 200, "body": COMPLETION}},
    "a stored completion with its messages": {**COMPLETION, "messages": ASKED},
    "messages that end with the reply": {**COMPLETION, "messages": [*ASKED, SAID]},
    "a traced call": {"id": "t-1", "input": {"messages": ASKED}, "output": SAID},
    "keyword arguments": {"kwargs": REQUEST, "response": COMPLETION},
    "an item of an evaluation": {
        "object": "eval.run.output_item",
        "id": "item-1",
        "status": "fail",
        "datasource_item": {"mail": "Where is my kettle?", "label": "refund"},
        "results": [{"name": "grader", "passed": False, "score": 0}],
        "sample": {"input": ASKED, "output": [SAID], "finish_reason": "stop", "error": None},
    },
    "a response with instructions": {
        "request": {"instructions": "Sort the mail.", "input": "Where is my kettle?"},
        "response": RESPONSE,
    },
    "a message with a system text": {
        "params": {"system": "Sort the mail.", "messages": ASKED[1:]},
        "result": {"type": "succeeded", "message": MESSAGE},
    },
    "a table of calls in JSON text": {"request": json.dumps(REQUEST), "response": json.dumps(COMPLETION)},
    "an event of an evaluation": {
        "run_id": "r",
        "event_id": 3,
        "sample_id": "mails.1",
        "type": "sampling",
        "data": {"prompt": ASKED, "sampled": ["delivery"]},
    },
    "candidates": {
        "request": {
            "systemInstruction": {"parts": [{"text": "Sort the mail."}]},
            "contents": [{"role": "user", "parts": [{"text": "Where is my kettle?"}]}],
        },
        "response": CANDIDATE,
    },
}


@pytest.mark.parametrize("name", WHOLE)
def test_a_logged_call_is_an_example(name: str, tmp_path: Path) -> None:
    row = WHOLE[name]
    (tmp_path / "calls.jsonl").write_text(f"{json.dumps(row)}\n")
    [example] = read_examples(tmp_path / "calls.jsonl", Data()).examples if row.get("status") != "fail" else [None]
    if example is not None:
        assert [message.content for message in example.messages] == [*(m["content"] for m in ASKED), "delivery"]
    call = call_of(row)
    assert call is not None and call.question and call.answer and not call.failure
    [question] = read_questions([json.dumps(row)])
    assert [message.content for message in question.conversation] == [m["content"] for m in ASKED]


def test_an_answer_that_a_grader_failed_is_not_trained_on(tmp_path: Path) -> None:
    rows = [WHOLE["an item of an evaluation"] | {"status": status} for status in ("pass", "fail")]
    (tmp_path / "items.jsonl").write_text("".join(f"{json.dumps(row)}\n" for row in rows))
    [example] = read_examples(tmp_path / "items.jsonl", Data()).examples
    assert example.ideal == "delivery"


@pytest.mark.parametrize("reply", [COMPLETION, RESPONSE, MESSAGE, CANDIDATE])
def test_an_answer_without_its_question_has_the_name_of_its_request(reply: dict[str, Any]) -> None:
    call = call_of({"id": "batch-9", "custom_id": "mail-9", "response": {"status_code": 200, "body": reply}})
    assert call is not None
    assert (call.name, call.question, (call.answer or {})["content"]) == ("mail-9", None, "delivery")
    assert call.as_row({}) is None


def test_the_input_of_a_batch_is_a_question() -> None:
    line = {"custom_id": "mail-9", "method": "POST", "url": "/v1/chat/completions", "body": REQUEST}
    [question] = read_questions([json.dumps(line)])
    assert (question.id, question.conversation[-1].content) == ("mail-9", "Where is my kettle?")


def test_the_messages_of_a_stored_completion_have_its_id() -> None:
    page = {"object": "list", "data": ASKED, "first_id": "chatcmpl-7-0", "has_more": False}
    call = call_of(page)
    assert call is not None and (call.name, call.question) == ("chatcmpl-7", ASKED)


@pytest.mark.parametrize(
    "row",
    [
        {"custom_id": "a", "response": {"status_code": 429, "body": {}}, "error": None},
        {"custom_id": "a", "response": None, "error": {"code": "expired", "message": "It was not done in time."}},
        {"custom_id": "a", "result": {"type": "errored", "error": {"type": "error"}}},
        {"custom_id": "a", "result": {"type": "expired"}},
    ],
)
def test_a_failed_call_says_why(row: dict[str, Any]) -> None:
    call = call_of(row)
    assert call is not None and call.answer is None and call.failure


def test_a_reply_that_was_cut_off_or_refused() -> None:
    cut = {"choices": [{"message": SAID, "finish_reason": "length"}]}
    refused = {"choices": [{"message": {"role": "assistant", "content": None, "refusal": "I cannot say."}}]}
    assert (call_of(cut) or pytest.fail()).stop == "length"
    assert ((call_of(refused) or pytest.fail()).answer or {})["content"] == "I cannot say."


@pytest.mark.parametrize(
    "row",
    [
        {
            "question": "Which?",
            "choices": [{"label": "A", "text": "one"}, {"label": "B", "text": "two"}],
            "answer": "A",
        },
        {"question": "Which?", "choices": {"label": ["A"], "text": ["one"]}, "answerKey": "A"},
        {"code": "x = ", "error": "a value is missing", "fix": "x = 1"},
        {"input": "x", "output": {"error": "none", "status_code": 500}},
        {"subject": "Kettle", "body": "Where is it?", "reply": "On its way."},
        {"messages": [*ASKED, SAID]},
        {"prompt": "a", "completion": "b", "response": {"text": "c"}},
        {"role": "assistant", "content": "x"},
        {"params": {"input": "x"}, "question": "y", "answer": "z"},
        {"input": "x", "output": [{"name": "a", "role": "buyer"}]},
    ],
)
def test_rows_of_examples_are_no_calls(row: dict[str, Any]) -> None:
    [entry] = entries(row)
    assert entry == row


@pytest.mark.parametrize("value", [None, [], "x", {}, {"choices": []}, {"choices": [{}]}, {"response": {"body": []}}])
def test_other_values_are_no_calls(value: Any) -> None:
    assert call_of(value) is None


def test_a_list_of_completions_holds_calls() -> None:
    listed = {"object": "list", "data": [{**COMPLETION, "messages": ASKED}] * 2}
    assert [entry["id"] for entry in entries(listed)] == ["chatcmpl-1"] * 2


def test_stored_completions_are_prepared_as_examples_and_not_as_tickets(tmp_path: Path) -> None:
    rows = [
        {**COMPLETION, "id": row["id"], "messages": [{"role": "user", "content": row["prompt"]}]}
        for row in small_job.rows(30)
    ]
    (tmp_path / "stored.jsonl").write_text("".join(f"{json.dumps(row)}\n" for row in rows))
    result = small_job.run("prepare", tmp_path / "stored.jsonl", "--for", "skill", "--into", tmp_path / "job")
    assert result.exit_code == 0, result.output
    written = [json.loads(line) for line in (tmp_path / "job" / "examples.jsonl").read_text().splitlines()]
    assert len(written) == 30 and {row["completion"] for row in written} == {"delivery"}
