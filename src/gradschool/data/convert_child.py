"""The child process that converts documents: parsers may need any time and memory, so that it is limited in both.

A request has the `suffix` of a document. The replies are the fields of a Page for each page or document, or of a
SheetRow for each row of a workbook (`.xlsx rows`); see `converter` and `bounded_child`.
"""

import math
import time
from collections.abc import Iterator
from dataclasses import fields
from typing import Any

from gradschool.bounded_child import answer_requests, limit
from gradschool.data import convert
from gradschool.data.converter import Page, SheetRow
from gradschool.data.encoding import Unreadable

ROWS = 1_000  # of a workbook: a part, as a page is of a pdf
TEXTS = {".docx": convert.docx_text, ".epub": convert.epub_text, ".xlsx": convert.xlsx_text}


def _replies(request: dict[str, Any], content: bytes) -> Iterator[dict[str, Any]]:
    """The replies to one request; each part of a document allows some more time."""
    last = time.process_time() + request["seconds"]
    for number, reply in enumerate(_parts(request["suffix"], content), 1):
        if number % (ROWS if isinstance(reply, SheetRow) else 1) == 0:
            last += request["seconds_per_part"]
            limit("RLIMIT_CPU", math.ceil(last))
        yield {part.name: getattr(reply, part.name) for part in fields(reply)}


def _parts(suffix: str, content: bytes) -> Iterator[Page | SheetRow]:
    if suffix == ".pdf":
        yield from map(Page, convert.pdf_pages(content))
    elif suffix == ".xlsx rows":
        for number, (title, rows) in enumerate(convert.xlsx_sheets(content)):
            yield from (SheetRow(number, title, row) for row in rows)
    elif suffix in (".html", ".htm"):
        yield Page(convert.html_text(content.decode()))
    else:
        yield Page(TEXTS[suffix](content))


if __name__ == "__main__":
    answer_requests(_replies, Unreadable)
