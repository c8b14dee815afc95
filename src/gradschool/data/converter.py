"""Convert documents in a child process, with limits of time and memory that hold for hostile files too."""

import contextlib
from collections.abc import Generator, Iterator
from itertools import groupby
from typing import Any

from gradschool.bounded import Limits as Limits
from gradschool.bounded import Stopped, replies
from gradschool.data.encoding import Unreadable

LIMITS = Limits()
CHILD = "gradschool.data.convert_child"
ADVICE = "It may be damaged; save it again, divide it, or save it as plain text."


def converted(suffix: str, content: bytes, limits: Limits = LIMITS) -> Generator[str, None, None]:
    """The pages of a pdf, or the text of an html (UTF-8), docx, epub or xlsx file; raises Unreadable."""
    for reply in _converted(suffix, content, limits):
        yield reply["text"]


def sheets(content: bytes, limits: Limits = LIMITS) -> Iterator[tuple[int, str, Iterator[tuple[str, ...]]]]:
    """The sheets of a workbook: number, title and rows of cells as text; raises Unreadable."""
    found = _converted(".xlsx rows", content, limits)
    with contextlib.closing(found):
        for (number, title), rows in groupby(found, key=lambda reply: (reply["sheet"], reply["title"])):
            yield number, title, (tuple(reply["row"]) for reply in rows)


def _converted(suffix: str, content: bytes, limits: Limits) -> Generator[dict[str, Any], None, None]:
    try:
        yield from replies(CHILD, {"suffix": suffix}, content, limits)
    except Stopped as stopped:
        raise Unreadable(_why(stopped, limits)) from stopped


def _why(stopped: Stopped, limits: Limits) -> str:
    """Why a document was not converted."""
    match stopped.cause:
        case "refused":
            return stopped.why
        case "memory":
            return f"converting it needs more than {limits.memory / 1e9:g} GB of memory."
        case "time":
            allowed = f"{limits.seconds} s and {limits.seconds_per_mb} s per MB"
            return f"converting it takes more than the limit of time ({allowed}). {ADVICE}"
        case "waiting":
            return f"converting it gave nothing for {limits.waiting:g} s, or the system ended it. {ADVICE}"
        case "crash":
            return f"the parser crashed (exit status {stopped.why}), perhaps for lack of memory. {ADVICE}"
