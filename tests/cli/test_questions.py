"""Questions from standard input: all accepted formats, and errors with line numbers."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gradschool.cli.questions import Question, read_questions
from gradschool.errors import DataError
from gradschool.records import Answer, Failure, Message, Passage


def user(text: str) -> tuple[Message, ...]:
    return (Message("user", text),)


TURNS = [{"role": "system", "content": "s"}, {"role": "user", "content": "q"}]

FORMS: list[tuple[str, Question]] = [
    ("What is it?", Question(user("What is it?"))),
    ("  spaces around \n", Question(user("spaces around"))),
    ('"a string"', Question(user("a string"))),
    ("42", Question(user("42"))),
    ("null", Question(user("null"))),
    *((json.dumps({key: "q"}), Question(user("q"))) for key in ("question", "prompt", "input", "text", "instruction")),
    (json.dumps({"id": 7, "prompt": "q"}), Question(user("q"), "7")),
    (json.dumps({"id": None, "prompt": "q"}), Question(user("q"), None)),
    (json.dumps({"messages": TURNS}), Question((Message("system", "s"), Message("user", "q")))),
    (
        json.dumps({"id": "a", "messages": [*TURNS, {"role": "assistant", "content": "ideal"}]}),
        Question((Message("system", "s"), Message("user", "q")), "a"),
    ),
    ("\ufeff" + json.dumps({"prompt": "é"}), Question(user("é"))),
]


@pytest.mark.parametrize("line, question", FORMS)
def test_accepted_formats(line: str, question: Question) -> None:
    assert read_questions([line]) == [question]


BROKEN: list[tuple[str, str]] = [
    ("{broken", "not valid JSON"),
    ("[1, 2", "not valid JSON"),
    ("[" * 100_000, "not valid JSON"),
    ("{}", "It needs `messages`"),
    ('{"messages": "text"}', "It needs `messages`"),
    ('{"messages": [{"role": "user"}]}', "It needs `messages`"),
    ('{"messages": [{"role": "user", "content": null}]}', "It needs `messages`"),
    ('{"messages": [{"role": "user", "content": [{"type": "text"}]}]}', "It needs `messages`"),
    ('{"messages": [{"role": 1, "content": "q"}]}', "It needs `messages`"),
    ('{"messages": 3}', "It needs `messages`"),
    ('{"messages": []}', "empty"),
    ('{"messages": [{"role": "assistant", "content": "a"}]}', "empty"),
]


@pytest.mark.parametrize("line, why", BROKEN, ids=range(len(BROKEN)))
def test_invalid_line_is_reported_with_its_number(line: str, why: str) -> None:
    with pytest.raises(DataError) as caught:
        read_questions(["fine", "", line])
    assert "Line 3 " in caught.value.what and why in caught.value.why


@pytest.mark.parametrize("lines", [[], ["", "  \n"]])
def test_empty_input_is_an_error(lines: list[str]) -> None:
    with pytest.raises(DataError, match="no questions"):
        read_questions(lines)


@given(st.lists(st.text(max_size=40), max_size=4))
def test_any_text_gives_questions_or_a_data_error(lines: list[str]) -> None:
    try:
        questions = read_questions(lines)
    except DataError:
        return
    assert 1 <= len(questions) <= len(lines)
    assert all(q.conversation and all(isinstance(m.content, str) for m in q.conversation) for q in questions)


def test_answer_row_has_id_citations_and_failure() -> None:
    passage = Passage("p", "text", "a.md", 0, 4, 3, 5, page=2)
    row: dict[str, Any] = Question(user("q"), "7").answered(Answer("a", citations=(passage,)))
    assert row == {
        "id": "7",
        "answer": "a",
        "stop": "stop",
        "citations": [{"file": "a.md", "lines": [3, 5], "page": 2, "text": "text"}],
    }
    failed = Answer("", "error", failure=Failure("server", "it is gone"))
    assert Question(user("q")).answered(failed) == {
        "answer": "",
        "stop": "error",
        "failure": {"kind": "server", "reason": "it is gone"},
    }
