"""Decisions in review.jsonl that are made by hand: who made each and when, and none is lost if two make them."""

import getpass
import json
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from gradschool.data.review_rows import FIX, REVIEW
from gradschool.errors import DataError, UsageError
from gradschool.files import each_line, new_file, sha256_of
from gradschool.json_text import parse_json

NAMES = ("item", "value", "wording")  # what a row is about
WORDS = ("", "keep", "drop", "edit")
_writing = threading.Lock()  # one studio serves a folder; see also `Queue.demand_unprepared`


def signature() -> dict[str, str]:
    """Who decides, and when."""
    try:
        user = getpass.getuser()
    except (KeyError, OSError):  # a user without a name, as in a container
        user = "unknown"
    return {"by": user, "at": datetime.now(UTC).isoformat(timespec="seconds")}


def rows(job: Path) -> Iterator[dict[str, Any]]:
    """The rows of a review."""
    path = job / REVIEW
    for number, line in enumerate(each_line(path) if path.exists() else (), 1):
        if line.strip():
            yield _row(line, number)


def _row(line: bytes, number: int) -> dict[str, Any]:
    try:
        row = parse_json(line)
        if not isinstance(row, dict):
            raise ValueError("it is not an object")
    except ValueError as error:
        raise DataError(f"{REVIEW}:{number} cannot be read.", f"The reader says: {error}.", FIX) from error
    return row


def name_of(row: Mapping[str, Any]) -> tuple[str, str]:
    """What a row is about: the kind and its key."""
    return next(((name, str(row[name])) for name in NAMES if row.get(name)), ("", ""))


def version_of(row: Mapping[str, Any] | None) -> str:
    """A hash of what was decided in a row, by which a page knows whether it was changed since."""
    row = row or {}
    return sha256_of([row.get(name) or "" for name in ("decision", "as", "messages", "at")])[:16]


def decide(
    job: Path,
    changes: Sequence[tuple[str, str]],
    change: Callable[[tuple[str, str], dict[str, Any] | None], dict[str, Any]],
) -> None:
    """Replace the rows about these kinds and keys by what `change` makes of each; new ones are added at the end.

    The file is replaced in one step, so that a full disk leaves the old one.
    """
    wanted = dict.fromkeys(changes)
    with _writing:
        path = job / REVIEW
        lines = list(each_line(path)) if path.exists() else []
        with new_file(path) as file:
            for number, line in enumerate(lines, 1):
                if not line.strip():
                    continue
                name = name_of(row := _row(line, number))
                if name in wanted:
                    del wanted[name]
                    line = _line(change(name, row))
                file.write(line + b"\n")
            for name in wanted:
                file.write(_line(change(name, None)) + b"\n")


def _line(row: Mapping[str, Any]) -> bytes:
    return json.dumps(row, ensure_ascii=False).encode("utf-8", "replace")


def checked_word(word: str) -> str:
    """A decision, or an error for what is none."""
    if word not in WORDS:
        raise UsageError(f"{word[:40]!r} is not a decision.", "", "choose keep, drop or edit.")
    return word


def checked_messages(value: Any) -> list[dict[str, str]]:
    """The messages of an example as a page sends them: the last one is the ideal answer."""
    fix = "write a question and an answer."
    if not isinstance(value, list) or not value:
        raise UsageError("The example has no messages.", "", fix)
    messages = []
    for one in value:
        if not isinstance(one, dict) or one.get("role") not in ("system", "user", "assistant"):
            raise UsageError("A message has no role.", "", fix)
        content = one.get("content")
        if not isinstance(content, str) or not content.strip():
            raise UsageError(f"The message of the {one['role']} is empty.", "Nothing can be learned from it.", fix)
        messages.append({"role": one["role"], "content": content.encode("utf-8", "replace").decode()})
    if messages[-1]["role"] != "assistant" or len(messages) < 2:
        raise UsageError("The last message is not an answer.", "The last one is the ideal answer.", fix)
    return messages
