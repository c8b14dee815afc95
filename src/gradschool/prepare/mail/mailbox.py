"""Mailboxes of any size, one mail at a time: where each begins, how long it is, and its bytes when they are wanted."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from gradschool.prepare.recognise import SourceFile
from gradschool.records import Source

BLOCK = 8 << 20  # bytes read at a time
OVERLAP = 1 << 16  # bytes kept from one block to the next: longer than a From line with the header below it
SEEN = 3  # bytes before a beginning that tell whether an empty line stands there
MAX_MAIL = 64 << 20  # bytes of one mail that are read; what a person wrote stands before its attachments
MAX_HEAD = 1 << 18  # bytes of headers that are read
# A mail begins with "From " after an empty line and has a header below; or, in files that leave out the empty line,
# with a whole date on it. ">From " in a text is an escaped line.
BEGINS = re.compile(rb"(?:\A|(?<=\n))From [^\r\n]*\r?\n(?=>?[!-9;-~]+[ \t]*:)")
AFTER_EMPTY = re.compile(rb"(?:\A|\n|\n\r\n|\A\r\n)\Z")
DATED = re.compile(rb"From \S+ +(?:\w{3},? +)?(?:\w{3} +\d{1,2}|\d{1,2} +\w{3}) .*\d\d:\d\d.*\d{4}|From - ")
ESCAPED = re.compile(rb"^>(>*From )", re.MULTILINE)
END_OF_HEAD = re.compile(rb"\r?\n\r?\n")


@dataclass(frozen=True, slots=True)
class MessageLocation:
    """Where a mail lies: its file as the person knows it with the line, and the bytes in it.

    `length` is -1 where the file is one mail.
    """

    source: Source
    path: Path
    start: int = 0
    length: int = -1
    outlook: bool = False


def message_locations(source_file: SourceFile) -> Iterator[MessageLocation]:
    """All mails of a file, in its order."""
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
    """Where mails begin in an mbox: offset of the From line, offset of the headers, and line number; streamed."""
    held, offset, line = b"", 0, 1  # `offset` is where `held` begins, `line` the number of its first line
    done = -1  # the last beginning told, so that the overlap tells nothing twice
    while True:
        block = file.read(BLOCK)
        text = held + block
        limit = len(text) if not block else max(0, len(text) - OVERLAP)
        at, number = 0, line
        for match in BEGINS.finditer(text):
            start = match.start()
            if start >= limit or offset + start <= done or (offset and start < SEEN):
                continue
            if not (AFTER_EMPTY.search(text[max(0, start - SEEN) : start]) or DATED.match(match[0])):
                continue
            number += text.count(b"\n", at, start)
            at = start
            done = offset + start
            yield offset + start, offset + match.end(), number
        if not block:
            return
        cut = max(0, limit - SEEN)
        line += text.count(b"\n", 0, cut)
        held, offset = text[cut:], offset + cut


def read_mail(location: MessageLocation) -> bytes:
    """The bytes of a mail, at most MAX_MAIL of them; escaped From lines are put right."""
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
