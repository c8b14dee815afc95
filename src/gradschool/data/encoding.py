"""Bytes to text, by one rule for every file: detect the encoding, decode, and report what had to be guessed.

The rule: a byte order mark decides; UTF-16 without one is recognized by its zero bytes; everything else is UTF-8, and
bytes that are not valid UTF-8 are read as Windows-1252. A file with zero bytes or many control characters is binary.
"""

import codecs
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TextIO

from gradschool.errors import DataError
from gradschool.files import read_file

MAX_LINE = 8 << 20  # characters; a longer line is a missing line break, not an example
MAX_CELL = 1 << 20  # characters of a cell; more is a quote that is never closed
MAX_TEXT = 20_000_000  # characters of one document
HEAD = 1 << 16  # bytes from which the encoding is detected
SHOWN = 200  # characters returned of a line that is too long
MAX_CONTROLS = 0.02  # fraction of control characters above which a file is binary
BOMS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),  # before UTF-16, whose byte order mark it begins with
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
BINARY = (  # signatures of common binary formats, and the advice for each
    (b"PK\x03\x04", "a zip archive or an office document", "unpack it, or save the sheet as CSV"),
    (b"\x1f\x8b", "a gzip archive", "unpack it first (gunzip)"),
    (b"\xfd7zXZ", "an xz archive", "unpack it first (unxz)"),
    (b"PAR1", "a Parquet table", "export it as JSON lines or CSV"),
    (b"SQLite format 3", "a database", "export the table as CSV"),
    (b"%PDF", "a PDF", "put documents into data.documents; examples are JSON lines or CSV"),
)
CONTROL = re.compile(rb"[\x00-\x08\x0e-\x1a\x1c-\x1f]")
ESCAPED = re.compile("[\udc80-\udcff]+")  # bytes that are not UTF-8, as `surrogateescape` carries them
SURROGATE = re.compile("[\ud800-\udfff]")  # a lone surrogate cannot be encoded
# UTF-8 that someone read as Windows-1252 and saved again: "Ã©" for "é", "â€™" for "’", "ðŸ™‚" for an emoji.
MOJIBAKE = re.compile(
    "Ã[\u0080-\u00bf\u0192\u02c6\u2020\u2021\u2030\u2039\u203a\u20ac\u2122]|Â[\u00a0-\u00bf]|â€|ðŸ|ï¿½"
)


class Unreadable(Exception):
    """Why a file gives no text; callers turn it into a warning or a DataError."""


def check_length(characters: int) -> None:
    """Raise Unreadable if the text of one document is too long."""
    if characters > MAX_TEXT:
        raise Unreadable(f"its text is longer than {MAX_TEXT:,} characters; divide it into several files.")


@dataclass(frozen=True, slots=True)
class Line:
    """A line of a file; if it is `too_long`, `text` is only its beginning."""

    number: int
    text: str
    too_long: bool = False


def encoding_of(head: bytes) -> str:
    """Detect the encoding of a text file from its first bytes, as a codec name; raises Unreadable if it is binary.

    `utf-8-sig` must be decoded with `errors="surrogateescape"` and passed through `repair`; see `decode`.
    """
    for bom, encoding in BOMS:
        if head.startswith(bom):
            return encoding
    if encoding := _utf16_without_bom(head[:HEAD]):
        return encoding
    controls = len(CONTROL.findall(head))
    if b"\0" in head or controls > MAX_CONTROLS * len(head):
        raise Unreadable(
            f"it is a binary file, not text: {controls} of its first {len(head)} bytes are control characters."
        )
    return "utf-8-sig"


def _errors(encoding: str) -> str:
    return "surrogateescape" if encoding == "utf-8-sig" else "replace"


def decode(content: bytes) -> tuple[str, str]:
    """Decode a text file: its text with "\\n" line ends, and what had to be repaired (empty if nothing).

    Raises Unreadable if it is binary.
    """
    encoding = encoding_of(content)
    text, wrong = repair(content.decode(encoding, _errors(encoding)))
    return text.replace("\r\n", "\n").replace("\r", "\n"), wrong


@contextmanager
def open_text(path: Path, name: str) -> Iterator[TextIO]:
    """Open a file of examples as text; bytes that are not UTF-8 arrive as lone surrogates, for `repair`.

    `name` is what the user calls the file. Raises DataError if it is missing, empty, unreadable or binary.
    """
    try:
        encoding = _encoding_of_examples(read_file(path, HEAD), name)
        with path.open(encoding=encoding, errors=_errors(encoding), newline="") as file:
            yield file
    except FileNotFoundError as error:
        raise DataError(
            f"{name} does not exist.",
            f"The examples were expected at {path}.",
            "check the path; in a job.toml, `data.examples` names the file, relative to the job.",
        ) from error
    except OSError as error:
        raise DataError(
            f"{name} cannot be read.", f"The system says: {error.strerror}.", "give a file that you may read."
        ) from error


def _encoding_of_examples(head: bytes, name: str) -> str:
    if not head.strip():
        raise DataError(f"{name} is empty.", "It has no examples.", "add at least 12, one JSON object per line.")
    for signature, what, fix in BINARY:
        if head.startswith(signature):
            raise DataError(f"{name} is {what}, not text.", "Examples are JSON lines, JSON or CSV.", f"{fix}.")
    try:
        return encoding_of(head)
    except Unreadable as error:
        why = str(error)
        raise DataError(
            f"{name} is a binary file, not text.",
            f"{why[0].upper()}{why[1:]}",
            "give JSON lines, JSON or CSV, saved as UTF-8.",
        ) from error


def _utf16_without_bom(head: bytes) -> str:
    """The byte order of UTF-16 that is mostly Latin text: there every other byte is 0."""
    half = len(head) / 2
    even, odd = head[0::2].count(0), head[1::2].count(0)
    if max(even, odd) < 0.3 * half or min(even, odd) > 0.05 * half:
        return ""
    encoding = "utf-16-le" if odd > even else "utf-16-be"
    text = head.decode(encoding, "replace")
    readable = sum((c.isprintable() or c.isspace()) and c != "\ufffd" for c in text)
    return encoding if readable > 0.98 * len(text) else ""


def lines(file: TextIO) -> Iterator[Line]:
    """The lines of a file, with at most MAX_LINE characters of it in memory."""
    number = 0
    while text := file.readline(MAX_LINE):
        number += 1
        if len(text) < MAX_LINE or text.endswith(("\n", "\r")):
            yield Line(number, text)
            continue
        rest = text
        while rest and not rest.endswith(("\n", "\r")):
            rest = file.readline(MAX_LINE)
        yield Line(number, text[:SHOWN], too_long=True)


def repair(text: str) -> tuple[str, str]:
    """Make a text encodable: bytes that are not UTF-8 become Windows-1252; also returns what was wrong."""
    try:
        text.encode()
        return text, ""
    except UnicodeEncodeError:
        pass
    text, escaped = ESCAPED.subn(lambda found: _windows_1252(found[0].encode("utf-8", "surrogateescape")), text)
    text, lone = SURROGATE.subn("\ufffd", text)
    wrong = []
    if escaped:
        wrong.append("has bytes that are not UTF-8, read as Windows-1252 (Latin-1)")
    if lone:
        wrong.append(f"has {lone} lone surrogate{'s' * (lone > 1)}, replaced by \ufffd")
    return text, " and ".join(wrong)


def _windows_1252(raw: bytes) -> str:
    try:
        return raw.decode("cp1252")
    except UnicodeDecodeError:  # five bytes are undefined in Windows-1252; Latin-1 defines all
        return raw.decode("latin-1")


def damage(text: str) -> str:
    """Describe damage that an earlier program did to a text's characters; empty if there is none.

    >>> damage("the cafÃ© is closed")
    "has 'Ã©': UTF-8 that was once read as Windows-1252"
    """
    if text.isascii():
        return ""
    if found := MOJIBAKE.search(text):
        return f"has {found[0]!r}: UTF-8 that was once read as Windows-1252"
    if count := text.count("\ufffd"):
        return f"has {count} replacement character{'s' * (count > 1)} (\ufffd): characters were lost earlier"
    return ""
