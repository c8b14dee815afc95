"""The child process that tries the tables of indexes that others built; see `bounded_child`.

A request names the folder of an index. All rows are read, and some words of the passages are searched.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import lancedb

from gradschool.bounded_child import answer_requests
from gradschool.errors import first_line
from gradschool.ground.index import Index
from gradschool.ground.table import TABLE, TABLE_FOLDER, match
from gradschool.panics import panics_as_errors

PASSAGES, WORDS = 8, 6  # of which words are searched, and how many of each


class Unreadable(Exception):
    """Why a table cannot be read."""


def _replies(request: dict[str, Any], content: bytes) -> Iterator[dict[str, Any]]:
    folder = Path(request["folder"])
    try:
        with panics_as_errors():
            passages = Index.open(folder).passages
            table = lancedb.connect(folder / TABLE_FOLDER).open_table(TABLE)
            table.to_arrow()
            for passage in passages[:: max(1, len(passages) // PASSAGES)]:
                words = " ".join(passage.text.split()[:WORDS])
                table.search(match(words, "words"), query_type="fts").limit(PASSAGES).to_list()
    except MemoryError:
        raise
    except Exception as error:  # LanceDB raises any
        raise Unreadable(first_line(error)) from error
    yield {}


if __name__ == "__main__":
    answer_requests(_replies, Unreadable)
