"""What becomes an example: a conversation with its origin, and what was done to it on the way."""

import hashlib
import json
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, BinaryIO, Protocol

import numpy as np

from gradschool.files import disk_errors
from gradschool.records import Conversation, Message, Source


@dataclass(frozen=True, slots=True)
class Change:
    """One thing that was done to a draft or noticed about it: of what kind, and the text that it concerns."""

    kind: str
    text: str = ""


@dataclass(frozen=True, slots=True)
class Draft:
    """One example to be: `messages` as they stand now, `before` as they were read where that differs.

    `drop` says why it is to be left out; empty where it is not. `people` are (name, address) of those who take part.
    `language` is a guess; `text` is all that was written in one text, for style.
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

    @property
    def ideal(self) -> str:
        """The answer to learn."""
        return self.messages[-1].content if self.messages else ""

    @property
    def asked(self) -> str:
        """All that stands before the answer, without instructions."""
        return "\n".join(message.content for message in self.messages[:-1] if message.role != "system")

    def changed(self, kind: str, text: str, messages: Conversation) -> "Draft":
        """The draft with other messages, keeping how they were read."""
        if messages == self.messages:
            return self
        return replace(
            self,
            messages=messages,
            before=self.before or self.messages,
            changes=(*self.changes, Change(kind, text)),
        )

    def noticed(self, kind: str, text: str) -> "Draft":
        """The draft with a remark that changes nothing."""
        return replace(self, changes=(*self.changes, Change(kind, text)))

    def dropped(self, kind: str, text: str) -> "Draft":
        """The draft marked as left out; the first reason stays."""
        return self if self.drop else replace(self, drop=Change(kind, text))


def id_from(kind: str, *contents: str) -> str:
    """An id that is drawn from contents, so that it is the same on the next run."""
    said = "\0".join(contents).encode("utf-8", "surrogatepass")
    return f"{kind}-{hashlib.sha256(said).hexdigest()[:10]}"


def unused(id_: str, ids: Counter[str]) -> str:
    """The id, with a number behind it where it is taken; `ids` counts those that are."""
    ids[id_] += 1
    return id_ if ids[id_] == 1 else f"{id_}-{ids[id_]}"


class Sink(Protocol):
    """Where readers put items."""

    def add(self, draft: Draft) -> None:
        """Take the next draft."""
        ...


class Spool:
    """Items on disk in their order, so that a million of them need little memory; 8 bytes of memory each."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._offsets: list[int] = []
        self._starts = np.zeros(0, dtype=np.int64)
        self._end = 0
        self._elsewhere = False  # whether the file stands at another place than its end
        with disk_errors(path):
            path.parent.mkdir(parents=True, exist_ok=True)
            self._file: BinaryIO = path.open("w+b")

    def add(self, draft: Draft) -> None:
        """Put a draft at the end."""
        line = json.dumps(_packed(draft), ensure_ascii=False, separators=(",", ":")).encode() + b"\n"
        with disk_errors(self.path):
            if self._elsewhere:
                self._file.seek(self._end)
                self._elsewhere = False
            self._file.write(line)
        self._offsets.append(self._end)
        self._end += len(line)
        if len(self._offsets) >= 1 << 16:
            self._settle()

    def _settle(self) -> None:
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
            self._settle()
            self._file.flush()
        self._elsewhere = True
        self._file.seek(int(self._starts[number]))
        return _unpacked(json.loads(self._file.readline()))

    def close(self) -> None:
        """Let go of the file and take it away."""
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
    ]


def _unpacked(row: Sequence[Any]) -> Draft:
    id_, messages, group, source, date, changes, before, drop, people, language = row
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
    )
