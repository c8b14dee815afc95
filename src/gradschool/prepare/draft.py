"""Drafts of examples, each a conversation with its origin and the changes made to it, and a spool of them on disk."""

import hashlib
import json
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, BinaryIO, Literal, Protocol

import numpy as np

from gradschool.files import disk_errors
from gradschool.records import Conversation, Message, Source


@dataclass(frozen=True, slots=True)
class Change:
    """A change to a draft or a note about it: its kind, and the text concerned."""

    kind: str
    text: str = ""


# How a draft asks: with somebody's message or with a complete instruction; or its question is the title of its text, or
# of the text that it is a passage of, until all titles and topics are known.
Asking = Literal["message", "instruction", "title", "passage"]


@dataclass(frozen=True, slots=True)
class Draft:
    """A possible example: the current `messages`, and `before` as they were read, if that differs.

    `drop` is the reason for leaving it out, if any. `people` are (name, address) of the participants. `language` is
    the detected ISO 639 code. `part` is the number of a passage in its text, from 1; 0 for an entire text.
    `other_answers` are right answers in other words, `rejected` are worse answers.
    """

    id: str
    messages: Conversation
    group: str
    source: Source
    date: str = ""
    changes: tuple[Change, ...] = ()
    before: Conversation = ()
    drop: Change | None = None
    people: tuple[tuple[str, str], ...] = ()
    language: str = ""
    asking: Asking = "message"
    part: int = 0
    other_answers: tuple[str, ...] = ()
    rejected: tuple[str, ...] = ()

    @property
    def ideal(self) -> str:
        """The answer to train on."""
        return self.messages[-1].content if self.messages else ""

    @property
    def asked(self) -> str:
        """The messages before the answer, without system messages."""
        return "\n".join(message.content for message in self.messages[:-1] if message.role != "system")

    def changed(self, kind: str, text: str, messages: Conversation) -> "Draft":
        """The draft with other messages; `before` still has the original ones."""
        if messages == self.messages:
            return self
        return replace(
            self,
            messages=messages,
            before=self.before or self.messages,
            changes=(*self.changes, Change(kind, text)),
        )

    def noticed(self, kind: str, text: str) -> "Draft":
        """The draft with a note."""
        return replace(self, changes=(*self.changes, Change(kind, text)))

    def dropped(self, kind: str, text: str) -> "Draft":
        """The draft with a reason to drop it; an earlier reason stays."""
        return self if self.drop else replace(self, drop=Change(kind, text))


def id_from(kind: str, *contents: str) -> str:
    """An id derived from contents, so that it is the same on every run."""
    content = "\0".join(contents).encode("utf-8", "surrogatepass")
    return f"{kind}-{hashlib.sha256(content).hexdigest()[:10]}"


def unused(id_: str, ids: Counter[str]) -> str:
    """The id, with a number appended if it is already in `ids`, the counts of used ids."""
    ids[id_] += 1
    return id_ if ids[id_] == 1 else f"{id_}-{ids[id_]}"


class Sink(Protocol):
    """Where readers add drafts."""

    def add(self, draft: Draft) -> None:
        """Add the next draft."""
        ...


class Spool:
    """Drafts on disk in order, with 8 bytes of memory each."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._offsets: list[int] = []
        self._starts = np.zeros(0, dtype=np.int64)
        self._end = 0
        self._elsewhere = False  # whether the file position is not at its end
        with disk_errors(path):
            path.parent.mkdir(parents=True, exist_ok=True)
            self._file: BinaryIO = path.open("w+b")

    def add(self, draft: Draft) -> None:
        """Append a draft."""
        text = json.dumps(_packed(draft), ensure_ascii=False, separators=(",", ":"))
        line = text.encode("utf-8", "replace") + b"\n"  # a reason may quote half a character
        with disk_errors(self.path):
            if self._elsewhere:
                self._file.seek(self._end)
                self._elsewhere = False
            self._file.write(line)
        self._offsets.append(self._end)
        self._end += len(line)
        if len(self._offsets) >= 1 << 16:
            self._pack_offsets()

    def _pack_offsets(self) -> None:
        self._starts = np.concatenate((self._starts, np.array(self._offsets, dtype=np.int64)))
        self._offsets = []

    def __len__(self) -> int:
        return len(self._starts) + len(self._offsets)

    def __iter__(self) -> Iterator[Draft]:
        self._file.flush()
        with self.path.open("rb") as file:
            for line in file:
                yield _unpacked(json.loads(line))

    def get(self, number: int) -> Draft:
        """One draft by its number."""
        if self._offsets:
            self._pack_offsets()
            self._file.flush()
        self._elsewhere = True
        self._file.seek(int(self._starts[number]))
        return _unpacked(json.loads(self._file.readline()))

    def close(self) -> None:
        """Close and delete the file."""
        self._file.close()
        self.path.unlink(missing_ok=True)


def _packed(draft: Draft) -> list[object]:
    return [
        draft.id,
        [[m.role, m.content] for m in draft.messages],
        draft.group,
        [draft.source.file, draft.source.line],
        draft.date,
        [[c.kind, c.text] for c in draft.changes],
        [[m.role, m.content] for m in draft.before],
        [draft.drop.kind, draft.drop.text] if draft.drop else None,
        [list(person) for person in draft.people],
        draft.language,
        draft.asking,
        draft.part,
        draft.other_answers,
        draft.rejected,
    ]


def _unpacked(row: Sequence[Any]) -> Draft:
    id_, messages, group, source, date, changes, before, drop, people, language, asking, part, others, rejected = row
    return Draft(
        id_,
        tuple(Message(*pair) for pair in messages),
        group,
        Source(*source),
        date,
        tuple(Change(*pair) for pair in changes),
        tuple(Message(*pair) for pair in before),
        Change(*drop) if drop else None,
        tuple((name, address) for name, address in people),
        language,
        asking,
        part,
        tuple(others),
        tuple(rejected),
    )
