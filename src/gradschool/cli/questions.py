"""Questions that come in on a stream, and answers as they go out."""

import json
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from gradschool.errors import DataError
from gradschool.records import Answer, Conversation, Message

KEYS = ("question", "prompt", "input", "text", "instruction")


@dataclass(frozen=True, slots=True)
class Question:
    """A conversation to be answered, and the `id` that its answer shall carry, if it has one."""

    conversation: Conversation
    id: str | None = None

    def answered(self, answer: Answer) -> dict[str, Any]:
        """The answer as one JSON row; `failure` says why there is none."""
        row: dict[str, Any] = {"id": self.id} if self.id is not None else {}
        row |= {"answer": answer.text, "stop": answer.stop}
        if answer.citations:
            row["citations"] = [passage.as_citation() for passage in answer.citations]
        if answer.failure:
            row["failure"] = {"kind": answer.failure.kind, "reason": answer.failure.reason}
        return row


def read_questions(lines: Iterable[str]) -> list[Question]:
    """Read one question a line: an object with `messages` or a text under a usual key, a JSON string, or plain text.

    Raises DataError that names the line where one cannot be understood, and where there is none at all.
    """
    unmarked = (line.removeprefix("\ufeff") for line in lines)  # a mark that some editors put in front of a file
    try:
        questions = [_whole(_question(line, number), number) for number, line in enumerate(unmarked, 1) if line.strip()]
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
            raise _unclear(number, f"It is not valid JSON: {error}.") from error
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
        raise _unclear(number, f"It needs `messages` with role and content, or one of: {', '.join(KEYS)}.") from error
    if conversation and conversation[-1].role == "assistant":
        conversation = conversation[:-1]  # a row of examples: its ideal answer is not part of the question
    if not conversation:
        raise _unclear(number, "Its conversation is empty.")
    return Question(conversation, name)


def _message(turn: Any) -> Message:
    role, content = turn["role"], turn["content"]
    if not (isinstance(role, str) and isinstance(content, str)):
        raise TypeError("not text")
    return Message(role, content)


def _whole(question: Question, number: int) -> Question:
    """The same question, unless half a character stands in it: bytes that were no UTF-8, or half of a JSON escape."""
    try:
        "".join((question.id or "", *(m.role + m.content for m in question.conversation))).encode()
    except UnicodeEncodeError as error:
        raise _unclear(number, "It holds bytes that are not UTF-8, or half a character.") from error
    return question


def _unclear(number: int, why: str) -> DataError:
    return DataError(f"Line {number} of the questions cannot be understood.", why, "correct that line.")
