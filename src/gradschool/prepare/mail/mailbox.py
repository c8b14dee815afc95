"""Read mailboxes of any size one mail at a time: locate each mail, and read its bytes on demand."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from gradschool.prepare.recognize import SourceFile
from gradschool.records import Source

BLOCK = 8 << 20  # bytes read at a time
OVERLAP = 1 << 16  # bytes carried from one block to the next: longer than a From line with the next header
LOOKBEHIND = 3  # bytes before a From line, to detect an empty line
MAX_MAIL = 64 << 20  # bytes read of one mail; its text comes before its attachments
MAX_HEAD = 1 << 18  # bytes read for headers
# A mail begins with "From " after an empty line, followed by a header; in files without the empty line, with a full
# date. ">From " in a text is an escaped line.
BEGINS = re.compile(rb"(?:\A|(?<=\n))From [^\r\n]*\r?\n(?=>?[!-9;-~]+[ \t]*:)")
AFTER_EMPTY = re.compile(rb"(?:\A|\n|\n\r\n|\A\r\n)\Z")
DATED = re.compile(rb"From \S+ +(?:\w{3},? +)?(?:\w{3} +\d{1,2}|\d{1,2} +\w{3}) .*\d\d:\d\d.*\d{4}|From - ")
ESCAPED = re.compile(rb"^>(>*From )", re.MULTILINE)
END_OF_HEAD = re.compile(rb"\r?\n\r?\n")


@dataclass(frozen=True, slots=True)
class MessageLocation:
    """The location of a mail: file and line for the user, and its byte range.

    `length` is -1 if the file is a single mail.
    """

    source: Source
    path: Path
    start: int = 0
    length: int = -1
    outlook: bool = False


def message_locations(source_file: SourceFile) -> Iterator[MessageLocation]:
    """All mails of a file, in order."""
    if source_file.kind != "mbox":
        yield MessageLocation(Source(source_file.name, 1), source_file.path, outlook=source_file.kind == "Outlook mail")
        return
    with source_file.path.open("rb") as file:
        last: tuple[int, int, int] | None = None
        for start, content, line in beginnings(file):
            if last:
                yield MessageLocation(Source(source_file.name, last[2]), source_file.path, last[1], start - last[1])
            last = (start, content, line)
        if last:
            yield MessageLocation(Source(source_file.name, last[2]), source_file.path, last[1], file.tell() - last[1])


def beginnings(file: BinaryIO) -> Iterator[tuple[int, int, int]]:
    """The start of each mail in an mbox: offset of the From line, offset of the headers, line number; streamed."""
    held, offset, line = b"", 0, 1  # `offset` and `line` are those of the start of `held`
    done = -1  # the last start yielded, so that the overlap yields nothing twice
    while True:
        block = file.read(BLOCK)
        text = held + block
        limit = len(text) if not block else max(0, len(text) - OVERLAP)
        at, number = 0, line
        for match in BEGINS.finditer(text):
            start = match.start()
            if start >= limit or offset + start <= done or (offset and start < LOOKBEHIND):
                continue
            if not (AFTER_EMPTY.search(text[max(0, start - LOOKBEHIND) : start]) or DATED.match(match[0])):
                continue
            number += text.count(b"\n", at, start)
            at = start
            done = offset + start
            yield offset + start, offset + match.end(), number
        if not block:
            return
        cut = max(0, limit - LOOKBEHIND)
        line += text.count(b"\n", 0, cut)
        held, offset = text[cut:], offset + cut


def read_mail(location: MessageLocation) -> bytes:
    """The bytes of a mail, at most MAX_MAIL; escaped From lines are restored."""
    return _read(location, MAX_MAIL)


def read_head(location: MessageLocation) -> bytes:
    """The bytes of a mail's headers."""
    text = _read(location, MAX_HEAD)
    end = END_OF_HEAD.search(text)
    return text[: end.end()] if end else text


def _read(location: MessageLocation, most: int) -> bytes:
    with location.path.open("rb") as file:
        file.seek(location.start)
        if location.length >= 0:
            return ESCAPED.sub(rb"\1", file.read(min(location.length, most)))
        text = file.read(most)
    number, _, rest = text.partition(b"\n")
    if number.strip().isdigit():  # Apple's emlx: the length of the mail, the mail, and a property list
        return rest[: int(number)] if len(number) < 12 else rest
    return text
