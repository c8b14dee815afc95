"""How likely a test proves a pass mark, by groups of examples: what a group adds, and how many of each to test.

Examples of one group may be right or wrong together, and bounds must allow for an unseen group as large as the largest
one. So a few large groups make the bounds wide, and testing fewer examples of them can prove more. Lower bounds are
approximated by the beta distribution with their mean and variance; `gradschool check` simulates the test that results.
"""

import math
from bisect import bisect_left
from collections.abc import Sequence
from functools import partial

import numpy as np
from scipy.stats import beta

POWER = 0.8  # the probability that "probably" means
CAPS = (2, 3, 4, 6, 9, 13, 20, 30)  # numbers of examples of a group to consider
MIN_GAIN = 0.01  # by how much the needed score must fall before examples are left out
STEPS = 256  # scores between the pass mark and 1


def best_cap(sizes: Sequence[int], pass_mark: float, level: float) -> int:
    """How many examples of each group to test, so that the pass mark is proved most easily; 0: all of them.

    `sizes` are those of the groups. What counts is the mean of the scores needed if the answers of a group are
    independent, and if they are right or wrong together. Of equally good numbers the largest is best.
    """
    everything = needed_score_of(sizes, pass_mark, level)
    caps = [cap for cap in CAPS if cap < max(sizes)]
    needed = {cap: needed_score_of([min(size, cap) for size in sizes], pass_mark, level) for cap in caps}
    best = min(needed.values(), default=everything)
    if best > min(1.0, everything - MIN_GAIN):  # it gains little, or proves nothing
        return 0
    return max(cap for cap in caps if needed[cap] <= best + MIN_GAIN / 2)


def needed_score_of(sizes: Sequence[int], pass_mark: float, level: float) -> float:
    """The score that probably proves the pass mark: the mean of those for independent and for equal answers of a group.

    It is above 1, the more the less can be proved, if no score does.
    """
    highest = highest_provable(sizes, level)
    if highest < pass_mark:
        return 2 - highest
    return float(np.mean([score_that_proves(sizes, pass_mark, level, together) for together in (False, True)]))


def score_that_proves(sizes: Sequence[int], pass_mark: float, level: float, together: bool) -> float:
    """About the least true score with which groups of these sizes probably prove the pass mark; 1 if no score does.

    With `together`, the answers of a group are right or wrong together.
    """
    scores = np.linspace(pass_mark, 1, STEPS)
    low = partial(_low, sizes, chance=1 - level, together=together)
    return float(scores[bisect_left(scores[:-1], True, key=lambda score: low(score) >= pass_mark)])


def highest_provable(sizes: Sequence[int], level: float) -> float:
    """The highest pass mark that groups of these sizes can prove: the lower bound with every answer right.

    The bound m is where an unseen group with exponential weight outweighs all others: with t = 1 / m - 1 and n the
    largest size, the product of 1 + t n_g / n over all groups is 1 / (1 - level). Groups of one size give
    (1 - level)^(1 / number), the most that any method can prove.
    """
    ratios = np.asarray(sizes, dtype=np.float64) / max(sizes)
    wanted = -math.log(1 - level)
    low, high = 0.0, math.expm1(wanted)  # the largest group alone reaches it
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (low, middle) if np.log1p(middle * ratios).sum() > wanted else (middle, high)
    return 1 / (1 + high)


def probable_low(clusters: int, mean: float, spread: float, extra: float, chance: float) -> float:
    """The lower bound that a test of this many clusters exceeds with probability POWER, if `mean` is the true mean.

    `spread` is the variance of one cluster's contribution to the mean, `extra` the size of the added cluster divided
    by the mean size.
    """
    seen = _beta_quantile(mean, spread / clusters, 1 - POWER)
    if 0 < mean < 1:  # the variance is smaller near 0 and 1
        spread *= seen * (1 - seen) / (mean * (1 - mean))
    center = clusters * seen / (clusters + extra)
    variance = clusters * (spread + (seen - center) ** 2) + (extra * center) ** 2
    return _beta_quantile(center, variance / (clusters + extra) / (clusters + extra + 1), chance)


def _low(sizes: Sequence[int], score: float, *, chance: float, together: bool) -> float:
    """The lower bound that a test with right-or-wrong answers in these groups probably exceeds."""
    relative = np.asarray(sizes, dtype=np.float64) / np.mean(sizes)
    one = score * (1 - score)
    spread = one * float((relative**2).mean() if together else relative.mean() / np.mean(sizes))
    return probable_low(len(relative), score, spread, float(relative.max()), chance)


def _beta_quantile(mean: float, variance: float, chance: float) -> float:
    """A quantile of the beta distribution with this mean and variance."""
    if variance <= 0:
        return mean
    strength = max(mean * (1 - mean) / variance - 1, 1e-6)
    return float(beta.ppf(chance, mean * strength, (1 - mean) * strength))
