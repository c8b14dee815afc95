"""Problems found in examples: one record each, with file, line and what was done about it."""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Literal

from gradschool.errors import GradschoolError
from gradschool.records import Example, Source

Severity = Literal["dropped", "kept"]
Kind = Literal[
    "unreadable",  # not JSON, not a row of the table, or a line too long
    "unknown form",  # readable, but without known keys
    "unknown role",
    "encoding",
    "repeated id",
    "tool calls",
    "image",
    "reasoning",
    "chat template",
    "empty question",
    "empty answer",
    "duplicate",
    "contradicting",
    "does not alternate",
    "ends without an answer",
    "looks cut off",
    "too long",
    "repeated answers",
    "answers in train",  # of the test
    "uneven classes",
    "alike classes",
    "one class only",
    "marked as bad",  # by a flag, a weight or a rating
    "unknown rating",
    "weights",
    "structured answer",
    "structured input",
    "choices",
    "several answers",  # of which the data says which is the best
    "unused column",
    "guessed columns",
    "layout",  # of a table or of several files
    "language",  # that the base hardly speaks
    "few texts of others",
    "decided",  # in review.jsonl
]


@dataclass(frozen=True, slots=True)
class Issue:
    """A problem in one line of the examples, and whether the example was dropped.

    `id` is that of the example; it is empty if the line gave no example or the issue concerns the entire file.
    """

    kind: Kind
    source: Source
    severity: Severity
    text: str
    id: str = ""

    def __str__(self) -> str:
        return f"{self.source}: {self.kind} ({self.severity}): {self.text}"


def counted(issues: Iterable[Issue]) -> list[str]:
    """How many issues there are of each kind, the most frequent first, such as "duplicate (dropped): 3"."""
    kinds = Counter(f"{issue.kind} ({issue.severity})" for issue in issues)
    return [f"{kind}: {count}" for kind, count in kinds.most_common()]


def some_of_each_kind(issues: Sequence[Issue], most: int) -> list[Issue]:
    """At most `most` issues in their order, but one of each kind in any case: no kind hides the others."""
    counts = Counter(issue.kind for issue in issues)
    each = max(1, *(n for n in range(most + 1) if sum(min(n, count) for count in counts.values()) <= most))
    seen: Counter[str] = Counter()
    shown = []
    for issue in issues:
        seen[issue.kind] += 1
        shown += [issue] * (seen[issue.kind] <= each)
    return shown


@contextmanager
def carried(issues: Sequence[Issue]) -> Iterator[None]:
    """An error that ends the work inside carries the issues found before it, so that none is lost."""
    try:
        yield
    except GradschoolError as error:
        error.issues = (*issues, *(issue for issue in error.issues if issue not in issues))
        raise


def usable(examples: Iterable[Example], issues: Iterable[Issue]) -> list[Example]:
    """The examples that no issue drops."""
    dropped = {issue.id for issue in issues if issue.severity == "dropped" and issue.id}
    return [example for example in examples if example.id not in dropped]
