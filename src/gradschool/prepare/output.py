"""The last pass over the items: private data is replaced, examples and their review are written and counted."""

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from gradschool.data.private import PrivateKind
from gradschool.prepare.clean import Findings
from gradschool.prepare.draft import Draft, Spool
from gradschool.prepare.folder import EXAMPLES, REVIEW, JobFolder, Lines
from gradschool.prepare.job_file import Answers
from gradschool.prepare.pseudonyms import Pseudonyms, Replaced
from gradschool.prepare.report import Account
from gradschool.prepare.review import Decisions, item_row
from gradschool.records import Message, Progress, Work

EVERY = 10_000
LOOKED_AT = 2_000  # answers whose letters are counted
LATIN = 0.5  # share of letters from which texts count as written in Latin letters


@dataclass(slots=True)
class _Value:
    """A private value: what it is, what stands for it, how often and where it first stood."""

    kind: PrivateKind
    text: str
    stands: str
    mode: str
    first: str
    times: int = 0


class Output:
    """Writes items, and counts what they are."""

    def __init__(self, account: Account, findings: Findings, decisions: Decisions, names: Pseudonyms) -> None:
        self.account, self.findings, self.decisions, self.names = account, findings, decisions, names
        self.dated = 0
        self._values: dict[str, _Value] = {}
        self._groups: set[str] = set()
        self._json = self._letters = self._latin = 0
        self._seen_items: set[str] = set()
        self._group_at, self._said = "", dict[str, tuple[str, list[Replaced]]]()

    def write(self, folder: JobFolder, spool: Spool) -> Work[None]:
        """Write all examples and the whole review."""
        with folder.lines(EXAMPLES) as examples, folder.lines(REVIEW) as review:
            for number, item in enumerate(spool):
                if number % EVERY == 0:
                    yield Progress("writing examples", number, len(spool))
                decided_about = item.id in self.decisions.items
                self._one(self.findings.applied(number, item, decided_about), examples, review)
            self._rest(review)
        self.account.groups = len(self._groups)

    @property
    def answers(self) -> Answers:
        """What the answers are, for the choice of a metric."""
        kept = max(self.account.kept, 1)
        return Answers(
            labels=len(self.findings.labels or ()),
            json=self._json / kept,
            words=self.account.words / kept,
            latin=self._latin >= LATIN * self._letters,
        )

    def _one(self, item: Draft, examples: Lines, review: Lines) -> None:
        decision = self.decisions.items.get(item.id)
        if decision:
            self._seen_items.add(item.id)
        if not item.drop:
            item = self._without_private(item)
        if not item.drop and (not item.messages or item.messages[-1].role != "assistant" or not item.ideal.strip()):
            item = item.dropped("empty", "there is no answer")
        if row := item_row(item, decision):
            review.add(row)
        self.account.changed.update({change.kind for change in item.changes})
        if item.drop:
            self.account.dropped[item.drop.kind] += 1
            return
        examples.add(_example(item))
        self._count(item)

    def _count(self, item: Draft) -> None:
        self.account.kept += 1
        self.account.words += len(item.ideal.split())
        self.dated += bool(item.date)
        self._groups.add(item.group)
        self._json += _is_object(item.ideal)
        if self.account.kept <= LOOKED_AT:
            letters = [letter for letter in item.ideal[:400] if letter.isalpha()]
            self._letters += len(letters)
            self._latin += sum(letter.isascii() for letter in letters)

    def _without_private(self, item: Draft) -> Draft:
        """The item with pseudonyms; left out where it holds what is to be dropped."""
        messages: list[Message] = []
        pieces: list[Replaced] = []
        if item.group != self._group_at:
            self._group_at, self._said = item.group, {}
        for message in item.messages:
            # The turns of a dialogue stand in each of its examples: they are searched, and counted, once.
            if message.content not in self._said:
                self._said[message.content] = self.names.replace(message.content, item.people, item.language)
                for piece in self._said[message.content][1]:
                    self._note(piece, str(item.source))
            text, found = self._said[message.content]
            messages.append(Message(message.role, text))
            pieces += found
        dropping = sorted({piece.kind for piece in pieces if piece.mode == "drop"})
        if dropping:
            return item.dropped("private data", f"it holds: {', '.join(dropping)}")
        counts = Counter(piece.kind for piece in pieces if piece.mode == "pseudonyms" and piece.stands != piece.value)
        told = ", ".join(f"{kind} {count}" for kind, count in counts.most_common())
        changed = item.changed("private data", f"replaced: {told}", tuple(messages))
        return replace(changed, group=self._group(item)) if counts else changed

    def _group(self, item: Draft) -> str:
        """Groups are named by threads and ids, seldom by what is private."""
        return self.names.replace(item.group, item.people, item.language)[0]

    def _note(self, piece: Replaced, source: str) -> None:
        self.account.private[piece.kind] += 1
        if piece.key not in self._values:
            self.account.private_values[piece.kind] += 1
            self._values[piece.key] = _Value(piece.kind, piece.value, piece.stands, piece.mode, source)
        self._values[piece.key].times += 1

    def _rest(self, review: Lines) -> None:
        """Rows about what is not one item: wording, private values, and decisions about what is no longer there."""
        for one in self.findings.repeated:
            decided = self.decisions.wordings.get(one.key, {}).get("decision", "")
            review.add({"wording": one.key, "text": one.text, "times": one.times, "decision": decided})
        actions = {"pseudonyms": "replaced", "drop": "dropped", "keep": "kept"}
        for key, value in self._values.items():
            decision = self.decisions.values.get(key)
            row = {"value": key, "kind": value.kind, "text": value.text, "as": value.stands, "times": value.times}
            row |= {"first": value.first, "action": actions[value.mode]}
            review.add(row | {"decision": decision.row["decision"] if decision else ""})
        told = {one.key for one in self.findings.repeated}
        lost: list[Any] = [one.row for id_, one in self.decisions.items.items() if id_ not in self._seen_items]
        lost += [one.row for key, one in self.decisions.values.items() if key not in self._values]
        lost += [row for key, row in self.decisions.wordings.items() if key not in told]
        for row in lost:
            review.add(dict(row))
        self.account.lost_decisions = len(lost)


def _example(item: Draft) -> dict[str, Any]:
    """The row of an example."""
    row: dict[str, Any] = {"id": item.id}
    if [message.role for message in item.messages] == ["user", "assistant"]:
        row |= {"prompt": item.messages[0].content, "completion": item.messages[1].content}
    else:
        row["messages"] = [{"role": message.role, "content": message.content} for message in item.messages]
    row["group"] = item.group
    if item.date:
        row["date"] = item.date
    return row | {"source": str(item.source)}


def _is_object(text: str) -> bool:
    if text.strip()[:1] != "{":
        return False
    try:
        return isinstance(json.loads(text), dict)
    except (ValueError, RecursionError):
        return False


def ideals(path: Path, most: int) -> Sequence[str]:
    """The first answers of a file of examples that we wrote."""
    found: list[str] = []
    with path.open(encoding="utf-8") as file:
        for line in file:
            row = json.loads(line)
            found.append(row["completion"] if "completion" in row else row["messages"][-1]["content"])
            if len(found) == most:
                break
    return found
