"""Choose when a specialist abstains: the signal and its threshold, on validation answers alone."""

from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from scipy.special import betaln
from scipy.stats import beta

from gradschool.data.proof import levels_of, provable
from gradschool.model.signals import DIGITS
from gradschool.records import Abstention, Scored
from gradschool.score.abstention import thresholds
from gradschool.score.dirichlet import Vector

PRIOR = 0.5  # Jeffreys' prior of a fraction
LIKELY = 0.8  # a chance to pass that is enough to prefer more answers
HOPELESS = 0.01  # a chance to pass that is no reason to abstain
TEXT = "I am not sure enough to answer this. Please ask a person."


@dataclass(frozen=True, slots=True)
class Look:
    """The look at the test set that a threshold is chosen for.

    `groups` counts the test examples, or the groups of equal size that prove as much; `level` is the confidence of the
    look. The score of the answered questions must be at least `pass_mark`, and their fraction at least `min_share`.
    """

    groups: int
    level: float
    pass_mark: float
    min_share: float


def choose(rows: Sequence[Scored], look: Look, text: str | None = None) -> Abstention | None:
    """The signal and the threshold that probably pass with the most answers, else those with the best chance to pass.

    `rows` are validation answers. None means that the specialist should answer every question.
    """
    each = len({row.group for row in rows}) / len(rows)  # a group counts as one answer, which is the worst case
    [everything] = _chances([len(rows)], [sum(row.value for row in rows)], len(rows), each, look)
    choices = [_Choice(everything, 1.0)]
    for signal in dict.fromkeys(name for row in rows for name in row.answer.signals):
        if cuts := thresholds(rows, signal):
            values, counts, totals = zip(*cuts, strict=True)
            chances = _chances(counts, totals, len(rows), each, look)
            choices += [
                _Choice(chance, count / len(rows), Abstention(signal, round(value, DIGITS), text or TEXT))
                for value, count, chance in zip(values, counts, chances, strict=True)
            ]
    best = max(choices, key=_Choice.rank)  # of equals the first
    return best.abstention if best.chance >= HOPELESS else None


def in_advance(look: Look) -> str:
    """What must be seen on the test set to prove both claims, before anything is answered."""
    levels, least = levels_of(look.level), f"{100 * look.min_share:.3g}%"
    enough = _needed(look.groups, look.min_share, levels.share)
    if enough > look.groups:
        return (
            f"This test set cannot prove that {least} of the questions are answered, even if all are: lower "
            "goal.min_answered, or give more examples."
        )
    return (
        f"To prove that {least} of the questions are answered, {enough / look.groups:.0%} of the test questions must "
        f"be. With every one of these answers right, the test set proves a score of "
        f"{provable(enough, levels.score):.3f}."
    )


@dataclass(frozen=True, slots=True)
class _Choice:
    """The chance to pass, and the fraction of questions that are answered."""

    chance: float
    share: float
    abstention: Abstention | None = None

    def rank(self) -> tuple[bool, float, float]:
        """Sort key: better ones are higher."""
        if self.chance >= LIKELY:
            return True, self.share, self.chance
        return False, self.chance, self.share


def _chances(counts: Sequence[int], totals: Sequence[float], asked: int, each: float, look: Look) -> list[float]:
    """The chance that the test proves both claims if only the `counts` surest answers are given, for each count.

    `totals` are the sums of their values. After few validation answers the chance is low, because the fraction of right
    answers is uncertain.
    """
    levels, seen, right = levels_of(look.level), each * np.asarray(counts), each * np.asarray(totals)
    tested = np.round(look.groups * np.asarray(counts) / asked).astype(np.int64)
    needed = np.array([_needed(int(number), look.pass_mark, levels.score) for number in tested])
    score = _at_least(needed, tested, right, seen - right)
    all_tested = np.full_like(tested, look.groups)
    enough = np.full_like(tested, _needed(look.groups, look.min_share, levels.share))
    share = _at_least(enough, all_tested, seen, each * asked - seen)
    chances: list[float] = (score * np.where(np.asarray(counts) == asked, 1.0, share)).tolist()
    return chances


def _at_least(needed: NDArray[np.int64], number: NDArray[np.int64], right: Vector, wrong: Vector) -> Vector:
    """The chance of at least `needed` right ones among `number` new answers: the beta-binomial distribution."""
    n, a, b = number[:, None], right[:, None] + PRIOR, wrong[:, None] + PRIOR
    misses = np.arange(max(0, (number - needed).max()) + 1)[None, :]
    k = np.maximum(n - misses, 0)
    log_chance = betaln(k + a, n - k + b) - betaln(a, b) - np.log(n + 1) - betaln(n - k + 1, k + 1)
    chances: Vector = np.where(misses <= n - needed[:, None], np.exp(log_chance), 0.0).sum(1)
    return chances


@lru_cache(maxsize=4096)
def _needed(number: int, mark: float, level: float) -> int:
    """How many of `number` right answers prove a mark; more than `number` if none do."""
    return 1 + bisect_left(range(1, number + 1), mark, key=lambda k: beta.ppf(1 - level, k, number - k + 1))
