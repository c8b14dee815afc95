"""Tables of any origin: find the header below titles, name the columns, and give each record its cells by name."""

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain, islice, pairwise
from typing import Any

from gradschool.data.columns import detect
from gradschool.data.encoding import repair
from gradschool.data.formats import NoConversation, plain
from gradschool.settings import Data

SEARCHED = 30  # records in which the header is looked for
MAX_TITLES = 10  # records above a header
NOTHING = {  # what programs write for an empty cell
    *("nan", "NaN", "NAN", "NULL", "null", "Null", "(null)", "[null]", "<null>", "<NA>", "NaT", "\\N", "undefined"),
    *("#N/A", "#VALUE!", "#REF!", "#DIV/0!", "#NAME?", "#NUM!", "#NULL!", "#SPILL!", "#CALC!", "#N/A N/A", "-nan"),
    *("#NV", "#N/D", "#N/DISP", "#Н/Д", "(blank)", "(leer)", "(vide)", "(en blanco)", "(vuoto)", "(空白)"),
}
ERROR = re.compile(r"#[¡¿]?[^\W\d_][\w/ ]{1,18}[!?]|#\w+/0!")  # of a formula, in any language: "#WERT!", "#ССЫЛКА!"
MAYBE_NOTHING = NOTHING | {
    "None",
    "NIL",
    "Nil",
    "N/A",
    "n/a",
    "N.A.",
    "n.a.",
    "-",
    "--",
    "–",
    "—",
}  # a label may be called like this
RULE = re.compile(r"\s*:?(-{2,}|={2,}|_{2,}):?\s*")  # a cell of a line that is drawn below a header


@dataclass(frozen=True, slots=True)
class Row:
    """One entry of a file and the line where it starts; `trouble` is the reason if it has no value.

    `lines` counts the lines that it spans. `shape` says how a row of a table differs from its header, `remark` what was
    assumed about the file, and `sheet` names the sheet of a workbook with several.
    """

    line: int
    value: Any = None
    trouble: str = ""
    lines: int = 1
    shape: str = ""
    remark: str = ""
    sheet: str = ""


@dataclass(frozen=True, slots=True)
class Record:
    """The cells of one record of a table; `trouble` is the reason if it has none."""

    line: int
    cells: Sequence[str] = ()
    trouble: str = ""
    lines: int = 1


def table_rows(records: Iterable[Record], data: Data, sheet: str = "") -> Iterator[Row]:
    """The records below the header, as rows with their cells by column; remarks come first."""
    records = (record for record in records if record.trouble or any(cell.strip() for cell in record.cells))
    first = list(islice(records, SEARCHED))
    place = header_place(first, data)
    if place is None:
        yield from (Row(record.line, trouble=record.trouble, lines=record.lines, sheet=sheet) for record in first)
        return
    titles, header = [record for record in first[:place] if not record.trouble], first[place]
    if titles:
        shown = " ".join(cell for cell in titles[0].cells if cell.strip())[:60]
        yield Row(header.line, remark=f"is taken for the header; what is above it is left out ({shown!r})", sheet=sheet)
    names, twice = _names(header.cells)
    if twice:
        yield Row(
            header.line,
            remark=f"several columns are called {', '.join(map(repr, twice))}: the first of each is read under that "
            "name, the next is called 'NAME (2)'",
            sheet=sheet,
        )
    troubles = (record for record in first[:place] if record.trouble)
    for record in chain(troubles, first[place + 1 :], records):
        yield _row(record, names, sheet)


def _row(record: Record, names: Sequence[str], sheet: str) -> Row:
    if record.trouble:
        return Row(record.line, trouble=record.trouble, lines=record.lines, sheet=sheet)
    cells = list(record.cells)
    while len(cells) > len(names) and not cells[-1].strip():
        cells.pop()
    if is_layout(cells, names):
        remark = "repeats the header or draws a line, and is left out"
        return Row(record.line, remark=remark, lines=record.lines, sheet=sheet)
    shape = f"has {len(cells)} cells where the header has {len([name for name in names if name])}"
    if len(cells) > len(names):
        return Row(record.line, trouble=f"{shape}; a text with the separator in it needs quotes", sheet=sheet)
    found = {
        name or f"column {place}": cell
        for place, (name, cell) in enumerate(zip(names, cells, strict=False), 1)
        if name or cell.strip()
    }
    return Row(record.line, found, shape=shape if len(cells) < len(names) else "", sheet=sheet)


def is_layout(cells: Sequence[str], names: Sequence[str]) -> bool:
    """Whether a record is no data: the header once more, or Markdown's line of hyphens."""
    filled = [(cell.strip(), name) for cell, name in zip(cells, names, strict=False) if cell.strip()]
    repeated = len(filled) > 1 and all(cell.casefold() == name.casefold() for cell, name in filled)
    return repeated or (len(filled) > 1 and all(RULE.fullmatch(cell) for cell, _ in filled))


def header_place(records: Sequence[Record], data: Data) -> int | None:
    """The place of the header: the first record with known names of columns, else the first as wide as most records."""
    widths = [0 if record.trouble else _width(record.cells) for record in records]
    usable = [place for place, width in enumerate(widths) if width]
    if not usable:
        return None
    known = [place for place in usable[:MAX_TITLES] if is_header(records[place].cells, records[place + 1 :], data)]
    if known:
        return known[0]
    usual = max(Counter(widths[place] for place in usable).items(), key=lambda item: (item[1], item[0]))[0]
    place = usable[0]
    for place, following in pairwise(usable[: MAX_TITLES + 1]):
        gap = records[following].line > records[place].line + records[place].lines
        if widths[place] >= usual or not (widths[place] == 1 or gap):
            return place
    return place if widths[place] >= usual else usable[0]


def is_header(cells: Sequence[str], below: Sequence[Record], data: Data) -> bool:
    """Whether cells are names of columns of which the form is known."""
    names = [cell.strip() for cell in cells if cell.strip()]
    if len(names) < 2:
        return False
    following = next((record.cells for record in below if not record.trouble), [])
    values = dict.fromkeys(names, "") | dict(zip((cell.strip() for cell in cells), following, strict=False))
    asked = {plain(name) for name in (data.input_column, data.output_column) if name}
    try:
        return detect(values, data) is not None and asked <= set(map(plain, names))
    except NoConversation:
        return True


def _width(cells: Sequence[str]) -> int:
    """The number of cells without empty ones at the end."""
    return max((place for place, cell in enumerate(cells, 1) if cell.strip()), default=0)


def _names(header: Sequence[str]) -> tuple[list[str], list[str]]:
    """The names of the columns, all different, and the names that occur several times; "" for a column without one."""
    names: list[str] = []
    known: set[str] = set()
    counts: dict[str, int] = {}  # of the names that occur several times; each number is tried once
    for cell in header[: _width(header)]:
        name = first = repair(cell.strip())[0]
        while name and name in known:
            counts[first] = counts.get(first, 1) + 1
            name = f"{first} ({counts[first]})"
        known.add(name)
        names.append(name)
    return names, list(counts)


def _is_nothing(cell: str) -> bool:
    return cell in NOTHING or (cell.startswith("#") and cell.isupper() and ERROR.fullmatch(cell) is not None)


def without_nothing(row: dict[str, Any]) -> tuple[dict[str, Any], dict[str, str]]:
    """A row with empty cells where programs wrote a word for nothing, and these words by column."""
    words = {key: cell.strip() for key, cell in row.items() if isinstance(cell, str) and _is_nothing(cell.strip())}
    return (row | dict.fromkeys(words, "") if words else row), words
