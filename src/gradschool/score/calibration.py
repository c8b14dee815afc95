"""Whether the confidence of compared labels means what it says: of answers with .8, about 80 % should be right.

Source: Guo et al. 2017, "On Calibration of Modern Neural Networks", arXiv:1706.04599: the reliability diagram, and the
expected calibration error (ECE).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated

from pydantic import Field

from gradschool.model.signals import CONFIDENCE
from gradschool.records import Scored
from gradschool.values import Fraction, Positive, Value

BINS = 10  # of equal width


@dataclass(frozen=True, slots=True)
class Bin:
    """The answers whose confidence is in one interval: how many, their mean confidence, and their mean score."""

    answers: Positive
    confidence: Fraction
    score: Value


@dataclass(frozen=True, slots=True)
class Calibration:
    """The bins that are not empty, from the least confident on."""

    bins: Annotated[tuple[Bin, ...], Field(min_length=1)]

    @property
    def answers(self) -> int:
        """The number of answers."""
        return sum(one.answers for one in self.bins)

    @property
    def error(self) -> float:
        """The expected calibration error: how far confidence and score of a bin differ, on average over the answers."""
        return sum(one.answers * abs(one.confidence - one.score) for one in self.bins) / self.answers


def calibration_of(rows: Sequence[Scored]) -> Calibration | None:
    """The calibration of answers that have a confidence; None if there are none."""
    found = [(row.answer.signals[CONFIDENCE], row.value) for row in rows if CONFIDENCE in row.answer.signals]
    bins: dict[int, list[tuple[float, float]]] = {}
    for sure, value in sorted(found):
        bins.setdefault(min(int(sure * BINS), BINS - 1), []).append((sure, value))
    return Calibration(tuple(_bin(pairs) for pairs in bins.values())) if bins else None


def _bin(pairs: Sequence[tuple[float, float]]) -> Bin:
    sure, values = zip(*pairs, strict=True)
    return Bin(len(pairs), sum(sure) / len(pairs), sum(values) / len(pairs))
