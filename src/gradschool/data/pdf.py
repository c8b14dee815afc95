"""The text of pdf pages with pdfminer: boxes in reading order, and tables row by row, so that an item has its price.

A table is found by its layout: lines that are next to each other in at least three rows, in the same columns. Columns
of running text look alike, but each of their lines has many words; they are rows only if rules are drawn between them.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from statistics import fmean, median
from typing import TypeAlias

from pdfminer.layout import LTCurve, LTFigure, LTPage, LTTextBox, LTTextLineHorizontal

from gradschool.data.broken_words import join_broken_words
from gradschool.data.word_lengths import count_words

MIN_ROWS = 3  # rows with several cells, from which aligned lines are a table
MAX_LINES = 2_000  # of a page; a page with more is a drawing
PROSE_WORDS = 4  # words per line in every column, from which columns are running text
MAX_GAP = 4  # heights of a line between two rows of one table
MAX_SPANNING = 2  # lines in a row that span columns, such as a title in the table
THIN = 3.0  # points; a thinner shape is a rule
RULED = 0.5  # fraction of the table's width that rules between rows cover
LIGATURES = str.maketrans({"ﬀ": "ff", "ﬁ": "fi", "ﬂ": "fl", "ﬃ": "ffi", "ﬄ": "ffl", "ﬅ": "st", "ﬆ": "st"})

Line: TypeAlias = LTTextLineHorizontal
Span: TypeAlias = tuple[float, float]


@dataclass(frozen=True, slots=True)
class _Table:
    lines: list[Line]
    text: str


def page_text(page: LTPage) -> str:
    """The text of a laid-out page: boxes separated by empty lines, and tables as rows of Markdown."""
    boxes = [box for box in page if isinstance(box, LTTextBox) and box.get_text().strip()]
    lines = [line for box in boxes for line in box if isinstance(line, Line) and line.get_text().strip()]
    table_of = {id(line): table for table in _tables(lines, _rules(page)) for line in table.lines}
    parts: list[str] = []
    written: set[int] = set()
    for box in boxes:
        rest = ""
        for line in box:
            table = table_of.get(id(line))
            if table is None:
                rest += line.get_text() if hasattr(line, "get_text") else ""
            elif id(table) not in written:
                written.add(id(table))
                parts += [rest, table.text]
                rest = ""
        parts.append(rest)
    texts = (join_broken_words(part.strip("\n").translate(LIGATURES)) for part in parts if part.strip())
    return "\n\n".join(texts)


def _tables(lines: Sequence[Line], rules: Sequence[tuple[float, Span]]) -> Iterator[_Table]:
    for run in _runs(_visual_rows(lines)) if len(lines) <= MAX_LINES else ():
        several = [row for row in run if len(row) > 1]
        columns = _columns(several)
        if len(several) < MIN_ROWS or len(columns) < 2:
            continue
        bands = _bands(run, rules, columns)
        if not bands and _is_prose(several, columns):
            continue
        rows = _in_bands(run, bands, columns) if bands else _in_lines(run, columns)
        text = "\n".join("| " + " | ".join(cell.replace("|", "/") for cell in row) + " |" for row in rows if any(row))
        yield _Table([line for row in run for line in row], text)


def _visual_rows(lines: Sequence[Line]) -> list[list[Line]]:
    """Lines at one height, from left to right; rows from top to bottom."""
    rows: list[list[Line]] = []
    for line in sorted(lines, key=lambda line: -_middle(line)):
        if rows and abs(_middle(rows[-1][0]) - _middle(line)) < 0.5 * min(rows[-1][0].height, line.height):
            rows[-1].append(line)
        else:
            rows.append([line])
    return [sorted(row, key=lambda line: line.x0) for row in rows]


def _runs(rows: Sequence[list[Line]]) -> Iterator[list[list[Line]]]:
    """Neighbouring rows that may be one table: they begin and end with several cells or with a cell of a column."""
    run: list[list[Line]] = []
    alone = 0
    for row in [*rows, []]:
        near = bool(run and row) and _middle(run[-1][0]) - _middle(row[0]) < MAX_GAP * max(
            run[-1][0].height, row[0].height
        )
        spanning = len(row) == 1 and not _inside(row[0], _columns([one for one in run if len(one) > 1]))
        alone = alone + 1 if spanning else 0
        if run and (not near or alone > MAX_SPANNING):
            while len(run[-1]) == 1 and not _inside(run[-1][0], _columns([one for one in run if len(one) > 1])):
                run.pop()
            yield run
            run, alone = [], 0
        if len(row) > 1 or (run and row):
            run.append(row)


def _columns(rows: Sequence[list[Line]]) -> list[Span]:
    """The columns of rows with several cells: their horizontal extents, joined where they overlap."""
    columns: list[Span] = []
    for x0, x1 in sorted((line.x0, line.x1) for row in rows for line in row):
        if columns and x0 < columns[-1][1]:
            columns[-1] = columns[-1][0], max(columns[-1][1], x1)
        else:
            columns.append((x0, x1))
    return columns


def _inside(line: Line, columns: Sequence[Span]) -> bool:
    """Whether a line is in one column, and not across several."""
    return sum(line.x0 < x1 and line.x1 > x0 for x0, x1 in columns) == 1


def _column_of(line: Line, columns: Sequence[Span]) -> int:
    return max(range(len(columns)), key=lambda n: min(line.x1, columns[n][1]) - max(line.x0, columns[n][0]))


def _is_prose(rows: Sequence[list[Line]], columns: Sequence[Span]) -> bool:
    counts: list[list[int]] = [[] for _ in columns]
    for row in rows:
        for line in row:
            counts[_column_of(line, columns)].append(count_words(line.get_text()))
    return all(fmean(count) >= PROSE_WORDS for count in counts if count)


def _in_lines(run: Sequence[list[Line]], columns: Sequence[Span]) -> list[list[str]]:
    """Rows of cells, one for each height; a line that continues a cell is added to the row above it."""
    heights = [_middle(row[0]) for row in run]
    gaps = [above - below for above, below in pairwise(heights)]
    whole = [gap for gap, row in zip(gaps, run[1:], strict=True) if len(row) > 1]
    usual = median(whole) if whole else 0.0
    rows: list[list[str]] = []
    for number, row in enumerate(run):
        places = {_column_of(line, columns) for line in row}
        continues = number > 0 and (0 not in places or (len(places) == 1 and gaps[number - 1] < 0.75 * usual))
        if not rows or not continues or (len(places) == 1 and not _inside(row[0], columns)):
            rows.append([""] * len(columns))
        _add(rows[-1], row, columns)
    return rows


def _in_bands(run: Sequence[list[Line]], bands: Sequence[float], columns: Sequence[Span]) -> list[list[str]]:
    """Rows of cells between the rules at these heights."""
    rows = [[""] * len(columns) for _ in range(len(bands) + 1)]
    for row in run:
        _add(rows[sum(band > _middle(row[0]) for band in bands)], row, columns)
    return rows


def _add(cells: list[str], row: Sequence[Line], columns: Sequence[Span]) -> None:
    for line in row:
        place = _column_of(line, columns)
        text = " ".join(line.get_text().split())
        cells[place] = join_broken_words(f"{cells[place]}\n{text}").replace("\n", " ") if cells[place] else text


def _bands(run: Sequence[list[Line]], rules: Sequence[tuple[float, Span]], columns: Sequence[Span]) -> list[float]:
    """The heights of the rules between rows of a table, from top to bottom; empty if it has too few."""
    top, bottom = _middle(run[0][0]), _middle(run[-1][0])
    left, right = columns[0][0], columns[-1][1]
    covered: dict[float, list[Span]] = {}
    for y, (x0, x1) in rules:
        if bottom < y < top and x0 < right and x1 > left:
            covered.setdefault(round(y / THIN), []).append((max(x0, left), min(x1, right)))
    heights = []
    for y, spans in covered.items():
        if sum(x1 - x0 for x0, x1 in set(spans)) >= RULED * (right - left):
            heights.append(y * THIN)
    heights.sort(reverse=True)
    return heights if len(heights) >= MIN_ROWS - 1 else []


def _rules(page: LTPage) -> list[tuple[float, Span]]:
    """Heights and extents of horizontal rules, and of the upper and lower edges of boxes."""
    found: list[tuple[float, Span]] = []
    waiting = list(page)
    while waiting:
        shape = waiting.pop()
        if isinstance(shape, LTFigure):
            waiting += shape
        elif isinstance(shape, LTCurve) and shape.width > THIN:  # lines and rectangles are curves
            edges = [shape.y0] if shape.height < THIN else [shape.y0, shape.y1]
            found += ((y, (shape.x0, shape.x1)) for y in edges)
    return found


def _middle(line: Line) -> float:
    return float(line.y0 + line.y1) / 2
