"""Tables that are written as one JSON value: by column, by row below a header, or with a schema, as pandas does."""

from collections.abc import Iterator, Mapping
from itertools import chain, islice
from typing import Any

from gradschool.data.formats import CONVERSATIONS, keys_by_name
from gradschool.data.tables import Record, Row, is_header
from gradschool.errors import GradschoolError
from gradschool.settings import Data

MIN_ROWS = 12  # of a table: shorter lists are the turns of one conversation
BY_COLUMN = "one object with a list for each key is read as a table, whose columns are these lists"
BY_ROW = "lists of cells below a list of names are read as a table"


def framed(rows: Iterator[Row], data: Data) -> Iterator[Row]:
    """The rows of a file; if they are a table in JSON, a row for each of its rows, with a remark before them."""
    first: list[Row] = []
    try:
        for row in islice(rows, 2):
            first.append(row)
    except GradschoolError:  # what precedes the damage is read
        yield from first
        raise
    value = first[0].value if first else None
    if len(first) == 1 and isinstance(value, dict) and (found := _table(value)):
        yield Row(first[0].line, remark=BY_COLUMN)
        yield from (Row(first[0].line, row) for row in found)
    elif len(first) == 2 and isinstance(value, list) and _is_named(value, first[1].value, data):
        yield Row(first[0].line, remark=BY_ROW)
        for row in chain(first[1:], rows):
            cells = row.value if isinstance(row.value, list) and len(row.value) == len(value) else None
            trouble = row.trouble or ("" if cells else f"is no list of {len(value)} cells, as the first line is")
            yield Row(row.line, dict(zip(value, cells, strict=True)) if cells else None, trouble)
    else:
        yield from chain(first, rows)


def _table(value: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The rows of a table in an object; [] if it is none."""
    names, rows = value.get("columns"), value.get("data")
    if isinstance(rows, list) and "schema" in value and all(isinstance(row, dict) for row in rows):
        return rows
    if isinstance(names, list) and isinstance(rows, list) and all(isinstance(name, str) for name in names):
        return [dict(zip(names, row, strict=False)) for row in rows if isinstance(row, list)]
    if len(value) < 2 or set(CONVERSATIONS) & keys_by_name(value).keys():
        return []
    columns = list(value.values())
    if all(isinstance(column, dict) and len(column) > 1 and column.keys() == columns[0].keys() for column in columns):
        columns = [list(column.values()) for column in columns]
    elif not all(isinstance(column, list) and len(column) >= MIN_ROWS for column in columns):
        return []
    if not all(_are_cells(column) and len(column) == len(columns[0]) for column in columns):
        return []
    return [dict(zip(value, cells, strict=True)) for cells in zip(*columns, strict=True)]


def _are_cells(column: list[Any]) -> bool:
    return not any(isinstance(cell, list | dict) for cell in column)


def _is_named(names: list[Any], cells: Any, data: Data) -> bool:
    """Whether a list has the names of columns, and another one the cells of a row."""
    if not all(isinstance(name, str) for name in names) or not isinstance(cells, list) or len(cells) != len(names):
        return False
    return _are_cells(cells) and is_header(names, [Record(2, [str(cell) for cell in cells])], data)
