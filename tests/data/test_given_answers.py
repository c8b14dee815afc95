"""Answers that someone gave before: every form, alone or with the question, and what is no answer."""

import json
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import given as given_values
from hypothesis import strategies as st

from gradschool.data.given_answers import Given, read_given
from gradschool.data.read import read_examples
from gradschool.errors import DataError, GradschoolError
from gradschool.records import Message
from gradschool.settings import Data

ASKED = [{"role": "user", "content": "Where is my kettle?"}]
QUESTION, PLAIN = "Where is my kettle?", Data()


def given(folder: Path, *files: list[dict[str, Any]] | str, data: Data = PLAIN) -> list[Given]:
    return read(folder, *files, data=data)[0]


def read(folder: Path, *files: list[dict[str, Any]] | str, data: Data = PLAIN) -> tuple[list[Given], list[str]]:
    paths = {}
    for number, content in enumerate(files):
        name = f"{number}.jsonl" if isinstance(content, list) else f"{number}.csv"
        text = content if isinstance(content, str) else "".join(f"{json.dumps(row)}\n" for row in content)
        (folder / name).write_text(text)
        paths[name] = folder / name
    found = read_given(paths, data, {})
    return found.answers, found.unreadable


def batch(name: str, text: str | None, **more: Any) -> dict[str, Any]:
    body = {"choices": [{"message": {"role": "assistant", "content": text}, "finish_reason": "stop"}]}
    return {"id": f"batch-{name}", "custom_id": name, "response": {"status_code": 200, "body": body}, **more}


@pytest.mark.parametrize(
    "row",
    [
        {"prompt": QUESTION, "completion": "delivery"},
        {"question": QUESTION, "answer": "delivery", "id": "q-1"},
        {"messages": [{"role": "user", "content": QUESTION}, {"role": "assistant", "content": "delivery"}]},
        {"input": {"messages": ASKED}, "output": {"role": "assistant", "content": "delivery"}},
        {"messages": ASKED, **batch("x", "delivery")["response"]["body"]},
    ],
)
def test_a_row_with_its_question(row: dict[str, Any], tmp_path: Path) -> None:
    [one] = given(tmp_path, [row])
    assert (one.question, one.text, one.failure) == ((Message("user", QUESTION),), "delivery", "")


def test_a_table_with_questions_and_with_ids(tmp_path: Path) -> None:
    [one, other] = given(tmp_path, f"question,answer\n{QUESTION},delivery\n", "id,answer\nq-2,refund\n")
    assert (one.question[0].content, one.text) == (QUESTION, "delivery")
    assert (other.question, other.id, other.text) == ((), "q-2", "refund")


def test_the_output_of_answer_and_other_rows_with_an_id_alone(tmp_path: Path) -> None:
    rows = [
        {"id": "a", "answer": "delivery", "stop": "stop"},
        {"id": "b", "answer": "", "stop": "error", "failure": {"kind": "server", "reason": "It is down."}},
        {"id": "c", "output": "refund", "model": "old", "latency": 3},
    ]
    a, b, c = given(tmp_path, rows)
    assert (a.id, a.text, b.failure, c.text) == ("a", "delivery", "It is down.", "refund")


def test_the_halves_of_a_batch_are_joined_by_their_name(tmp_path: Path) -> None:
    asked = [
        {
            "custom_id": name,
            "method": "POST",
            "url": "/v1/chat/completions",
            "body": {"messages": [{"role": "user", "content": text}]},
        }
        for name, text in (("m-1", QUESTION), ("m-2", "Where is my lamp?"), ("m-3", "Hello?"))
    ]
    answered = [batch("m-2", "delivery"), batch("m-1", None, error={"message": "Too late."})]
    answered[1]["response"] = None
    found = given(tmp_path, answered, asked)
    assert {one.question[0].content: (one.text, one.failure) for one in found} == {
        "Where is my lamp?": ("delivery", ""),
        QUESTION: ("", "the service reports: Too late."),
        "Hello?": ("", "it holds no answer"),
    }


def test_stored_completions_and_pages_of_their_messages(tmp_path: Path) -> None:
    completion = {"id": "chatcmpl-1", "object": "chat.completion", **batch("", "delivery")["response"]["body"]}
    page = {
        "object": "list",
        "data": [{"id": "chatcmpl-1-0", "role": "user", "content": QUESTION}],
        "first_id": "chatcmpl-1-0",
    }
    [one] = given(tmp_path, [{"object": "list", "data": [completion], "has_more": False}], [page])
    assert (one.question, one.text) == ((Message("user", QUESTION),), "delivery")


def test_a_model_that_said_nothing_answered_but_an_empty_cell_is_no_answer(tmp_path: Path) -> None:
    silent = batch("m-1", "")
    logged = {"messages": [{"role": "user", "content": "Hello?"}], **batch("", "")["response"]["body"]}
    found = given(tmp_path, [silent, logged, batch("m-2", "refund")], f"question,answer\n{QUESTION},\nWhy?,that\n")
    assert [(one.text, one.failure) for one in found] == [
        ("", ""),
        ("", ""),
        ("refund", ""),
        ("", "it holds no answer"),
        ("that", ""),
    ]


def test_reasoning_is_left_out(tmp_path: Path) -> None:
    [one] = given(tmp_path, [batch("m-1", "<think>It was sent.</think>\ndelivery")])
    assert one.text.strip() == "delivery"


def test_answers_that_are_marked_as_bad_were_given_too(tmp_path: Path) -> None:
    [one] = given(tmp_path, [{"prompt": QUESTION, "completion": "refund", "feedback": "thumbs_down"}])
    assert one.text == "refund"


def test_columns_of_the_job_are_used_if_the_file_has_them(tmp_path: Path) -> None:
    data = Data(input_column="mail", output_column="team")
    own, other = given(
        tmp_path, f"mail,team\n{QUESTION},delivery\n", f"question,answer\n{QUESTION},refund\n", data=data
    )
    assert (own.text, other.text) == ("delivery", "refund")


def test_lines_that_are_no_answers_are_named(tmp_path: Path) -> None:
    found, unreadable = read(tmp_path, [{"prompt": QUESTION, "completion": "delivery"}, {"x": 1}, ["a"], 7])  # type: ignore[list-item]
    assert len(found) == 1 and [line.partition(": ")[0] for line in unreadable] == [
        "0.jsonl:2",
        "0.jsonl:3",
        "0.jsonl:4",
    ]


@pytest.mark.parametrize(
    "content",
    [
        [{"prompt": QUESTION}],
        [{"x": "y"}],
        [{"custom_id": "a", "response": None, "error": {"message": "no"}}],
        "question,answer\nWhy?,\n",
    ],
)
def test_a_file_without_answers_is_refused(content: Any, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no line holds an answer"):
        given(tmp_path, content)


def test_the_evidence_of_a_specialist(tmp_path: Path) -> None:
    row = {
        "id": "q-1",
        "group": "g",
        "question": QUESTION,
        "ideal": "refund",
        "answer": {"text": "delivery", "stop": "stop"},
        "value": 0.0,
    }
    [one] = given(tmp_path, [row])
    assert (one.question[0].content, one.text, one.last_only) == (QUESTION, "delivery", True)


KEYS = (
    *("id", "custom_id", "request", "response", "body", "choices", "message", "messages", "role", "content", "output"),
    *("input", "sample", "error", "result", "type", "text", "parts", "candidates", "data", "answer", "prompt"),
    *("sampled", "first_id"),
)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-3, 600) | st.text(max_size=6) | st.sampled_from(("assistant", "message")),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(KEYS), inner, max_size=4),
    max_leaves=12,
)


@given_values(st.lists(VALUES, min_size=1, max_size=4))
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_json_is_answers_or_an_error(tmp_path: Path, values: list[Any]) -> None:
    """Also as examples: a call is read in both."""
    (tmp_path / "any.jsonl").write_text("".join(f"{json.dumps(value)}\n" for value in values))
    for reading in (lambda path: read_given({"any": path}, PLAIN, {}), lambda path: read_examples(path, PLAIN)):
        with suppress(GradschoolError):
            reading(tmp_path / "any.jsonl")
