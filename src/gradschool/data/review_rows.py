"""The rows of review.jsonl: what was noticed about each draft, private value and paragraph, and what the user decided.

`prepare` writes them (prepare/review.py) and applies the decisions; those about a job that was not prepared are applied
when its examples are read (decided.py).
"""

from collections.abc import Iterator
from io import TextIOWrapper
from pathlib import Path
from typing import Annotated, Any, Literal, get_args

from pydantic import BaseModel, BeforeValidator, Field, ValidationError

from gradschool.errors import DataError, nearest
from gradschool.files import open_file
from gradschool.json_text import parse_json
from gradschool.records import Message

REVIEW = "review.jsonl"  # in the folder of a job
Word = Literal["keep", "drop", "edit"]
FIX = "correct that line; review.jsonl has one JSON object per line, and decision is empty, keep, drop or edit."


Name = Annotated[str, BeforeValidator(lambda value: "" if value is None else value)]


class ReviewRow(BaseModel, extra="allow", frozen=True, populate_by_name=True, coerce_numbers_to_str=True):
    """A row of review.jsonl with what is read of it; its other fields are for the user, and kept as they are."""

    item: Name = ""
    value: Name = ""
    wording: Name = ""
    decision: Name = ""
    by: Name = ""  # who decided, and when: the studio writes both
    at: Name = ""
    replacement: Name = Field("", alias="as")
    messages: Annotated[tuple[Message, ...], BeforeValidator(lambda value: value or ())] = ()

    @property
    def word(self) -> str:
        """The decision in lower case; empty if there is none yet."""
        return self.decision.strip().lower()

    @property
    def signature(self) -> dict[str, str]:
        """Who decided and when, as far as the row says it."""
        return {name: value for name, value in (("by", self.by), ("at", self.at)) if value}

    def as_row(self) -> dict[str, Any]:
        """The row as it was read."""
        return self.model_dump(mode="json", by_alias=True, exclude_unset=True)


def review_rows(path: Path) -> Iterator[tuple[int, ReviewRow]]:
    """The rows with their line numbers; none if there is no file. Raises DataError for a line that is none."""
    if not path.exists():
        return
    try:
        with open_file(path) as raw, TextIOWrapper(raw, encoding="utf-8-sig") as file:
            for number, line in enumerate(file, 1):
                if not line.strip():
                    continue
                row = parse_json(line)
                if not isinstance(row, dict):
                    raise ValueError("it is not an object")
                found = ReviewRow.model_validate(row)
                _demand_decision(found, f"{path.name}:{number}")
                yield number, found
    except UnicodeDecodeError as error:
        raise DataError(f"{path.name} is not UTF-8.", str(error), "save it as UTF-8.") from error
    except ValidationError as error:
        if error.errors()[0]["loc"][:1] == ("messages",):
            what = f"{path.name}:{number}: its messages cannot be read."
            raise DataError(what, "Each needs a role and a content.", FIX) from error
        why = "; ".join(f"{'.'.join(map(str, one['loc']))}: {one['msg']}" for one in error.errors())
        raise DataError(f"{path.name}:{number} cannot be read.", f"The reader says: {why}.", FIX) from error
    except ValueError as error:
        raise DataError(f"{path.name}:{number} cannot be read.", f"The reader says: {error}.", FIX) from error


def _demand_decision(row: ReviewRow, place: str) -> None:
    """Raise DataError for a word that is no decision, and for an edit without an answer."""
    if row.word and row.word not in get_args(Word):
        why = nearest(row.word, get_args(Word)).capitalize() + "."
        raise DataError(f"{place}: {row.word!r} is not a decision.", why, FIX)
    if row.item and row.word == "edit" and (not row.messages or row.messages[-1].role != "assistant"):
        raise DataError(f"{place} was edited, but its last message is not from the assistant.", "", FIX)
