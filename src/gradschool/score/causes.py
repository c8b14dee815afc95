"""Whether citations bear their answers: how much less likely an answer is without the passage that it cites."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import log
from statistics import fmean

from gradschool.values import Count, Fraction, Real

BEARS = log(2)  # nats: with its passage, the answer is at least twice as likely


@dataclass(frozen=True, slots=True)
class Causes:
    """The citations of some answers: how many were measured, which fraction bears its answer, and the mean drop.

    The drop is log P(answer) with all passages minus log P(answer) without the cited one, in nats.
    """

    answers: Count
    citations: Count
    bearing: Fraction
    drop: Real


def causes_of(drops: Sequence[Sequence[float]]) -> Causes | None:
    """The causes of answers by the drop of each of their citations; None if there are no citations."""
    each = [drop for its in drops for drop in its]
    if not each:
        return None
    return Causes(sum(map(bool, drops)), len(each), fmean(drop >= BEARS for drop in each), fmean(each))
