"""Read questions from standard input and format their answers as JSON rows."""

import json
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from gradschool.errors import DataError
from gradschool.records import Answer, Conversation, Message

KEYS = ("question", "prompt", "input", "text", "instruction")


@dataclass(frozen=True, slots=True)
class Question:
    """A conversation to answer, and the `id` to repeat in its answer, if it has one."""

    conversation: Conversation
    id: str | None = None

    def answered(self, answer: Answer) -> dict[str, Any]:
        """The answer as one JSON row; `failure` has the reason if there is no answer."""
        row: dict[str, Any] = {"id": self.id} if self.id is not None else {}
        row |= {"answer": answer.text, "stop": answer.stop}
        if answer.citations:
            row["citations"] = [passage.as_citation() for passage in answer.citations]
        if answer.failure:
            row["failure"] = {"kind": answer.failure.kind, "reason": answer.failure.reason}
        return row


def read_questions(lines: Iterable[str]) -> list[Question]:
    """Read one question per line: an object with `messages` or with one of KEYS, a JSON string, or plain text.

    Raises DataError, with the line number, if a line is not a question, and if there are no questions.
    """
    lines = (line.removeprefix("\ufeff") for line in lines)  # the byte-order mark that some editors write
    try:
        questions = [
            _encodable(_question(line, number), number) for number, line in enumerate(lines, 1) if line.strip()
        ]
    except UnicodeDecodeError as error:
        raise DataError(
            "The questions cannot be read as text.", f"They are not UTF-8: {error}.", "save them as UTF-8 text."
        ) from error
    if not questions:
        raise DataError(
            "There are no questions.", "Standard input is empty.", "gradschool answer SPECIALIST < questions.jsonl"
        )
    return questions


def _question(line: str, number: int) -> Question:
    try:
        value = json.loads(line)
    except (ValueError, RecursionError) as error:
        if line.lstrip().startswith(("{", "[")):
            raise _bad_line(number, f"It is not valid JSON: {error}.") from error
        value = line.strip()
    if isinstance(value, str):
        return Question((Message("user", value),))
    if not isinstance(value, dict):
        return Question((Message("user", line.strip()),))
    name = None if value.get("id") is None else str(value["id"])
    text = next((value[key] for key in KEYS if isinstance(value.get(key), str)), None)
    if text is not None:
        return Question((Message("user", text),), name)
    try:
        conversation = tuple(_message(turn) for turn in value["messages"])
    except (KeyError, TypeError) as error:
        raise _bad_line(number, f"It needs `messages` with role and content, or one of: {', '.join(KEYS)}.") from error
    if conversation and conversation[-1].role == "assistant":
        conversation = conversation[:-1]  # the ideal answer of an example is not part of its question
    if not conversation:
        raise _bad_line(number, "Its conversation is empty.")
    return Question(conversation, name)


def _message(turn: Any) -> Message:
    role, content = turn["role"], turn["content"]
    if not (isinstance(role, str) and isinstance(content, str)):
        raise TypeError("not text")
    return Message(role, content)


def _encodable(question: Question, number: int) -> Question:
    """The question unchanged; raises DataError for lone surrogates, from bytes that are not UTF-8 or broken escapes."""
    try:
        "".join((question.id or "", *(m.role + m.content for m in question.conversation))).encode()
    except UnicodeEncodeError as error:
        raise _bad_line(number, "It contains bytes that are not UTF-8, or half a character.") from error
    return question


def _bad_line(number: int, why: str) -> DataError:
    return DataError(f"Line {number} of the questions cannot be read.", why, "correct that line.")
