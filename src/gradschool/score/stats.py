"""Confidence bounds of a mean score, the verdict, and how many examples it needs.

One method for every metric, Gaffke's bound: give the clusters of examples random Dirichlet(1, …, 1) weights, add
one cluster in which everything is wrong (for the lower bound; everything right for the upper), and take the quantile
of the weighted mean. It only assumes values in [0, 1] and independent clusters. For values of 0 and 1 it is the
Clopper-Pearson bound. For other values it is about as narrow as a bootstrap, but it stays valid for few examples and
near 0 and 1, where a bootstrap is overconfident. Its coverage is proven for values of 0 and 1; for others it is a
conjecture without a known counterexample. tests/score/test_coverage.py measures it.

The added cluster is as large as the largest observed one. Then "the bound is below m" is Gaffke's test of the
clusters' totals over m, whose smallest possible value is -m times the largest size. With a cluster of average size,
bounds for very unequal clusters are violated too often (8 % instead of 5 % in a simulation). No bound can account for
a much larger and much worse kind of group that is missing from the test examples.

Sources: Gaffke (2005), "Three test statistics for a nonparametric one-sided hypothesis on the mean of a nonnegative
variable"; Learned-Miller & Thomas (2019), "A New Confidence Interval for the Mean of a Bounded Random Variable",
arXiv:1905.06208; Clopper & Pearson (1934), "The use of confidence or fiducial limits illustrated in the case of the
binomial".
"""

import math
from bisect import bisect_left
from collections.abc import Callable, Sequence
from functools import lru_cache

import numpy as np
from scipy.stats import beta

from gradschool.data.power import POWER, probable_low
from gradschool.data.proof import min_test_examples
from gradschool.records import Interval, Verdict
from gradschool.score.dirichlet import Vector, chance_at_most, lowest_mean

MAX_EXAMPLES = 100_000  # more is not practical
DRAWS = 400  # simulated tests, whose power of 80 % has a standard error of 2 %
STEPS = 64  # scores between the pass mark and 1 that bisection may find


def bounds(values: Sequence[float], groups: Sequence[str], level: float) -> Interval:
    """Bounds of the true mean of values in [0, 1]; each bound holds with confidence `level`.

    `groups` is the cluster of each value; values in one cluster may depend on each other. Without values: [0, 1].
    """
    if not values:
        return Interval(0.0, 1.0, level)
    sums, sizes = _clusters(values, groups)
    mean = sums.sum() / sizes.sum()  # rounding must not put a bound on its wrong side
    low = min(_low(sums, sizes, 1 - level), mean)
    high = max(1 - _low(sizes - sums, sizes, 1 - level), mean)
    return Interval(float(low), float(high), level)


def difference(
    this: Sequence[float], other: Sequence[float], groups: Sequence[str], level: float
) -> tuple[float, Interval]:
    """The mean of (this - other) over the same examples, and its bounds in [-1, 1], each with confidence `level`.

    The two-sided confidence of the interval is 2 level - 1. The method is that of `bounds`, on the differences scaled
    to [0, 1].
    """
    differences = [a - b for a, b in zip(this, other, strict=True)]
    halves = bounds(halved(this, other), groups, level)
    mean = math.fsum(differences) / len(differences) if differences else 0.0
    return mean, Interval(min(2 * halves.low - 1, mean), max(2 * halves.high - 1, mean), level)


def halved(this: Sequence[float], other: Sequence[float]) -> list[float]:
    """The differences (this - other) of values in [0, 1], scaled from [-1, 1] to [0, 1]."""
    return [min(1.0, max(0.0, (a - b + 1) / 2)) for a, b in zip(this, other, strict=True)]


def verdict(interval: Interval, pass_mark: float) -> Verdict:
    """Passed if the lower bound reaches the pass mark, failed if the upper bound does not, else not proven."""
    if interval.low >= pass_mark:
        return "passed"
    return "failed" if interval.high < pass_mark else "not proven"


def verdict_on(values: Sequence[float], groups: Sequence[str], pass_mark: float, level: float) -> Verdict:
    """The verdict of `bounds` on a pass mark, without the search for the bounds: about a tenth of the time."""
    sums, sizes = _clusters(values, groups)
    if _above(sums, sizes, 1 - level, pass_mark) >= 0:
        return "passed"
    return "failed" if _above(sizes - sums, sizes, 1 - level, 1 - pass_mark) > 0 else "not proven"


def verdict_on_all(verdicts: Sequence[Verdict]) -> Verdict:
    """The verdict on several claims: all must be proven, and one that is excluded excludes all; none prove nothing."""
    if "failed" in verdicts:
        return "failed"
    return "passed" if verdicts and set(verdicts) == {"passed"} else "not proven"


def needed_score(examples: int, pass_mark: float, level: float, power: float = POWER) -> float | None:
    """The true fraction of right answers from which a test of this size proves the pass mark with probability `power`.

    Exact for metrics of 0 and 1 without groups; less is needed if values vary less. None if no score suffices.
    """
    wrong = 1 - level
    right = 1 + bisect_left(range(1, examples + 1), pass_mark, key=lambda k: beta.ppf(wrong, k, examples - k + 1))
    if right > examples:
        return None
    return float(beta.ppf(power, right, examples - right + 1))


def needed_score_in_groups(
    groups: Sequence[str], pass_mark: float, level: float, together: bool, floor: Sequence[float] = ()
) -> float | None:
    """The true fraction of right answers from which this test probably (80 %) proves the pass mark; None for no score.

    `groups` is the cluster of each example. With `together`, all answers of a cluster are right or wrong together,
    which is the worst case; otherwise they are independent. With `floor`, the values of a trivial answer to each
    example, the test must also prove that the score is above these. Simulated with DRAWS tests, the same for each
    score.
    """
    sums, sizes = _clusters(floor or [0.0] * len(groups), groups)
    return _needed_in_groups(
        tuple(map(float, sizes)), pass_mark, level, together, tuple(map(float, sums)) if floor else ()
    )


@lru_cache(maxsize=16)  # a climb that compares bases asks once for each of them
def _needed_in_groups(
    group_sizes: tuple[float, ...], pass_mark: float, level: float, together: bool, floor: tuple[float, ...]
) -> float | None:
    sizes, theirs = np.array(group_sizes), np.array(floor)
    random, extra = np.random.default_rng(0), float(sizes.max())
    cluster = np.repeat(np.arange(len(sizes)), sizes.astype(int))
    luck = random.random((DRAWS, len(sizes)))[:, cluster] if together else random.random((DRAWS, len(cluster)))

    def proves(draw: int, score: float) -> bool:
        rights = np.bincount(cluster, weights=luck[draw] < score).astype(np.float64)
        if chance_at_most(pass_mark, rights, sizes, extra) > 1 - level:
            return False
        return not floor or chance_at_most(0.5, (rights - theirs + sizes) / 2, sizes, extra) <= 1 - level

    return lowest_proving(np.linspace(pass_mark, 1, STEPS + 1), proves)


def lowest_proving(scores: Vector, proves: Callable[[int, float], bool]) -> float | None:
    """The lowest of ascending true scores at which `proves` holds for 80 % of DRAWS simulated tests; None if for none.

    `proves(draw, score)` must hold for higher scores wherever it holds for a lower one, so that each draw is tested at
    few scores.
    """
    missed, proven = np.full(DRAWS, -np.inf), np.full(DRAWS, np.inf)

    def enough(score: float) -> bool:
        for draw in np.flatnonzero((missed < score) & (score < proven)).tolist():
            (proven if proves(draw, score) else missed)[draw] = score
            if (missed >= score).sum() > DRAWS - POWER * DRAWS:
                return False
        return True

    place = bisect_left(scores.tolist(), True, key=enough)
    return float(scores[place]) if place < len(scores) else None


def more_examples(values: Sequence[float], groups: Sequence[str], pass_mark: float, level: float) -> int | None:
    """How many more test examples would probably (80 %) settle the verdict, if the true mean is the present one.

    This is for a new test set of as many examples as both together, in groups like the present ones. 0 if the verdict
    is settled already, None if over 100,000 examples would be needed. Bounds are approximated by the beta distribution
    with their mean and variance, which is exact for values of 0 and 1 without groups.
    """
    if verdict(bounds(values, groups, level), pass_mark) != "not proven":
        return 0
    if not values:
        return min_test_examples(pass_mark, level)
    sums, sizes = _clusters(values, groups)
    mean = float(sums.sum() / sizes.sum())
    size = float(sizes.mean())
    spread = float(((sums - mean * sizes) ** 2).mean()) / size**2
    extra = float(sizes.max()) / size
    if mean >= pass_mark:

        def settles(clusters: int) -> bool:
            return probable_low(clusters, mean, spread, extra, 1 - level) >= pass_mark
    else:

        def settles(clusters: int) -> bool:
            return 1 - probable_low(clusters, 1 - mean, spread, extra, 1 - level) < pass_mark

    present = len(sums)
    candidates = range(present + 1, max(present + 2, int(MAX_EXAMPLES / size) + 1))
    if not settles(candidates[-1]):
        return None
    enough = candidates[bisect_left(candidates, True, key=settles)]
    return max(1, math.ceil((enough - present) * size))


def _clusters(values: Sequence[float], groups: Sequence[str]) -> tuple[Vector, Vector]:
    """Sum and size of each group, in the order of their first examples."""
    numbers = np.asarray(values, dtype=np.float64)
    assert len(numbers) == len(groups)
    assert ((numbers >= 0) & (numbers <= 1)).all(), "scores are in [0, 1]"
    places = {group: place for place, group in enumerate(dict.fromkeys(groups))}
    index = np.array([places[group] for group in groups])
    return np.bincount(index, weights=numbers).astype(np.float64), np.bincount(index).astype(np.float64)


def _low(sums: Vector, sizes: Vector, chance: float) -> float:
    """The lower bound, which is above the true mean with at most this probability."""
    if _all_or_nothing(sums, sizes):  # Clopper-Pearson, in closed form
        right = int((sums > 0).sum())
        return float(beta.ppf(chance, right, len(sums) - right + 1)) if right else 0.0
    return lowest_mean(sums, sizes, float(sizes.max()), chance)


def _above(sums: Vector, sizes: Vector, chance: float, mean: float) -> float:
    """Above 0 if the lower bound is above `mean`, 0 if it is equal, below 0 if it is below."""
    if mean <= 0 or _all_or_nothing(sums, sizes):
        return _low(sums, sizes, chance) - mean
    return chance - chance_at_most(mean, sums, sizes, float(sizes.max()))


def _all_or_nothing(sums: Vector, sizes: Vector) -> bool:
    """Whether clusters are of one size, and each is entirely right or entirely wrong."""
    return bool((sizes == sizes[0]).all() and ((sums == 0) | (sums == sizes)).all())
