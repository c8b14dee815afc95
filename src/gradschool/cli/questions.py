"""Read questions from arguments, files and standard input, and format their answers as JSON rows."""

import io
import itertools
import json
import os
import re
import zipfile
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from gradschool import files
from gradschool.data.columns import detect
from gradschool.data.encoding import Line, Unreadable, decode
from gradschool.data.formats import NoConversation, as_text, plain
from gradschool.data.parse import TABLES, Row, container_of, rows, text_rows
from gradschool.data.pictures import Pictures
from gradschool.data.row_reader import RowReader
from gradschool.data.wrapped import entries
from gradschool.errors import DataError, UsageError
from gradschool.images.bounds import BadImage
from gradschool.images.decode import SUFFIXES
from gradschool.images.located import located
from gradschool.json_text import parse_any_json
from gradschool.model.signals import CONFIDENCE
from gradschool.records import IMAGE, Answer, Conversation, Failure, Message
from gradschool.settings import Data
from gradschool.specialist import Specialist

# A line that is meant as a row: an object with a quoted key, or a list of such objects. Other lines are plain text.
ROW = re.compile(r"""\s*(?:\[\s*)?\{\s*(["'])[^"']*(?:\1\s*:|$)""")
NAME = re.compile(r"[\w .()#/-]{1,40}")  # of a column
NO_QUESTIONS = "There are no questions."
USAGE = "write a question or the name of a file of questions after the specialist."
ONE_WORD = "a question of that one word is read from standard input"
STDIN = "-"  # as an argument: standard input
FILE = re.compile(r"[^\s?:]+\.(jsonl|ndjson|json|csv|tsv|txt|md|xlsx)", re.IGNORECASE)  # what only a file is called


@dataclass(frozen=True, slots=True)
class Question:
    """A conversation to answer, and the `id` to repeat in its answer, if it has one.

    `unreadable` is the reason why a line gives no question; the conversation is empty then.
    """

    conversation: Conversation
    id: str | None = None
    line: int = 0
    unreadable: str = ""
    file: str = ""  # empty for arguments and standard input

    @property
    def place(self) -> str:
        """Where the question was read."""
        return f"{self.file}, line {self.line}" if self.file else f"line {self.line}"

    def answered(self, answer: Answer) -> dict[str, Any]:
        """The answer as one JSON row; `failure` has the reason if there is no answer.

        If the specialist may abstain, `abstained` says whether it did; `draft` is the answer that it did not give.
        `confidence` is that of a label that was compared with the others.
        """
        row: dict[str, Any] = {"id": self.id} if self.id is not None else {}
        row |= {"answer": answer.text, "stop": answer.stop}
        if answer.abstained is not None:
            row["abstained"] = answer.abstained
        if CONFIDENCE in answer.signals:
            row["confidence"] = answer.signals[CONFIDENCE]
        if answer.draft:
            row["draft"] = answer.draft
        if answer.citations:
            row["citations"] = [passage.as_citation() for passage in answer.citations]
        if answer.failure:
            row["failure"] = {"kind": answer.failure.kind, "reason": answer.failure.reason}
        return row


def answer_rows(specialist: Specialist, questions: list[Question]) -> Iterator[dict[str, Any]]:
    """A row for each question in their order, as soon as it is there; other lines fail with a reason."""
    asked = [place for place, question in enumerate(questions) if not question.unreadable]
    ready = {
        place: question.answered(Answer("", "error", failure=Failure("no answer", question.unreadable)))
        for place, question in enumerate(questions)
        if question.unreadable
    }
    following = 0
    for position, reply in specialist.answer([questions[place].conversation for place in asked]):
        ready[asked[position]] = questions[asked[position]].answered(reply)
        while following in ready:
            yield ready.pop(following)
            following += 1
    yield from (ready.pop(place) for place in sorted(ready))


def read_arguments(
    arguments: Sequence[str], stdin: Iterable[str], data: Data | None = None, packaged: Path | None = None
) -> list[Question]:
    """The questions that arguments mean: each is a question, the name of a file of questions, or - for standard input.

    Images are files in the working directory, next to a file of questions, or in the `packaged` specialist.

    Raises UsageError for a folder and for what only a file is called, if there is none; else as `read_questions`.
    """
    found: list[Question] = []
    images = (Path.cwd(), *([packaged] if packaged else []))
    for kind, group in itertools.groupby(arguments, _kind):
        given = list(group)
        if kind == "text":
            found += read_questions(given, data, images=images)
        elif kind == "standard input":
            found += read_questions(stdin, data, images=images)
        else:
            found += [question for name in given for question in read_file(Path(name), data, images)]
    return found


def _kind(argument: str) -> str:
    if argument == STDIN:
        return "standard input"
    if os.path.isfile(argument):  # noqa: PTH113 - false, not an error, for texts that are too long for a path
        return "file"
    if os.path.exists(argument) and not os.path.isdir(argument):  # noqa: PTH110, PTH112
        why = "Nothing is read from a pipe or a device that is named."
        raise UsageError(f"{argument} is not a file.", why, f"pipe the questions into this command; {ONE_WORD}.")
    if os.path.isdir(argument):  # noqa: PTH112
        why = "Questions are texts, or files of questions."
        raise UsageError(f"{argument} is a folder.", why, f"name its files; {ONE_WORD}.")
    if FILE.fullmatch(argument):
        why = "Nothing else is named like that."
        raise UsageError(f"There is no file {argument}.", why, f"correct the name; {ONE_WORD}.")
    return "text"


def read_file(path: Path, data: Data | None = None, images: tuple[Path, ...] = ()) -> list[Question]:
    """Read the questions of a file, as `read_questions` reads them; a workbook too. An image is a question itself."""
    if path.suffix.casefold() in SUFFIXES:
        return [_of_picture(path)]
    images = (path.parent, *images)
    try:
        if zipfile.is_zipfile(path):
            reader = RowReader(data or Data(), pictures=Pictures(images))
            found = list(_of_rows(rows(path, str(path), "workbook", "", reader.data), reader))
        else:
            found = read_questions([decode(files.read_file(path))[0]], data, str(path), images)
    except (Unreadable, OSError) as error:
        why = f"The system reports: {error.strerror}." if isinstance(error, OSError) else f"The reason: {error}"
        raise DataError(f"{path} cannot be read.", why, "name a file of text, JSON lines or a table.") from error
    return [replace(question, file=str(path)) for question in _usable(found, str(path))]


def _of_picture(path: Path) -> Question:
    """A question without words about an image, with its name as id: as a folder of images for each class asks it."""
    file = path.resolve()  # the user may name a link
    try:
        image = located(file.name, (file.parent,))
    except BadImage as error:
        return Question((), str(path), 1, f"it {error}", str(path))
    return Question((Message("user", IMAGE, images=(image,)),), str(path), 1, file=str(path))


def read_questions(
    lines: Iterable[str], data: Data | None = None, source: str = "the questions", images: tuple[Path, ...] = ()
) -> list[Question]:
    """Read questions: one per line, as a row of examples, a JSON string or plain text; or a JSON list, or a table.

    Rows are read as those of examples are, with the columns in `data`; an ideal answer in a row is not read. A line
    that gives no question is `unreadable`. `images` are folders with images that rows name. Raises DataError if there
    are no questions, or none that can be read.
    """
    try:
        text = "".join(line if line.endswith("\n") else f"{line}\n" for line in lines)
    except UnicodeDecodeError as error:
        raise DataError(
            "The questions cannot be read as text.", f"They are not UTF-8: {error}.", "save them as UTF-8 text."
        ) from error
    text = text.removeprefix("\ufeff")
    if not text.strip():
        what = "Standard input" if source == "the questions" else source
        raise DataError(NO_QUESTIONS, f"{what} is empty.", USAGE)
    reader = RowReader(data or Data(), pictures=Pictures(images))
    return _usable(_rows(text, reader) or list(_lines(text, reader)), source)


def _usable(questions: list[Question], source: str) -> list[Question]:
    """The same questions; raises DataError if there are none, or none that can be read."""
    if not questions:
        raise DataError(NO_QUESTIONS, "The list is empty.", USAGE)
    if all(question.unreadable for question in questions):
        first = questions[0]
        raise DataError(
            f"Line {first.line} of {source} cannot be read.",
            f"{first.unreadable[0].upper()}{first.unreadable[1:]}.",
            "correct that line." if len(questions) == 1 else f"correct it, and {len(questions) - 1} more like it.",
        )
    return questions


def _rows(text: str, reader: RowReader) -> list[Question]:
    """The questions of a text that is as a whole a JSON list, JSON objects over several lines, or a table; or []."""
    if text.lstrip().startswith("[") and (texts := _list_of_texts(text)):
        return [_encodable(Question((Message("user", one.strip()),), None, 1), one) for one in texts]
    head = [Line(number, line) for number, line in enumerate(text.split("\n"), 1) if line.strip()][:50]
    held = container_of(head, reader.data)
    if held is None or held[0] == "JSON lines":
        return []
    if held[0] in TABLES and not _is_table(text, head, reader, held[1]):
        return []
    try:
        found = list(text_rows(io.StringIO(text), "the questions", *held, reader.data))
    except DataError:
        return []  # plain text after all
    if not all(row.trouble or row.remark or isinstance(row.value, dict | list) for row in found):
        return []
    return list(_of_rows(found, reader))


def _list_of_texts(text: str) -> list[str]:
    """The texts of a JSON list that has nothing else and no empty one; else none."""
    try:
        value = parse_any_json(text)
    except ValueError:
        return []
    texts = value if isinstance(value, list) else []
    return texts if all(isinstance(one, str) and one.strip() for one in texts) else []


def _of_rows(found: Iterable[Row], reader: RowReader) -> Iterator[Question]:
    for row in found:
        if row.trouble:
            yield Question((), None, row.line, row.trouble)
        elif not row.remark:
            for entry in entries(row.value):
                yield _encodable(_of_row(entry, row.line, reader), entry)


def _is_table(text: str, head: list[Line], reader: RowReader, delimiter: str) -> bool:
    """Whether the first line holds nothing but names of columns, and one of them is known to be a question."""
    names = [name.strip().strip('"') for name in head[0].text.split(delimiter)]
    if head[0].text.casefold().startswith("sep="):
        return True
    if len(head) < 2 or not all(NAME.fullmatch(name) and len(name.split()) <= 3 for name in names):
        return False
    named = reader.data.input_column is not None and plain(reader.data.input_column) in map(plain, names)
    return named or detect(dict.fromkeys(names, ""), Data(), answered=False) is not None


def _lines(text: str, reader: RowReader) -> Iterator[Question]:
    lines = [(number, line) for number, line in enumerate(text.split("\n"), 1) if line.strip()]
    among_rows = any(ROW.match(line) for _, line in lines)
    for number, line in lines:
        yield from _of_line(line, number, reader, among_rows)


def _of_line(line: str, number: int, reader: RowReader, among_rows: bool) -> Iterator[Question]:
    """The questions of a line; an object without keys is a row if other lines are rows, and otherwise text."""
    try:
        value = parse_any_json(line)
    except ValueError as error:
        if ROW.match(line):
            yield Question((), None, number, f"it is not valid JSON: {error}")
            return
        value = line.strip()
    if value == {} and not among_rows:
        value = line.strip()
    if isinstance(value, dict) or (isinstance(value, list) and value and all(isinstance(one, dict) for one in value)):
        for entry in entries(value):
            yield _encodable(_of_row(entry, number, reader), entry)
        return
    text = value if isinstance(value, str) else line.strip()
    yield _encodable(Question((Message("user", text),), None, number), text)


def _of_row(row: Any, number: int, reader: RowReader) -> Question:
    if not isinstance(row, dict):
        return Question((Message("user", as_text(row, set())),), None, number)
    id_ = next((as_text(row[key], set()) for key in row if plain(key) == "id" and row[key] is not None), None)
    try:
        conversation = reader.question(row).messages
    except NoConversation as error:
        return Question((), id_, number, str(error))
    if not any(message.content.strip() for message in conversation if message.role != "system"):
        return Question((), id_, number, "its conversation is empty")
    return Question(conversation, id_, number)


def _encodable(question: Question, raw: Any) -> Question:
    """The question; unreadable if it has lone surrogates, from bytes that are not UTF-8 or broken escapes."""
    try:
        json.dumps(raw, ensure_ascii=False).encode()
    except (UnicodeEncodeError, RecursionError):
        return Question((), None, question.line, "it contains bytes that are not UTF-8, or half a character")
    return question
