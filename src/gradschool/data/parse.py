"""Parse text to rows: JSON lines, a JSON list (or pretty-printed objects), or a table, detected by content."""

import csv
import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, TextIO

from gradschool.data.encoding import MAX_LINE, Line, lines, open_text, repair
from gradschool.errors import DataError

Container = Literal["JSON lines", "JSON list", "JSON objects", "CSV", "TSV"]
DELIMITERS = ",\t;|"
PEEK_LINES, PEEK_CHARACTERS = 50, 1 << 20
BLOCK = 1 << 16  # characters read at a time from a JSON list
SPACE = re.compile(r"\s*")
SEPARATORS = re.compile(r"[\s,]*")
TOO_LONG = f"the line is longer than {MAX_LINE >> 20} MB: a line break is probably missing"


@dataclass(frozen=True, slots=True)
class Row:
    """One entry of a file and the line where it starts; `trouble` is the reason if it has no value.

    `lines` counts the lines that it spans.
    """

    line: int
    value: Any = None
    trouble: str = ""
    lines: int = 1


def container(path: Path, name: str) -> tuple[Container, str]:
    """Detect the container of a file's entries, and the delimiter of a table; raises DataError if there is none."""
    with open_text(path, name) as file:
        head = list(_peek(file))
    if not head:
        raise DataError(f"{name} is empty.", "It has no examples.", "add at least 12, one JSON object per line.")
    first = head[0].text.strip()
    complete = [line.text for line in head if not line.too_long]
    entries = sum(map(_is_entry, complete))
    lone_list = len(head) == 1 and first[0] == "["
    # If the first line is damaged, most of the others still show that these are JSON lines.
    if entries and not lone_list and (_is_entry(first) or entries * 2 >= len(complete)):
        return "JSON lines", ""
    if first[0] in "[{":
        return ("JSON list" if first[0] == "[" else "JSON objects"), ""
    delimiter = max(DELIMITERS, key=lambda delimiter: len(_cells(first, delimiter)))
    if len(_cells(first, delimiter)) < 2:
        start = repair(first[:60])[0]
        raise DataError(
            f"{name} is neither JSON nor a table.",
            f"It begins with {start!r}.",
            'write one JSON object per line, such as {"prompt": "…", "completion": "…"}, or a CSV with a header.',
        )
    return ("TSV" if delimiter == "\t" else "CSV"), delimiter


def rows(path: Path, name: str, held: Container, delimiter: str) -> Iterator[Row]:
    """The entries of a file, one at a time; raises DataError if a JSON list is truncated or malformed."""
    with open_text(path, name) as file:
        if held == "JSON lines":
            yield from _line_rows(file)
        elif held in ("JSON list", "JSON objects"):
            yield from _value_rows(file, name, in_list=held == "JSON list")
        else:
            yield from _table_rows(file, delimiter)


def _peek(file: TextIO) -> Iterator[Line]:
    count = characters = 0
    for line in lines(file):
        if line.text.strip():
            yield line
            count, characters = count + 1, characters + len(line.text)
        if count == PEEK_LINES or characters > PEEK_CHARACTERS:
            return


def _is_entry(text: str) -> bool:
    try:
        return text.strip()[:1] in ("{", "[") and isinstance(json.loads(text), dict | list)
    except (ValueError, RecursionError):
        return False


def _line_rows(file: TextIO) -> Iterator[Row]:
    for line in lines(file):
        if line.too_long:
            yield Row(line.number, trouble=TOO_LONG)
        elif line.text.strip():
            try:
                yield Row(line.number, json.loads(line.text))
            except (ValueError, RecursionError) as error:
                yield Row(line.number, trouble=f"not valid JSON: {_reason(error)}")


def _reason(error: Exception) -> str:
    if isinstance(error, json.JSONDecodeError):
        return f"{error.msg[0].lower()}{error.msg[1:]} at character {error.colno}"
    return "nested too deeply" if isinstance(error, RecursionError) else str(error)


def _value_rows(file: TextIO, name: str, *, in_list: bool) -> Iterator[Row]:
    """JSON values, read in blocks: a list may be a single line of gigabytes."""
    decode = json.JSONDecoder().raw_decode
    text, at, line, ended, opened = "", 0, 1, False, not in_list
    while True:
        space = (SEPARATORS if in_list and opened else SPACE).match(text, at)
        end = space.end() if space else at
        line, at = line + text.count("\n", at, end), end
        if at < len(text) and not opened:
            opened, at = True, at + 1
            continue
        if at < len(text) and in_list and text[at] == "]":
            return
        value: Any = None
        wrong: Exception | None = None
        if at < len(text):
            try:
                value, end = decode(text, at)
            except (ValueError, RecursionError) as error:
                wrong = error
        if at < len(text) and not wrong and (end < len(text) or ended):
            yield Row(line, value)
            line, at = line + text.count("\n", at, end), end
        elif not ended and len(text) - at <= MAX_LINE:  # the value may continue in the next block
            more = file.read(max(BLOCK, len(text) - at))
            text, at, ended = text[at:] + more, 0, not more
        elif at == len(text) and not in_list:
            return
        else:
            raise _broken(name, text, at, line, wrong, ended)


def _broken(name: str, text: str, at: int, line: int, wrong: Exception | None, ended: bool) -> DataError:
    fix = "correct that place, or save the file as JSON lines, where one bad line affects no other."
    # A truncated text fails at its end or in an unterminated string; anything else is malformed.
    stops = wrong is None or (
        isinstance(wrong, json.JSONDecodeError)
        and (wrong.pos >= len(text.rstrip()) or wrong.msg.startswith("Unterminated string"))
    )
    if isinstance(wrong, json.JSONDecodeError) and not stops:
        there = line + text.count("\n", at, wrong.pos)
        return DataError(f"{name}:{there} is not valid JSON.", f"The reader says: {wrong.msg}.", fix)
    if ended and stops:
        return DataError(f"{name}:{line} is truncated.", "The file ends before the value that starts there.", fix)
    why = _reason(wrong) if wrong and ended else f"The entry that starts there is longer than {MAX_LINE >> 20} MB"
    return DataError(f"{name}:{line} cannot be read.", f"{why[0].upper()}{why[1:]}.", fix)


def _cells(header: str, delimiter: str) -> list[str]:
    try:
        return next(csv.reader([header], delimiter=delimiter, strict=True), [])
    except csv.Error:
        return []


@contextmanager
def _long_fields() -> Iterator[None]:
    """Raise the csv module's limit of 128 KB per cell, which is global to the process, for as long as needed."""
    before = csv.field_size_limit(MAX_LINE)
    try:
        yield
    finally:
        csv.field_size_limit(before)


def _table_rows(file: TextIO, delimiter: str) -> Iterator[Row]:
    too_long: list[int] = []
    reader = csv.reader(_bounded(file, too_long), delimiter=delimiter, strict=True)
    header: list[str] = []
    while True:
        start = reader.line_num + 1
        try:
            with _long_fields():
                cells = next(reader)
        except StopIteration:
            yield from (Row(number, trouble=TOO_LONG) for number in too_long)
            return
        except csv.Error as error:
            yield Row(
                start, trouble=_table_trouble(str(error), start, reader.line_num), lines=reader.line_num - start + 1
            )
            continue
        if not any(cell.strip() for cell in cells):
            continue
        if not header:
            header = [repair(cell.strip())[0] for cell in cells]
        elif len(cells) != len(header):
            yield Row(start, trouble=f"has {len(cells)} cells where the header has {len(header)}")
        else:
            yield Row(start, dict(zip(header, cells, strict=True)))


def _table_trouble(reason: str, first: int, last: int) -> str:
    if last > first:
        return f"a quote that opens here is never closed: lines {first} to {last} are lost ({reason})"
    return f"not a row of a table: {reason}"


def _bounded(file: TextIO, too_long: list[int]) -> Iterator[str]:
    for line in lines(file):
        if line.too_long:
            too_long.append(line.number)
        yield "\n" if line.too_long else line.text
