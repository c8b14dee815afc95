"""Answers that someone gave to the questions of a job before: a hosted model, an earlier specialist, or people."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

from gradschool.data.calls import call_of
from gradschool.data.column_names import OUTPUTS
from gradschool.data.conversation import question_of
from gradschool.data.encoding import repair
from gradschool.data.formats import NoConversation, as_text, keys_by_name, plain
from gradschool.data.parse import TABLES, container, rows
from gradschool.data.read import sample_of
from gradschool.data.row_reader import RowReader, UnknownForm, reader_of
from gradschool.data.tables import Row, without_nothing
from gradschool.data.wrapped import entries
from gradschool.errors import DataError
from gradschool.reasoning import part
from gradschool.records import Conversation, Message, Source
from gradschool.settings import Data

SHOWN = 3  # problems that an error lists
NO_ANSWER = "it holds no answer"
OTHER_KEYS = {"stop", "citations", "failure", "model"}  # that may be next to an id and an answer


@dataclass(frozen=True, slots=True)
class Given:
    """One answer: the conversation that it answers, or only the `id` of the question if the row has no conversation.

    `last_only` says that the conversation is its last message. `failure` says why there is no answer.
    """

    question: Conversation
    id: str
    text: str
    source: Source
    stop: Literal["stop", "length"] = "stop"
    failure: str = ""
    last_only: bool = False

    @property
    def asks(self) -> bool:
        """Whether the row is a question alone, as in the input of a batch."""
        return self.failure == NO_ANSWER and bool(self.question)


@dataclass(frozen=True, slots=True)
class GivenAnswers:
    """The answers in some files, and the lines that give neither a question nor an answer, each with the reason."""

    answers: list[Given]
    unreadable: list[str]


def read_given(files: Mapping[str, Path], data: Data, asked: Mapping[str, Conversation]) -> GivenAnswers:
    """Read answers in every form in which examples are read, and in those of answers alone.

    The latter are outputs of batches and exports of completions, whose questions may be in another of the files, the
    output of `gradschool answer`, and the evidence of a specialist. `asked` are further questions by their ids. Raises
    DataError if a file cannot be read, or if there is no answer.
    """
    found: list[Given] = []
    unreadable: list[str] = []
    for name, path in files.items():
        for one in _read_file(path, data, name):
            if isinstance(one, str):
                unreadable.append(one)
            else:
                found.append(one)
    asked = {**asked, **{one.id: one.question for one in found if one.id and one.question and not one.last_only}}
    found = [one if one.question and not one.last_only else _joined(one, asked) for one in found]
    answered = {one.id for one in found if one.id and not one.asks}
    answers = [one for one in found if not one.asks or one.id not in answered]
    if all(one.failure for one in answers):
        first = [*unreadable, *(f"{one.source}: {one.failure}" for one in answers)][:SHOWN]
        raise DataError(
            f"{', '.join(files)}: no line holds an answer.",
            "\n".join(f"  {line}" for line in first),
            "a line is a question with its answer in any form that examples have, a logged call of a model, or an id "
            "with an answer.",
        )
    return GivenAnswers(answers, unreadable)


def _joined(one: Given, asked: Mapping[str, Conversation]) -> Given:
    """An answer with the question that is known under its id."""
    return replace(one, question=asked[one.id], last_only=False) if one.id in asked else one


def _read_file(path: Path, data: Data, name: str) -> Iterator[Given | str]:
    held, delimiter = container(path, name, data)
    sample = sample_of(rows(path, name, held, delimiter, data))
    keys = {plain(key) for row in sample for key in row}
    named = {key: None for key in ("input_column", "output_column") if plain(getattr(data, key) or "") not in keys}
    reader = reader_of(sample, data.model_copy(update=named))  # the file may have other columns than the examples
    for row in rows(path, name, held, delimiter, data):
        source = Source(f"{name} [{row.sheet}]" if row.sheet else name, row.line)
        if row.trouble:
            yield f"{source}: {repair(row.trouble)[0]}"
        elif not row.remark:
            yield from _entries(row, reader, source, table=held in TABLES)


def _entries(row: Row, reader: RowReader, source: Source, *, table: bool) -> Iterator[Given | str]:
    for value in entries(row.value):
        try:
            yield _given(without_nothing(value)[0] if table else value, reader, source)
        except NoConversation as error:
            yield f"{source}: {repair(str(error))[0]}"


def _given(value: Any, reader: RowReader, source: Source) -> Given:
    """The answer of one entry; raises NoConversation."""
    if not isinstance(value, dict):
        raise NoConversation(f"an object with keys was expected, not a value of type {type(value).__name__}")
    keys, notes = keys_by_name(value), set[str]()
    id_ = as_text(value[keys["id"]], notes).strip() if "id" in keys else ""
    if call := call_of(value):
        text = as_text((call.answer or {}).get("content"), notes)
        given = _with_text((), call.name, text, source, stop=call.stop, failure=call.failure)
        return given if call.answer is None else replace(given, failure="")
    answer = value.get("answer")
    if isinstance(answer, dict) and "text" in answer and {"question", "ideal", "value"} <= keys.keys():
        asked = (Message("user", as_text(value["question"], notes)),)
        given = _with_text(asked, id_, as_text(answer["text"], notes), source, failure=_failure(answer))
        return replace(given, last_only=True)
    alone = next((keys[word] for word in OUTPUTS if word in keys and isinstance(value[keys[word]], str)), "")
    only = _with_text((), id_, value[alone], source, failure=_failure(value)) if id_ and alone else None
    if only and keys.keys() <= {"id", plain(alone), *OTHER_KEYS}:
        return only
    try:
        form, reading = reader.unjudged(value)
    except UnknownForm:
        if only is None:
            raise
        return only
    question = tuple(question_of(reading.messages))
    said = reading.messages[len(question) :]
    given = _with_text(question, id_, "\n".join(message.content for message in said), source)
    # A model that said nothing gave an answer, but an empty cell is none.
    return replace(given, failure="") if said and form.conversation else given


def _failure(answer: Mapping[str, Any]) -> str:
    """The reason in a failed answer of a specialist; that of an empty one counts, as it does in a climb."""
    failure = answer.get("failure")
    if not isinstance(failure, dict) or failure.get("kind") not in ("server", "no answer"):
        return ""
    return " ".join(str(failure.get("reason")).split())[:200]


def _with_text(
    question: Conversation,
    id_: str,
    text: str,
    source: Source,
    *,
    stop: Literal["stop", "length"] = "stop",
    failure: str = "",
) -> Given:
    """An answer without reasoning and damage to its encoding."""
    plain_text = part(repair(text)[0]).answer
    why = failure or (NO_ANSWER if not plain_text.strip() else "")
    return Given(question, id_, "" if why else plain_text, source, stop, why)
