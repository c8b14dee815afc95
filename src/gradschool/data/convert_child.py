"""The child process that converts documents: parsers may need any time and memory, so that it is limited in both.

Reads requests from standard input, each a line of JSON (`suffix`, `size`, `seconds`, `seconds_per_part`, `memory`) and
the bytes of a document. Writes lines of JSON to standard output: `text` for each page or document, or `sheet`, `title`
and `row` for each row of a workbook (`.xlsx rows`); then `end` with the reason why the document cannot be read, or
empty. Exits when standard input is closed.
"""

import contextlib
import json
import math
import os
import sys
import time
from collections.abc import Iterator
from typing import Any

import psutil

from gradschool.data import convert
from gradschool.data.encoding import Unreadable

ROWS = 1_000  # of a workbook: a part, as a page is of a pdf
TEXTS = {".docx": convert.docx_text, ".epub": convert.epub_text, ".xlsx": convert.xlsx_text}


def main() -> None:
    """Convert documents until standard input is closed."""
    requests, replies = sys.stdin.buffer, os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)  # what a parser prints is no reply
    while header := requests.readline():
        request = json.loads(header)
        content = requests.read(request["size"])
        end = ""
        _limit("RLIMIT_AS", psutil.Process().memory_info().vms + request["memory"])
        try:
            for reply in _replies(request, content):
                replies.write(json.dumps(reply) + "\n")
        except Unreadable as reason:
            end = _too_much(request) if isinstance(reason.__cause__, MemoryError) else str(reason)
        except MemoryError:
            end = _too_much(request)
        replies.write(json.dumps({"end": end}) + "\n")
        replies.flush()


def _too_much(request: dict[str, Any]) -> str:
    return f"converting it needs more than {request['memory'] / 1e9:g} GB of memory."


def _replies(request: dict[str, Any], content: bytes) -> Iterator[dict[str, Any]]:
    """The replies to one request; each part of a document allows some more time."""
    last = time.process_time() + request["seconds"]
    for number, reply in enumerate(_parts(request["suffix"], content)):
        if number % (ROWS if "row" in reply else 1) == 0:
            _limit("RLIMIT_CPU", math.ceil(last))
            last += request["seconds_per_part"]
        if reply:
            yield reply


def _parts(suffix: str, content: bytes) -> Iterator[dict[str, Any]]:
    yield {}  # the limit of time starts here
    if suffix == ".pdf":
        yield from ({"text": page} for page in convert.pdf_pages(content))
    elif suffix == ".xlsx rows":
        for number, (title, rows) in enumerate(convert.xlsx_sheets(content)):
            yield from ({"sheet": number, "title": title, "row": row} for row in rows)
    elif suffix in (".html", ".htm"):
        yield {"text": convert.html_text(content.decode())}
    else:
        yield {"text": TEXTS[suffix](content)}


def _limit(name: str, value: int) -> None:
    """Limit a resource of this process, if the system can."""
    if os.name == "posix":
        import resource

        kind = getattr(resource, name)
        _, hard = resource.getrlimit(kind)
        with contextlib.suppress(ValueError, OSError):  # macOS refuses limits of memory
            resource.setrlimit(kind, (value if hard == resource.RLIM_INFINITY else min(value, hard), hard))


if __name__ == "__main__":
    _limit("RLIMIT_CORE", 0)
    main()
