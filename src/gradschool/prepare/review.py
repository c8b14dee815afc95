"""review.jsonl: every draft that was left out, changed or noticed, with its reason, and the decisions of the user.

A row about a draft: draft, source, action (dropped, changed, noticed), why, decision, messages, before.
A row about a private value: value (its key), kind, text, as, times, first, action, decision.
A row about a paragraph that many answers share: wording (its key), text, times, decision (drop removes it everywhere).

`decision` is empty until the user sets it: keep (as it was read), drop, or edit (use `messages` or `as` as edited in
the row). The next run applies the decisions and keeps them, with who decided (`by`) and when (`at`) if a row says it.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from io import TextIOWrapper
from pathlib import Path
from typing import Annotated, Any, Literal, get_args

from pydantic import BaseModel, BeforeValidator, Field, ValidationError

from gradschool.errors import DataError, nearest
from gradschool.files import open_file
from gradschool.json_text import parse_json
from gradschool.prepare.draft import Asking, Draft
from gradschool.prepare.options import Mode
from gradschool.records import Conversation, Message

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


@dataclass(frozen=True, slots=True)
class Decision:
    """The decision about a draft; `messages` are those of the row, for edit."""

    word: Word
    messages: Conversation
    row: ReviewRow


@dataclass(frozen=True, slots=True)
class ValueDecision:
    """The decision about a private value: its treatment, and the replacement for edit."""

    mode: Mode
    replacement: str
    row: ReviewRow


@dataclass(frozen=True, slots=True)
class Decisions:
    """All decisions of a review: by draft, by private value, and by common paragraph."""

    items: dict[str, Decision] = field(default_factory=dict)
    values: dict[str, ValueDecision] = field(default_factory=dict)
    wordings: dict[str, ReviewRow] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.items) + len(self.values) + len(self.wordings)


def read_decisions(path: Path) -> Decisions:
    """Read the decisions of a review; none if there is no file. Raises DataError with the line number."""
    found = Decisions()
    for number, row in _rows(path):
        word = row.word
        if not word:
            continue
        if word not in get_args(Word):
            raise DataError(
                f"{path.name}:{number}: {word!r} is not a decision.",
                nearest(word, get_args(Word)).capitalize() + ".",
                FIX,
            )
        if row.item:
            found.items[row.item] = Decision(word, _messages(row, path, number), row)  # type: ignore[arg-type]
        elif row.value:
            modes: dict[str, Mode] = {"keep": "keep", "drop": "drop", "edit": "pseudonyms"}
            found.values[row.value] = ValueDecision(modes[word], row.replacement, row)
        elif row.wording:
            found.wordings[row.wording] = row
        else:
            raise DataError(
                f"{path.name}:{number} has a decision without an object.", "It has no item, value or wording.", FIX
            )
    return found


def _rows(path: Path) -> Iterator[tuple[int, ReviewRow]]:
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
                yield number, ReviewRow.model_validate(row)
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


def _messages(row: ReviewRow, path: Path, number: int) -> Conversation:
    if row.word == "edit" and (not row.messages or row.messages[-1].role != "assistant"):
        raise DataError(f"{path.name}:{number} was edited, but its last message is not from the assistant.", "", FIX)
    return row.messages


def decided(draft: Draft, decision: Decision | None) -> Draft:
    """The draft after a decision: as it was read, dropped, or edited; unchanged without one."""
    if decision is None:
        return draft
    if decision.word == "drop":
        return replace(draft, drop=None).dropped("by decision", "you decided to drop it")
    if decision.word == "edit":
        asking: Asking = draft.asking if draft.asking == "message" else "instruction"
        return replace(draft, drop=None, messages=decision.messages, asking=asking)
    return replace(draft, drop=None, messages=draft.before or draft.messages)


def review_row(draft: Draft, decision: Decision | None) -> dict[str, Any] | None:
    """The row about a draft; None without changes and decision."""
    if not (draft.drop or draft.changes or decision):
        return None
    changed = any(change.kind not in NOTICED for change in draft.changes)
    why = [*([draft.drop] if draft.drop else []), *draft.changes]
    row: dict[str, Any] = {
        "item": draft.id,
        "source": str(draft.source),
        "action": "dropped" if draft.drop else ("changed" if changed else "noticed"),
        "why": [{"kind": change.kind, "text": change.text} for change in why],
        "decision": decision.word if decision else "",
        "messages": [{"role": m.role, "content": m.content} for m in draft.messages],
    }
    if decision:
        row |= decision.row.signature
    if draft.before:
        row["before"] = [{"role": m.role, "content": m.content} for m in draft.before]
    return row


NOTICED = ("looks cut off", "contradicting", "unusual length", "inline answers", "repeated wording", "no title")
