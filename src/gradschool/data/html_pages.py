"""Web pages before they become Markdown.

A cell over several rows is in each of them, tables that only arrange a page are none, and the title is a heading.
"""

import re

from bs4 import BeautifulSoup, Tag

MAX_SPAN = 1_000  # rows or columns of one cell; browsers have such limits too
MAX_CELLS = 100_000  # that are added to one page
HEADINGS = ("h1", "h2", "h3", "h4", "h5", "h6")
PARTS = ("thead", "tbody", "tfoot", "tr", "td", "th", "caption")
# What is in what; tables and lists begin anew.
LEVELS = {"table": 0, "ul": 0, "ol": 0, "thead": 1, "tbody": 1, "tfoot": 1, "tr": 2, "td": 3, "th": 3, "li": 4}
TAG = re.compile(rf"<(/?)({'|'.join(LEVELS)})(?=[\s/>])", re.IGNORECASE)
BLOCKS = ("p", "div", "ul", "ol")
FEW_ROWS = 3  # of a table whose headings are those of a page, and not names of columns


def prepared(html: str) -> str:
    """The page with its title as the first heading, if it has no other one, and with a cell for each row of a span.

    Markdown has no cells over several rows: without its own cell, a row would lose what it is about, and the cells
    after it would be in the wrong columns. Nor has it blocks within a cell: a page that a table arranges would be one
    line, without its headings and the rows of its tables.
    """
    soup = BeautifulSoup(_with_end_tags(html), "html.parser")
    _dissolve_layout(soup)
    left = MAX_CELLS
    for table in soup.find_all("table"):
        if table.find(rowspan=True):
            left = _fill_rows(soup, table, left)
    body, title = soup.find("body") or soup, soup.title.get_text(" ", strip=True) if soup.title else ""
    if title and soup.find("h1") is None:
        heading = soup.new_tag("h1")
        heading.string = title
        body.insert(0, heading)
    return str(soup)


def _with_end_tags(html: str) -> str:
    """The page with end tags of cells, rows and list items that it leaves out, as HTML allows."""
    written, end = list[str](), 0
    inside = list[str]()
    for found in TAG.finditer(html):
        closes, name = found[1], found[2].lower()
        level = LEVELS[name]
        if not closes:
            written.append(html[end : found.start()])
            end = found.start()
            while level and inside and LEVELS[inside[-1]] >= level:
                written.append(f"</{inside.pop()}>")
            inside.append(name)
        elif level:  # of the same table or list
            while inside and LEVELS[inside[-1]] > level:
                inside.pop()
            if inside and LEVELS[inside[-1]] == level:
                inside.pop()
        else:
            while inside and LEVELS[inside[-1]]:
                inside.pop()
            if inside and inside[-1] == name:
                inside.pop()
    return "".join((*written, html[end:]))


def _dissolve_layout(soup: BeautifulSoup) -> None:
    """Make blocks of tables that only arrange a page, and of their cells.

    They arrange other tables, a part of a page with headings, or several paragraphs in their one row.
    """
    around: dict[int, Tag | None] = {}  # the innermost table that a tag is in
    parts: dict[int, list[Tag]] = {}  # of each table, without those of the tables in it
    headed = set[int]()
    tags, tables = [tag for tag in soup.descendants if isinstance(tag, Tag)], list[Tag]()
    for tag in tags:
        above = tag.parent
        table = above if above is not None and above.name == "table" else around.get(id(above))
        around[id(tag)] = table
        if tag.name == "table":
            tables.append(tag)
        elif tag.name in PARTS:
            parts.setdefault(id(table), []).append(tag)
        elif tag.name in HEADINGS:
            headed.add(id(table))
    rows_within: dict[int, int] = {}
    for table in reversed(tables):  # inner ones first
        own, outer = parts.get(id(table), []), id(around[id(table)])
        rows = sum(part.name == "tr" for part in own)
        within = rows_within.get(id(table), 0)
        rows_within[outer] = rows_within.get(outer, 0) + rows + within
        if id(table) in headed:
            headed.add(outer)
        cells = [part for part in own if part.name in ("td", "th")]
        paragraphs = max((len(cell.find_all(BLOCKS, recursive=False)) for cell in cells), default=0)
        if within > rows or (id(table) in headed and rows <= FEW_ROWS) or (paragraphs > 1 and rows == 1):
            for part in (table, *own):
                part.name = "div"


def _fill_rows(soup: BeautifulSoup, table: Tag, left: int) -> int:
    """Repeat each cell in the rows that it spans; returns how many cells may still be added."""
    waiting: dict[int, tuple[str, int]] = {}  # by column: the text of a cell, and in how many more rows it is
    for row in (row for row in table.find_all("tr") if row.find_parent("table") is table):
        cells = row.find_all(["td", "th"], recursive=False)
        column, begun = 0, dict[int, tuple[str, int]]()
        for cell in [*cells, None]:
            while column in waiting and left > 0:
                text, rows = waiting.pop(column)
                added = soup.new_tag("td")
                added.string = text
                if cell is None:
                    row.append(added)
                else:
                    cell.insert_before(added)
                if rows > 1:
                    begun[column] = text, rows - 1
                column, left = column + 1, left - 1
            if cell is not None:
                width, rows = _span(cell, "colspan"), _span(cell, "rowspan")
                if rows > 1:
                    begun |= {column + place: (cell.get_text(" ", strip=True), rows - 1) for place in range(width)}
                    del cell["rowspan"]
                column += width
        waiting = begun
    return left


def _span(cell: Tag, name: str) -> int:
    given = str(cell.get(name, ""))
    return min(max(1, int(given)), MAX_SPAN) if given.isascii() and given.isdigit() and len(given) < 9 else 1
