"""The child process that converts documents: parsers may need any time and memory, so that it is limited in both.

A request has the `suffix` of a document. The replies are `text` for each page or document, or `sheet`, `title` and
`row` for each row of a workbook (`.xlsx rows`); see `bounded_child`.
"""

import math
import time
from collections.abc import Iterator
from typing import Any

from gradschool.bounded_child import answer_requests, limit
from gradschool.data import convert
from gradschool.data.encoding import Unreadable

ROWS = 1_000  # of a workbook: a part, as a page is of a pdf
TEXTS = {".docx": convert.docx_text, ".epub": convert.epub_text, ".xlsx": convert.xlsx_text}


def _replies(request: dict[str, Any], content: bytes) -> Iterator[dict[str, Any]]:
    """The replies to one request; each part of a document allows some more time."""
    last = time.process_time() + request["seconds"]
    for number, reply in enumerate(_parts(request["suffix"], content), 1):
        if number % (ROWS if "row" in reply else 1) == 0:
            last += request["seconds_per_part"]
            limit("RLIMIT_CPU", math.ceil(last))
        yield reply


def _parts(suffix: str, content: bytes) -> Iterator[dict[str, Any]]:
    if suffix == ".pdf":
        yield from ({"text": page} for page in convert.pdf_pages(content))
    elif suffix == ".xlsx rows":
        for number, (title, rows) in enumerate(convert.xlsx_sheets(content)):
            yield from ({"sheet": number, "title": title, "row": row} for row in rows)
    elif suffix in (".html", ".htm"):
        yield {"text": convert.html_text(content.decode())}
    else:
        yield {"text": TEXTS[suffix](content)}


if __name__ == "__main__":
    answer_requests(_replies, Unreadable)
