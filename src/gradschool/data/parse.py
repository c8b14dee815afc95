"""Parse files to rows: JSON lines, a JSON list (or pretty-printed objects), a table, a workbook; by their content."""

import csv
import json
import re
import zipfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal, TextIO

from gradschool.data.converter import sheets
from gradschool.data.encoding import MAX_CELL, MAX_LINE, Line, Unreadable, lines, open_text, repair
from gradschool.data.framed import framed
from gradschool.data.numbered import is_named, is_numbered, named_rows, numbered_rows
from gradschool.data.tables import Record, header_place, is_header, table_rows
from gradschool.data.tables import Row as Row
from gradschool.data.trees import assembled
from gradschool.errors import DataError
from gradschool.files import read_file
from gradschool.json_text import MAX_DEPTH, TOO_DEEP, demand_shallow, parse_any_json
from gradschool.settings import Data

Container = Literal[
    "JSON lines", "JSON list", "JSON objects", "CSV", "TSV", "workbook", "numbered dialogues", "ParlAI dialogues"
]
USUAL = Data()  # without columns that the user names
IN_JSON = ("JSON lines", "JSON list", "JSON objects")
TABLES = ("CSV", "TSV", "workbook")
SEP_LINE = re.compile(r"\"?sep=([,;|\t])\"?[,;|\t]*", re.IGNORECASE)  # Excel's first line
ONE_COLUMN = (".csv", ".tsv", ".tab")  # names of tables that may have one column, and so no delimiter
DELIMITERS = ",\t;|"
PEEK_LINES, PEEK_CHARACTERS = 50, 1 << 20
BLOCK = 1 << 16  # characters read at a time from a JSON list
SPACE = re.compile(r"\s*")
SEPARATORS = re.compile(r"[\s,]*")
TOO_LONG = f"the line is longer than {MAX_LINE >> 20} MB: a line break is probably missing"


def container(path: Path, name: str, data: Data = USUAL) -> tuple[Container, str]:
    """Detect the container of a file's entries, and the delimiter of a table; raises DataError if there is none."""
    if _is_workbook(path):
        return "workbook", ""
    with open_text(path, name) as file:
        head = list(_peek(file))
    if not head:
        raise DataError(f"{name} is empty.", "It has no examples.", "add at least 12, one JSON object per line.")
    held = container_of(head, data)
    if held is None and path.suffix.lower() in ONE_COLUMN:
        return "CSV", ","
    if held is None:
        start = repair(head[0].text.strip()[:60])[0]
        raise DataError(
            f"{name} is neither JSON nor a table.",
            f"It begins with {start!r}.",
            'write one JSON object per line, such as {"prompt": "…", "completion": "…"}, or a CSV with a header.',
        )
    return held


def container_of(head: Sequence[Line], data: Data) -> tuple[Container, str] | None:
    """The container of which these are the first lines, and the delimiter of a table; None if it is plain text."""
    first = head[0].text.strip()
    complete = [line.text for line in head if not line.too_long]
    entries = sum(map(_is_entry, complete))
    lone_list = len(head) == 1 and first[0] == "["
    # If the first line is damaged, most of the others still show that these are JSON lines.
    if entries and not lone_list and (_is_entry(first) or entries * 2 >= len(complete)):
        return "JSON lines", ""
    if first[0] in "[{":
        return ("JSON list" if first[0] == "[" else "JSON objects"), ""
    if is_numbered(complete):
        return "numbered dialogues", ""
    if is_named(complete):
        return "ParlAI dialogues", ""
    delimiter = _delimiter(complete, data)
    return (("TSV" if delimiter == "\t" else "CSV"), delimiter) if delimiter else None


def _delimiter(head: Sequence[str], data: Data) -> str:
    """The delimiter of a table; Excel's line `sep=;` decides, else the header and the widths of the rows."""
    if found := SEP_LINE.fullmatch(head[0].strip("\r\n")):
        return found[1]
    best, chosen = (False, 0.0, 0), ""
    for delimiter in DELIMITERS:
        records = [Record(number, cells) for number, cells in enumerate(_cells(head, delimiter)) if any(cells)]
        place = header_place(records, data)
        width = len(records[place].cells) if place is not None else 0
        if width < 2 or place is None:
            continue
        same = sum(len(record.cells) == width for record in records[place:]) / len(records[place:])
        rank = (is_header(records[place].cells, records[place + 1 :], data), same, width)
        if rank > best:
            best, chosen = rank, delimiter
    return chosen


def rows(path: Path, name: str, held: Container, delimiter: str, data: Data = USUAL) -> Iterator[Row]:
    """The entries of a file, one at a time; raises DataError if a JSON list is truncated or malformed."""
    if held == "workbook":
        yield from _workbook_rows(path, name, data)
        return
    with open_text(path, name) as file:
        found = text_rows(file, name, held, delimiter, data)
        yield from assembled(framed(found, data) if held in IN_JSON else found)


def text_rows(file: TextIO, name: str, held: Container, delimiter: str, data: Data) -> Iterator[Row]:
    """The entries of a text, one at a time; raises DataError if a JSON list is truncated or malformed."""
    if held == "JSON lines":
        yield from _line_rows(file)
    elif held in ("JSON list", "JSON objects"):
        yield from _value_rows(file, name, in_list=held == "JSON list")
    elif held == "numbered dialogues":
        yield from numbered_rows(lines(file))
    elif held == "ParlAI dialogues":
        yield from named_rows(lines(file))
    else:
        yield from table_rows(_records(file, delimiter), data)


def _is_workbook(path: Path) -> bool:
    try:
        with zipfile.ZipFile(path) as archive:
            return "xl/workbook.xml" in archive.namelist()
    except (OSError, zipfile.BadZipFile, ValueError, NotImplementedError):
        return False


def _workbook_rows(path: Path, name: str, data: Data) -> Iterator[Row]:
    try:
        for number, title, sheet in sheets(read_file(path)):
            records = (Record(line, cells) for line, cells in enumerate(sheet, 1))
            yield from table_rows(records, data, title if number else "")
    except (Unreadable, OSError) as error:
        why = error.strerror if isinstance(error, OSError) else str(error)
        raise DataError(f"{name} cannot be read.", f"The reason: {why}", "save it again, or save it as CSV.") from error


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
        return text.strip()[:1] in ("{", "[") and isinstance(parse_any_json(text), dict | list)
    except ValueError:
        return False


def _line_rows(file: TextIO) -> Iterator[Row]:
    for line in lines(file):
        if line.too_long:
            yield Row(line.number, trouble=TOO_LONG)
        elif line.text.strip():
            try:
                yield Row(line.number, parse_any_json(line.text))
            except ValueError as error:
                yield Row(line.number, trouble=f"not valid JSON: {_reason(error)}")


def _reason(error: Exception) -> str:
    if isinstance(error, json.JSONDecodeError):
        return f"{error.msg[0].lower()}{error.msg[1:]} at character {error.colno}"
    return TOO_DEEP if isinstance(error, RecursionError) else str(error)


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
            yield _shallow(Row(line, value), text.count("[", at, end) + text.count("{", at, end))
            line, at = line + text.count("\n", at, end), end
        elif not ended and len(text) - at <= MAX_LINE:  # the value may continue in the next block
            more = file.read(max(BLOCK, len(text) - at))
            text, at, ended = text[at:] + more, 0, not more
        elif at == len(text) and not in_list:
            return
        else:
            raise _broken(name, text, at, line, wrong, ended)


def _shallow(row: Row, opened: int) -> Row:
    """A row with so many objects and lists in it, or its trouble if they are nested too deeply."""
    try:
        if opened > MAX_DEPTH:
            demand_shallow(row.value)
    except ValueError as error:
        return Row(row.line, trouble=str(error))
    return row


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


def _cells(head: Sequence[str], delimiter: str) -> list[list[str]]:
    """The first lines as records; a record that spans the last line is left out."""
    try:
        with _long_fields():
            return list(csv.reader(head, delimiter=delimiter))
    except csv.Error:
        return []


@contextmanager
def _long_fields() -> Iterator[None]:
    """Raise the csv module's limit of 128 KB per cell, which is global to the process, for as long as needed."""
    before = csv.field_size_limit(MAX_CELL)
    try:
        yield
    finally:
        csv.field_size_limit(before)


def _records(file: TextIO, delimiter: str) -> Iterator[Record]:
    too_long: list[int] = []
    reader = csv.reader(_bounded(file, too_long), delimiter=delimiter, strict=True)
    while True:
        start = reader.line_num + 1
        try:
            with _long_fields():
                cells = next(reader)
        except StopIteration:
            yield from (Record(number, trouble=TOO_LONG) for number in too_long)
            return
        except csv.Error as error:
            trouble = _table_trouble(str(error), start, reader.line_num)
            yield Record(start, trouble=trouble, lines=reader.line_num - start + 1)
            continue
        if start > 1 or not SEP_LINE.fullmatch(delimiter.join(cells)):
            bars = delimiter == "|" and len(cells) > 3 and not cells[0].strip() and not cells[-1].strip()
            cells = [cell.strip() for cell in cells] if bars else cells  # Markdown pads them
            yield Record(start, cells, lines=reader.line_num - start + 1)


def _table_trouble(reason: str, first: int, last: int) -> str:
    if last > first:
        return f"a quote that opens here is never closed: lines {first} to {last} are lost ({reason})"
    return f"not a row of a table: {reason}"


def _bounded(file: TextIO, too_long: list[int]) -> Iterator[str]:
    for line in lines(file):
        if line.too_long:
            too_long.append(line.number)
        yield "\n" if line.too_long else line.text
