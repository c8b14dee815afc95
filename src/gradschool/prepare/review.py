"""review.jsonl: every draft that was left out, changed or noticed, with its reason, and the decisions of the user.

A row about a draft: draft, source, action (dropped, changed, noticed), why, decision, messages, before.
A row about a private value: value (its key), kind, text, as, times, first, action, decision.
A row about a paragraph that many answers share: wording (its key), text, times, decision (drop removes it everywhere).

`decision` is empty until the user sets it: keep (as it was read), drop, or edit (use `messages` or `as` as edited in
the row). The next run applies the decisions and keeps them, with who decided (`by`) and when (`at`) if a row says it.
"""

from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from gradschool.data.review_rows import FIX, ReviewRow, Word, review_rows
from gradschool.errors import DataError
from gradschool.prepare.draft import Asking, Draft
from gradschool.prepare.options import Mode
from gradschool.records import Conversation


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
    for number, row in review_rows(path):
        word = row.word
        if not word:
            continue
        if row.item:
            found.items[row.item] = Decision(word, row.messages, row)  # type: ignore[arg-type]
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
