"""Bytes to text: which encoding a file has, lines of bounded length, and what to do with bytes that are not text."""

import codecs
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TextIO

from gradschool.errors import DataError

MAX_LINE = 8 << 20  # characters; a longer line is a mistake (a missing line break), not an example
HEAD = 1 << 16  # bytes looked at to tell text from anything else
CUT = 200  # characters kept of a line that is too long
BOMS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),  # before UTF-16, whose mark is this one's beginning
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
BINARY = (  # how other files begin, and what to do with each
    (b"PK\x03\x04", "a zip archive or an office document", "unpack it, or save the sheet as CSV"),
    (b"\x1f\x8b", "a gzip archive", "unpack it first (gunzip)"),
    (b"\xfd7zXZ", "an xz archive", "unpack it first (unxz)"),
    (b"PAR1", "a Parquet table", "export it as JSON lines or CSV"),
    (b"SQLite format 3", "a database", "export the table as CSV"),
    (b"%PDF", "a PDF", "put documents into data.documents; examples are JSON lines or CSV"),
)
CONTROL = re.compile(rb"[\x00-\x08\x0e-\x1a\x1c-\x1f]")
ESCAPED = re.compile("[\udc80-\udcff]+")  # bytes that were not UTF-8, as `surrogateescape` carries them
LONE = re.compile("[\ud800-\udfff]")  # half a character: cannot be written to any file
# UTF-8 that someone read as Windows-1252 and saved again: "Ã©" for "é", "â€™" for "’", "ðŸ™‚" for an emoji.
MOJIBAKE = re.compile(
    "Ã[\u0080-\u00bf\u0192\u02c6\u2020\u2021\u2030\u2039\u203a\u20ac\u2122]|Â[\u00a0-\u00bf]|â€|ðŸ|ï¿½"
)


@dataclass(frozen=True, slots=True)
class Line:
    """A line of a file; of one that is `too_long` only the beginning is kept."""

    number: int
    text: str
    too_long: bool = False


@contextmanager
def open_text(path: Path, name: str) -> Iterator[TextIO]:
    """Open a file of examples as text; bytes that are not UTF-8 wait in it as lone surrogates for `repair`.

    Raises DataError where the file is missing, empty, unreadable or no text; `name` is what the user calls it.
    """
    try:
        with path.open("rb") as raw:
            encoding = _encoding(raw.read(HEAD), name)
        errors = "surrogateescape" if encoding == "utf-8-sig" else "replace"
        with path.open(encoding=encoding, errors=errors, newline="") as file:
            yield file
    except FileNotFoundError as error:
        raise DataError(
            f"{name} does not exist.",
            f"The examples are looked for at {path}.",
            "check the path; in a job.toml, `data.examples` names the file, relative to the job.",
        ) from error
    except OSError as error:
        raise DataError(
            f"{name} cannot be read.", f"The system says: {error.strerror}.", "give a file that you may read."
        ) from error


def _encoding(head: bytes, name: str) -> str:
    if not head.strip():
        raise DataError(
            f"{name} is empty.", "It holds no examples.", "put at least 12 into it, one JSON object a line."
        )
    for mark, encoding in BOMS:
        if head.startswith(mark):
            return encoding
    for start, what, fix in BINARY:
        if head.startswith(start):
            raise DataError(f"{name} is {what}, not text.", "Examples are JSON lines, JSON or CSV.", f"{fix}.")
    if encoding := _wide(head):
        return encoding
    controls = len(CONTROL.findall(head))
    if b"\0" in head or controls > 0.02 * len(head):
        raise DataError(
            f"{name} is a binary file, not text.",
            f"{controls} of its first {len(head)} bytes stand for no character.",
            "give JSON lines, JSON or CSV, saved as UTF-8.",
        )
    return "utf-8-sig"


def _wide(head: bytes) -> str:
    """UTF-16 without a mark: mostly Latin letters, whose every other byte is 0."""
    half = len(head) / 2
    even, odd = head[0::2].count(0), head[1::2].count(0)
    if max(even, odd) < 0.3 * half or min(even, odd) > 0.05 * half:
        return ""
    encoding = "utf-16-le" if odd > even else "utf-16-be"
    text = head.decode(encoding, "replace")
    readable = sum(letter.isprintable() or letter.isspace() for letter in text)
    return encoding if readable > 0.98 * len(text) else ""


def lines(file: TextIO) -> Iterator[Line]:
    """The lines of a file, at most MAX_LINE characters of it in memory."""
    number = 0
    while text := file.readline(MAX_LINE):
        number += 1
        if len(text) < MAX_LINE or text.endswith(("\n", "\r")):
            yield Line(number, text)
            continue
        rest = text
        while rest and not rest.endswith(("\n", "\r")):
            rest = file.readline(MAX_LINE)
        yield Line(number, text[:CUT], too_long=True)


def repair(text: str) -> tuple[str, str]:
    """Make a text writable: bytes that were not UTF-8 are read as Windows-1252; returns it with what was wrong."""
    try:
        text.encode()
        return text, ""
    except UnicodeEncodeError:
        pass
    text, escaped = ESCAPED.subn(lambda found: _decode(found[0].encode("utf-8", "surrogateescape")), text)
    text, lone = LONE.subn("\ufffd", text)
    wrong = []
    if escaped:
        wrong.append("has bytes that are not UTF-8, read as Windows-1252 (Latin-1)")
    if lone:
        wrong.append(f"has {lone} half character{'s' * (lone > 1)} (lone surrogates), replaced by \ufffd")
    return text, " and ".join(wrong)


def _decode(raw: bytes) -> str:
    try:
        return raw.decode("cp1252")
    except UnicodeDecodeError:  # five bytes mean nothing in Windows-1252; in Latin-1 all mean something
        return raw.decode("latin-1")


def damage(text: str) -> str:
    """What an earlier program did to this text's characters, as the end of a sentence; empty where it looks sound.

    >>> damage("the cafÃ© is closed")
    "has 'Ã©': UTF-8 that was once read as Windows-1252"
    """
    if text.isascii():
        return ""
    if found := MOJIBAKE.search(text):
        return f"has {found[0]!r}: UTF-8 that was once read as Windows-1252"
    if count := text.count("\ufffd"):
        return f"has {count} replacement character{'s' * (count > 1)} (\ufffd): letters were lost before we read it"
    return ""
