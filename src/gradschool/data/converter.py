"""Convert documents in a child process, with limits of time and memory that hold for hostile files too."""

import contextlib
from collections.abc import Generator, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any

from gradschool.bounded import Limits as Limits
from gradschool.bounded import Stopped, replies
from gradschool.data.encoding import Unreadable

LIMITS = Limits()
CHILD = "gradschool.data.convert_child"
ADVICE = "It may be damaged; save it again, divide it, or save it as plain text."


@dataclass(frozen=True, slots=True)
class Page:
    """A reply of the child: a page of a pdf, or all text of another document."""

    text: str


@dataclass(frozen=True, slots=True)
class SheetRow:
    """A reply of the child: a row of a workbook, with the number and the title of its sheet."""

    sheet: int
    title: str
    cells: Sequence[str]


def converted(suffix: str, content: bytes, limits: Limits = LIMITS) -> Generator[str, None, None]:
    """The pages of a pdf, or the text of an html (UTF-8), docx, epub or xlsx file; raises Unreadable."""
    for reply in _converted(suffix, content, limits):
        yield Page(**reply).text


def sheets(content: bytes, limits: Limits = LIMITS) -> Iterator[tuple[int, str, Iterator[tuple[str, ...]]]]:
    """The sheets of a workbook: number, title and rows of cells as text; raises Unreadable."""
    found = _converted(".xlsx rows", content, limits)
    with contextlib.closing(found):
        for (number, title), rows in groupby((SheetRow(**one) for one in found), lambda row: (row.sheet, row.title)):
            yield number, title, (tuple(row.cells) for row in rows)


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
