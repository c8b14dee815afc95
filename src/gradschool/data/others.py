"""Texts of other people than the author of a style: read from a file or folder, and distinguished from instructions."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from gradschool.data.documents import read_documents
from gradschool.data.encoding import Unreadable, decode
from gradschool.data.normalize import word_count, words
from gradschool.errors import DataError, reason_of
from gradschool.files import read_file
from gradschool.json_text import parse_any_json
from gradschool.records import Conversation, Example, Note, Work, last_user

MIN_WORDS, MIN_DISTINCT = 12, 8  # of a text that counts as writing; shorter ones are titles, labels and yes or no
PART_WORDS = 150  # from which a part of a document ends


@dataclass(frozen=True, slots=True)
class OtherText:
    """A text that the author did not write; `group` is that of the example which answers it, if any."""

    text: str
    group: str = ""


def is_writing(text: str) -> bool:
    """Whether a text is long and varied enough to show how somebody writes.

    >>> is_writing("Yes. " * 20)
    False
    """
    found = words(text)
    return len(found) >= MIN_WORDS and len(set(found)) >= MIN_DISTINCT


def is_message(question: str, answer: str) -> bool:
    """Whether a question is somebody's message, if nothing else says so: it is at least as long as its answer.

    Instructions are shorter than the text that they ask for.
    """
    return is_writing(question) and word_count(question) >= word_count(answer)


def read_others(path: Path) -> Work[list[OtherText]]:
    """Read the texts of others: JSON lines with `text` and perhaps `group`, or a folder or file of documents.

    Raises DataError if the file is binary or a line cannot be read, and the errors of `read_documents`.
    """
    if path.suffix.lower() != ".jsonl":
        documents = yield from read_documents(path)
        return [OtherText(part) for document in documents for part in _paragraphs(document.text)]
    texts: list[OtherText] = []
    try:
        content, wrong = decode(read_file(path))
    except (Unreadable, OSError) as error:
        raise DataError(f"{path.name} cannot be read.", reason_of(error), "save it as JSON lines in UTF-8.") from error
    if wrong:
        yield Note(f"{path.name} {wrong}. Save it as UTF-8 if characters look wrong.", "warning")
    for number, line in enumerate(content.split("\n"), 1):
        if not line.strip():
            continue
        try:
            row = parse_any_json(line)
            texts.append(OtherText(str(row["text"]), str(row.get("group") or "")))
        except (ValueError, TypeError, KeyError) as error:
            raise DataError(
                f"{path.name}:{number} is not a text of others.",
                "A line is an object with text, and perhaps with group.",
                "correct that line, or name a folder of documents as data.others.",
            ) from error
    return texts


def of_training(texts: Sequence[OtherText], train: Sequence[Example]) -> list[str]:
    """The texts that may be trained on: those of no example, and those that training examples answer."""
    groups = {example.group for example in train}
    return [one.text for one in texts if (not one.group or one.group in groups) and is_writing(one.text)]


def messages_in(train: Sequence[Example]) -> list[str]:
    """The questions of examples that are messages of other people, judged by their length alone."""
    return [asked for example in train if is_message(asked := last_user(example.question), example.ideal)]


def message_of(messages: Conversation) -> str:
    """The message that the last message answers; empty if it is not by a user or too short to be writing."""
    asked = last_user(messages[:-1])
    return asked if is_writing(asked) else ""


def _paragraphs(text: str) -> list[str]:
    """A document in parts of some paragraphs each, so that a long one counts as several texts."""
    parts: list[str] = []
    held: list[str] = []
    for block in filter(None, map(str.strip, text.split("\n\n"))):
        held.append(block)
        if sum(map(word_count, held)) >= PART_WORDS:
            parts.append("\n\n".join(held))
            held = []
    return [*parts, "\n\n".join(held)] if held else parts
