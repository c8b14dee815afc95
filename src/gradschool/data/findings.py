"""What only a whole file shows: the scale of its ratings, columns that nothing reads, and notes that repeat."""

from collections import Counter, defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from typing import Any

from gradschool.data.answers import STRUCTURED
from gradschool.data.assessments import bad_up_to
from gradschool.data.chat_markup import NOTE as TURNS
from gradschool.data.choices import POSITION
from gradschool.data.columns import Form, is_reply
from gradschool.data.conversation import CUT, INPUT, WHO, RowReading
from gradschool.data.encoding import repair
from gradschool.data.issues import Issue, usable
from gradschool.data.labels import classes
from gradschool.data.ranked_answers import SEVERAL
from gradschool.data.tables import MAYBE_NOTHING
from gradschool.data.ticks import Cells, Ticks
from gradschool.data.unread_columns import UnreadColumns
from gradschool.records import Example, Source

NO_LABEL = "-1"


class Findings:
    """Collects what rows say, and reports it when the file has been read."""

    def __init__(self, name: str) -> None:
        self.name = name
        self._ratings: dict[str, list[tuple[Example, float]]] = defaultdict(list)
        self._weights: Counter[str] = Counter()
        self._notes: dict[str, list[Example]] = defaultdict(list)
        self._ticks, self._cells = Ticks(), list[tuple[Example, Cells]]()
        self._unread = UnreadColumns()

    @staticmethod
    def collects(note: str) -> bool:
        """Whether a note is reported once for the file."""
        return note.partition(":")[0] in (STRUCTURED, POSITION, CUT, INPUT, TURNS, SEVERAL, WHO)

    def add(
        self, row: Mapping[str, Any], form: Form, reading: RowReading, example: Example, used: Collection[str]
    ) -> None:
        """Collect the assessments and notes of a row; `used` are its keys with a use."""
        self._cells.append((example, self._ticks.add(row)))
        read = {*form.columns(), *used, *(one.key.partition(".")[0] for one in reading.assessments)}
        self._unread.add(row, read, graded=is_reply(form))
        for assessment in reading.assessments:
            if assessment.meaning == "number" and (assessment.of_answer or is_reply(form)):
                self._ratings[assessment.key].append((example, assessment.number))
            elif assessment.weight and assessment.number not in (0, 1):
                self._weights[assessment.key] += 1
        for note in reading.notes:
            if self.collects(note):
                self._notes[note].append(example)

    def settled(self, examples: list[Example]) -> tuple[list[Example], list[Issue]]:
        """The examples without those that are rated as bad, and the issues of the file."""
        issues: list[Issue] = []
        for key, rated in self._ratings.items():
            issues += _rated(self.name, key, rated)
        for example, cells in self._cells:
            if lack := self._ticks.missing(cells):
                issues.append(Issue("marked as bad", example.source, "dropped", lack, example.id))
        place = Source(self.name, 1)
        for key, count in self._weights.items():
            text = f"`{key}` has weights other than 0 and 1 in {count} rows; every row is trained on alike"
            issues.append(Issue("weights", place, "kept", text))
        issues += [Issue(kind, place, "kept", text) for kind, text in self._unread.remarks()]
        issues += [*_unwritten(examples), *_unlabelled(examples)]
        for note, noted in self._notes.items():
            issues.append(_noted(note, noted))
        issues = [replace(issue, text=repair(issue.text)[0]) for issue in issues]
        return usable(examples, issues), issues


def _unwritten(examples: Sequence[Example]) -> list[Issue]:
    """Answers that are a program's word for nothing; between labels, such a word is a label."""
    if classes(examples):
        return []
    return [
        Issue(
            "empty answer",
            example.source,
            "dropped",
            f"the answer is {example.ideal.strip()!r}, which programs and people write for nothing; if it is meant, "
            "write a sentence",
            example.id,
        )
        for example in examples
        if example.ideal.strip() in MAYBE_NOTHING
    ]


def _unlabelled(examples: Sequence[Example]) -> list[Issue]:
    """Labels of -1 between those of 0, 1, 2 and so on: public data sets write it for a row without a label."""
    labels = {example.ideal for example in examples} - {NO_LABEL}
    if len(labels) <= 2 or labels != set(map(str, range(len(labels)))):
        return []
    text = "the label is -1, which data sets write for a row without a label; if it is meant, write a word"
    return [Issue("empty answer", one.source, "dropped", text, one.id) for one in examples if one.ideal == NO_LABEL]


def _rated(name: str, key: str, rated: Sequence[tuple[Example, float]]) -> list[Issue]:
    numbers = [number for _, number in rated]
    limit = bad_up_to(key, numbers)
    scale = f"{min(numbers):g} to {max(numbers):g}"
    if limit is None:
        text = (
            f"`{key}` has numbers from {scale}, which is not a known scale; no row is left out because of them. If "
            "some mean bad answers, write `bad` instead"
        )
        return [Issue("unknown rating", Source(name, 1), "kept", text)] if len(set(numbers)) > 1 else []
    return [
        Issue(
            "marked as bad",
            example.source,
            "dropped",
            f"`{key}` is {number:g} (the file has {scale}): the answer is rated as bad",
            example.id,
        )
        for example, number in rated
        if number <= limit
    ]


def _noted(note: str, noted: Sequence[Example]) -> Issue:
    kind, _, text = note.partition(": ")
    count = f"{len(noted)} row{'s' * (len(noted) != 1)}"
    if kind == STRUCTURED:
        text = f"{text} in {count}, trained on as JSON text; if that is not meant, write the answers as text"
        return Issue("structured answer", noted[0].source, "kept", text)
    if kind == SEVERAL:
        return Issue("several answers", noted[0].source, "kept", f"of several answers, {text} ({count})")
    if kind == CUT:
        return Issue("marked as bad", noted[0].source, "kept", f"{text} ({count})")
    if kind == WHO:
        return Issue("guessed columns", noted[0].source, "kept", f"{text} ({count})")
    return Issue("choices" if kind == POSITION else "structured input", noted[0].source, "kept", f"{text} ({count})")
