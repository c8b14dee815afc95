"""What may be wrong with examples: one record per finding, with its place and what was done about it."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from gradschool.records import Example, Source

Severity = Literal["dropped", "kept"]
Kind = Literal[
    "unreadable",  # not JSON, not a row of the table, longer than a line may be
    "unknown form",  # readable, but no keys that we know
    "unknown role",
    "encoding",
    "repeated id",
    "tool calls",
    "empty question",
    "empty answer",
    "duplicate",
    "contradicting",
    "does not alternate",
    "ends without an answer",
    "looks cut off",
    "too long",
    "repeated answers",
    "uneven classes",
    "one class only",
]


@dataclass(frozen=True, slots=True)
class Issue:
    """Something wrong with one line of the examples, and whether the example was dropped for it.

    `id` names the example, and is empty where no example could be made or where the whole file is meant.
    """

    kind: Kind
    source: Source
    severity: Severity
    text: str
    id: str = ""

    def __str__(self) -> str:
        return f"{self.source}: {self.kind} ({self.severity}): {self.text}"


def usable(examples: Iterable[Example], issues: Iterable[Issue]) -> list[Example]:
    """The examples that no issue says to drop."""
    dropped = {issue.id for issue in issues if issue.severity == "dropped" and issue.id}
    return [example for example in examples if example.id not in dropped]
