"""What a metric is: a function that gives one answer a number in [0, 1], or says why it cannot."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Protocol, TypeAlias, runtime_checkable

from gradschool.records import Example


@dataclass(frozen=True, slots=True)
class MetricResult:
    """What a metric made of one answer: `value` in [0, 1], and what it is made of by name, each in [0, 1]."""

    value: float
    parts: dict[str, float] = field(default_factory=dict)


class Unscorable(Exception):
    """This answer has no score, for a reason that is not the answer's fault: becomes a Failure of kind "metric"."""


Metric: TypeAlias = Callable[[str, Example], MetricResult]


@runtime_checkable
class Comparing(Protocol):
    """A metric that also looks at all answers together, once each has its score."""

    def compare(self, answers: Sequence[str], examples: Sequence[Example]) -> list[dict[str, float]]:
        """Further parts of each answer by name, each in [0, 1]; none where there are too few to say anything."""
        ...
