"""Web pages before they become Markdown: a cell over several rows is in each of them, and the title is a heading."""

from bs4 import BeautifulSoup, Tag

MAX_SPAN = 1_000  # rows or columns of one cell; browsers have such limits too
MAX_CELLS = 100_000  # that are added to one page


def prepared(html: str) -> str:
    """The page with its title as the first heading, if it has no other one, and with a cell for each row of a span.

    Markdown has no cells over several rows: without its own cell, a row would lose what it is about, and the cells
    after it would be in the wrong columns.
    """
    soup = BeautifulSoup(html, "html.parser")
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
