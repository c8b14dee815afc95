"""The last pass over the drafts: replace private data, write examples and review, and count."""

from collections import Counter
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from gradschool.data.column_names import OTHER_ANSWERS
from gradschool.data.private import PrivateKind
from gradschool.data.review_rows import REVIEW, ReviewRow
from gradschool.json_text import parse_any_json
from gradschool.prepare.analysis import Analysis
from gradschool.prepare.draft import Draft, Spool
from gradschool.prepare.folder import EXAMPLES, OTHERS, PAIRS, JobFolder, Lines
from gradschool.prepare.job_file import AnswerStats
from gradschool.prepare.others import OtherTexts, texts_in
from gradschool.prepare.preferred import Pairs
from gradschool.prepare.pseudonyms import Pseudonyms, Replaced
from gradschool.prepare.report import Summary
from gradschool.prepare.review import Decisions, review_row
from gradschool.records import Message, Progress, Work

PROGRESS_STEP = 10_000  # drafts between two progress events
SAMPLE = 2_000  # answers from which the script is detected
LATIN = 0.5  # fraction of ASCII letters from which the script counts as Latin


@dataclass(slots=True)
class _Value:
    """A private value, its replacement, its first source and its number of occurrences."""

    kind: PrivateKind
    text: str
    replacement: str
    mode: str
    first: str
    times: int = 0


class Output:
    """Writes examples and review rows, and counts them."""

    def __init__(self, summary: Summary, analysis: Analysis, decisions: Decisions, names: Pseudonyms) -> None:
        self.summary, self.analysis, self.decisions, self.names = summary, analysis, decisions, names
        self.dated = 0
        self._values: dict[str, _Value] = {}
        self._groups: set[str] = set()
        self._json = self._letters = self._latin = 0
        self._seen_items: set[str] = set()
        self._others: OtherTexts | None = None  # for a style
        self._pairs = Pairs(analysis.bad)
        self._group_at, self._said = "", dict[str, tuple[str, list[Replaced]]]()

    def write(self, folder: JobFolder, spool: Spool, others: Spool | None) -> Work[None]:
        """Write all examples and the review; and for a style, the texts of other authors.

        The map of pseudonyms is on the disk before the first file that has some.
        """
        with ExitStack() as files:
            examples, review = (files.enter_context(folder.lines(name)) for name in (EXAMPLES, REVIEW))
            if others is not None:
                self._others = OtherTexts(files.enter_context(folder.lines(OTHERS)))
            for number, draft in enumerate(spool):
                if number % PROGRESS_STEP == 0:
                    yield Progress("writing examples", number, len(spool))
                decided_about = draft.id in self.decisions.items
                self._one(self.analysis.applied(number, draft, decided_about), examples, review)
            if self._others and others is not None:
                self._add_others(self._others, others)
            self._rest(review)
            folder.save_map(self.names.as_map())
        self._write_pairs(folder)
        self.summary.groups = len(self._groups)

    def _write_pairs(self, folder: JobFolder) -> None:
        """Write the pairs of good and bad answers; without any, there is no such file."""
        (folder.path / PAIRS).unlink(missing_ok=True)
        rows = list(self._pairs.rows())
        if rows:
            with folder.lines(PAIRS) as file:
                for row in rows:
                    file.add(row)
        self.summary.pairs = len(rows)

    def _add_others(self, texts: OtherTexts, spool: Spool) -> None:
        """Add the texts of other authors, with pseudonyms; those in a language that no example has are left out."""
        languages = self.analysis.kept_languages
        for draft in spool:
            if languages and draft.language and draft.language not in languages:
                texts.left_out += 1
                continue
            for text in filter(None, texts_in(draft)):
                texts.add_given(self.names.replace(text, draft.people, draft.language)[0], str(draft.source))
        self.summary.others = texts.counts

    @property
    def answers(self) -> AnswerStats:
        """Statistics of the answers, for the choice of a metric."""
        examples = max(self.summary.kept, 1)
        return AnswerStats(
            labels=len(self.analysis.labels or ()),
            json=self._json / examples,
            words=self.summary.words / examples,
            latin=self._latin >= LATIN * self._letters,
        )

    def _one(self, draft: Draft, examples: Lines, review: Lines) -> None:
        decision = self.decisions.items.get(draft.id)
        if decision:
            self._seen_items.add(draft.id)
        original = draft
        if self._pairs.concerns(draft):
            bad = self._without_private(replace(draft, drop=None))
            if not bad.drop:
                self._pairs.add(original, bad, bad=True)
        if not draft.drop:
            draft = self._without_private(draft)
        if not draft.drop and (not draft.messages or draft.messages[-1].role != "assistant" or not draft.ideal.strip()):
            draft = draft.dropped("empty", "there is no answer")
        if row := review_row(draft, decision):
            review.add(row)
        self.summary.changed.update({change.kind for change in draft.changes})
        if draft.drop:
            self.summary.dropped[draft.drop.kind] += 1
            return
        examples.add(_example(draft))
        self._pairs.add(original, draft, bad=False)
        if self._others:
            self._others.add_example(draft)
        self._count(draft)

    def _count(self, draft: Draft) -> None:
        self.summary.kept += 1
        self.summary.words += len(draft.ideal.split())
        self.dated += bool(draft.date)
        self.summary.kept_languages[draft.language] += 1
        self._groups.add(draft.group)
        self._json += _is_object(draft.ideal)
        if self.summary.kept <= SAMPLE:
            letters = [character for character in draft.ideal[:400] if character.isalpha()]
            self._letters += len(letters)
            self._latin += sum(character.isascii() for character in letters)

    def _without_private(self, draft: Draft) -> Draft:
        """The draft with pseudonyms; dropped if it has private data of a kind to drop."""
        texts: list[str] = []
        spans: list[Replaced] = []
        if draft.group != self._group_at:
            self._group_at, self._said = draft.group, {}
        for content in (*(message.content for message in draft.messages), *draft.other_answers, *draft.rejected):
            # The turns of a dialogue repeat in its examples: each is searched and counted once.
            if content not in self._said:
                self._said[content] = self.names.replace(content, draft.people, draft.language)
                for span in self._said[content][1]:
                    self._note(span, str(draft.source))
            text, found = self._said[content]
            texts.append(text)
            spans += found
        dropping = sorted({span.kind for span in spans if span.mode == "drop"})
        if dropping:
            return draft.dropped("private data", f"it has: {', '.join(dropping)}")
        counts = Counter(span.kind for span in spans if span.mode == "pseudonyms" and span.replacement != span.value)
        replaced = ", ".join(f"{kind} {count}" for kind, count in counts.most_common())
        messages = tuple(Message(message.role, text) for message, text in zip(draft.messages, texts, strict=False))
        changed = draft.changed("private data", f"replaced: {replaced}", messages)
        first = len(messages) + len(draft.other_answers)
        others, rejected = tuple(texts[len(messages) : first]), tuple(texts[first:])
        changed = replace(changed, other_answers=others, rejected=rejected)
        return replace(changed, group=self._group(draft)) if counts else changed

    def _group(self, draft: Draft) -> str:
        """The group without private data; group names come from threads and ids."""
        return self.names.replace(draft.group, draft.people, draft.language)[0]

    def _note(self, span: Replaced, source: str) -> None:
        self.summary.private[span.kind] += 1
        if span.key not in self._values:
            self.summary.private_values[span.kind] += 1
            self._values[span.key] = _Value(span.kind, span.value, span.replacement, span.mode, source)
        self._values[span.key].times += 1

    def _rest(self, review: Lines) -> None:
        """Rows that are not about one draft: wording, private values, and decisions without an object."""
        for one in self.analysis.repeated:
            decided = self.decisions.wordings.get(one.key, ReviewRow())
            row = {"wording": one.key, "text": one.text, "times": one.times, "decision": decided.decision}
            review.add(row | decided.signature)
        actions = {"pseudonyms": "replaced", "drop": "dropped", "keep": "kept"}
        for key, value in self._values.items():
            decision = self.decisions.values.get(key)
            row = {"value": key, "kind": value.kind, "text": value.text, "as": value.replacement, "times": value.times}
            row |= {"first": value.first, "action": actions[value.mode]}
            signed = decision.row.signature if decision else {}
            review.add(row | {"decision": decision.row.decision if decision else ""} | signed)
        reported = {one.key for one in self.analysis.repeated}
        lost = [one.row for id_, one in self.decisions.items.items() if id_ not in self._seen_items]
        lost += [one.row for key, one in self.decisions.values.items() if key not in self._values]
        lost += [row for key, row in self.decisions.wordings.items() if key not in reported]
        for decided_row in lost:
            review.add(decided_row.as_row())
        self.summary.lost_decisions = len(lost)


def _example(draft: Draft) -> dict[str, Any]:
    """The row of an example."""
    row: dict[str, Any] = {"id": draft.id}
    if [message.role for message in draft.messages] == ["user", "assistant"]:
        row |= {"prompt": draft.messages[0].content, "completion": draft.messages[1].content}
    else:
        row["messages"] = [{"role": message.role, "content": message.content} for message in draft.messages]
    if draft.other_answers:
        row[OTHER_ANSWERS] = list(draft.other_answers)
    row["group"] = draft.group
    if draft.date:
        row["date"] = draft.date
    return row | {"source": str(draft.source)}


def _is_object(text: str) -> bool:
    if text.strip()[:1] != "{":
        return False
    try:
        return isinstance(parse_any_json(text), dict)
    except ValueError:
        return False


def ideals(path: Path, most: int) -> Sequence[str]:
    """The first `most` answers of a file written by `Output`."""
    found: list[str] = []
    with path.open(encoding="utf-8") as file:
        for line in file:
            row = parse_any_json(line)
            found.append(row["completion"] if "completion" in row else row["messages"][-1]["content"])
            if len(found) == most:
                break
    return found
