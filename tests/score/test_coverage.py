"""The guarantee, by simulation: bounds miss no more often than their level allows, and climbs rarely pass falsely.

A miss is a lower bound above the true mean. It is counted without searching for the bound: the bound is above the
mean just where the chance at the mean is below the allowed one (a test below holds this against `bounds`). Each
rate may exceed the promised one by 3 standard errors of the simulation.
"""

import functools
import math
from collections.abc import Callable

import numpy as np
import pytest
from scipy.stats import beta

from gradschool.data.proof import VALIDATION_LEVEL, Looks, look_level
from gradschool.score.dirichlet import chance_at_most
from gradschool.score.stats import bounds, verdict

REPEATS = 1000
Draw = Callable[[np.random.Generator, int], np.ndarray]

VALUES: dict[str, tuple[Draw, float]] = {
    "zeros and ones": (lambda random, n: (random.random(n) < 0.9).astype(float), 0.9),
    "spread": (lambda random, n: random.beta(2, 1, n), 2 / 3),
    "uneven": (lambda random, n: random.beta(0.3, 0.1, n), 0.75),
    "near 1, rarely far off": (lambda random, n: np.where(random.random(n) < 0.03, 0.0, random.beta(40, 1, n)),
                               0.97 * 40 / 41),
    "near 0, rarely right": (lambda random, n: np.where(random.random(n) < 0.03, 1.0, random.beta(1, 40, n)),
                             0.03 + 0.97 / 41),
}  # fmt: skip


def at_most(rate: float, repeats: int) -> float:
    return rate + 3 * math.sqrt(rate * (1 - rate) / repeats)


def chance(mean: float, sums: np.ndarray, sizes: np.ndarray, extra: float) -> float:
    """`chance_at_most`, computed once for draws that differ only in their order, as many of zeros and ones do."""
    return sorted_chance(mean, tuple(sorted(zip(sums.tolist(), sizes.tolist(), strict=True))), extra)


@functools.cache
def sorted_chance(mean: float, clusters: tuple[tuple[float, float], ...], extra: float) -> float:
    sums, sizes = np.array(clusters).T
    return chance_at_most(mean, sums, sizes, extra)


def misses(sums: np.ndarray, sizes: np.ndarray, mean: float, *allowed: float) -> np.ndarray:
    """Whether the lower and the upper bound miss the true mean, a row for each allowed chance."""
    largest = float(sizes.max())
    low, high = chance(mean, sums, sizes, largest), chance(1 - mean, sizes - sums, sizes, largest)
    return np.array([[low < most, high < most] for most in allowed])


def test_counting_misses_without_the_bound_is_the_same():
    random = np.random.default_rng(5)
    for _ in range(60):
        values, mean = random.beta(2, 1, 8), 2 / 3
        found = bounds(list(values), [str(i) for i in range(8)], 0.6)
        assert misses(values, np.ones(8), mean, 0.4).tolist() == [[found.low > mean, found.high < mean]]


@pytest.mark.parametrize("kind", VALUES)
@pytest.mark.parametrize("number", [10, 50, 200])
def test_bounds_miss_no_more_than_promised(kind, number):
    draw, mean = VALUES[kind]
    random = np.random.default_rng(number)
    repeats = REPEATS if number < 200 else REPEATS // 2  # these take longest
    missed = np.zeros((2, 2))
    for _ in range(repeats):
        missed += misses(draw(random, number), np.ones(number), mean, 0.05, 0.0125)
    assert (missed[0] / repeats <= at_most(0.05, repeats)).all(), missed / repeats
    assert (missed[1] / repeats <= at_most(0.0125, repeats)).all(), missed / repeats


def clusters(random: np.random.Generator, number: int, unequal: bool) -> tuple[np.ndarray, np.ndarray]:
    """Groups whose answers hang together strongly; with `unequal`, a few groups hold most of the examples."""
    sizes = np.clip(np.ceil(random.pareto(1.1, number)), 1, 60) if unequal else random.integers(1, 7, number)
    rights = random.binomial(sizes.astype(int), random.beta(0.8, 0.2, number))  # mean 0.8
    return rights.astype(float), sizes.astype(float)


@pytest.mark.parametrize("unequal", [False, True])
@pytest.mark.parametrize("number", [10, 40])
def test_clustered_bounds_miss_no_more_than_promised(number, unequal):
    random = np.random.default_rng(number)
    missed = np.zeros(2)
    for _ in range(REPEATS):
        missed += misses(*clusters(random, number, unequal), 0.8, 0.05)[0]
    assert (missed / REPEATS <= at_most(0.05, REPEATS)).all(), missed / REPEATS


def test_the_simulation_detects_a_wrong_method():
    """Forgetting the groups, or adding a group of only the mean size, misses too often, so the tests above can fail."""
    random = np.random.default_rng(1)
    forgot = small = 0
    for _ in range(400):
        sums, sizes = clusters(random, 40, False)
        values = np.concatenate([np.repeat([1.0, 0.0], [int(s), int(n - s)]) for s, n in zip(sums, sizes, strict=True)])
        forgot += chance_at_most(0.8, values, np.ones(len(values)), 1.0) < 0.05
        sums, sizes = clusters(random, 40, True)
        small += chance_at_most(0.8, sums, sizes, float(sizes.mean())) < 0.05
    assert forgot / 400 > at_most(0.05, 400)
    assert small / 400 > 0.05


@pytest.mark.parametrize("kind", ["zeros and ones", "spread"])
def test_a_climb_rarely_passes_falsely(kind):
    """Four rungs just below the pass mark, judged on one test set (correlated answers), each with its look."""
    random = np.random.default_rng(2)
    budget, looks, number, truth, repeats = 0.05, 4, 60, 0.8, 800
    level, mark = look_level(budget, looks), truth + 1e-6
    false = 0
    for _ in range(repeats):
        hardness = random.random(number)  # shared by all rungs, as the examples are
        for _ in range(looks):
            own = random.random(number)
            luck = np.where(random.random(number) < 0.5, hardness, own)
            values = (luck < truth).astype(float) if kind == "zeros and ones" else luck**0.25  # mean 0.8
            if chance(mark, values, np.ones(number), 1.0) < 1 - level:
                false += 1
                break
    assert false / repeats <= at_most(budget, repeats), false / repeats
    if kind == "zeros and ones":
        assert false > 0  # the budget is there to be used


def passes(truths: list[float], mark: float, test: int, validation: int, saving: bool, climbs: int = 10_000) -> float:
    """How often a climb passes a rung, with right-or-wrong answers; with `saving`, hopeless rungs spend nothing."""
    random = np.random.default_rng(4)
    left, passed = np.full(climbs, 0.05), np.zeros(climbs, dtype=bool)
    hardness = random.random((climbs, test))  # shared by all rungs
    for number, truth in enumerate(truths):
        luck = np.where(random.random((climbs, test)) < 0.5, hardness, random.random((climbs, test)))
        right, tried = (luck < truth).sum(axis=1), random.binomial(validation, truth, climbs)
        highest = np.where(tried == validation, 1.0, beta.ppf(VALIDATION_LEVEL, tried + 1, validation - tried))
        looks = (highest >= mark) | (not saving)
        error = left / (len(truths) - number)
        low = np.where(right == 0, 0.0, beta.ppf(error, np.maximum(right, 1), test - right + 1))
        passed |= looks & (low >= mark)
        left = left - np.where(looks, error, 0.0)
    return float(passed.mean())


@pytest.mark.parametrize("truths", [[0.1, 0.4, 0.7, 0.8], [0.8] * 4, [0.1, 0.8, 0.2, 0.8], [0.5, 0.55, 0.6, 0.8]])
def test_saved_looks_do_not_make_false_passes_more_frequent_than_the_budget(truths):
    assert passes(truths, 0.8 + 1e-9, 110, 45, saving=True) <= at_most(0.05, 10_000)


def test_saved_looks_make_proofs_easier():
    """Three hopeless rungs below a good one: the good one gets the whole budget instead of a quarter."""
    even, saving = (passes([0.1, 0.3, 0.5, 0.9], 0.8, 110, 45, saving=one) for one in (False, True))
    assert saving > even + 0.1, (saving, even)


def test_looks_share_what_is_left():
    looks, spent = Looks(0.05, 4), 0.0
    for taken in (True, False, True, True):
        spent += (1 - looks.level) * taken
        looks = looks.after(taken)
    assert spent == pytest.approx(0.05) and looks.number == 0


def test_good_specialists_do_pass():
    """Valid bounds are useless if they never prove anything: 0.95 proves a pass mark of 0.8 with 60 examples."""
    random = np.random.default_rng(3)
    names = [str(i) for i in range(60)]
    for values in ((lambda: (random.random(60) < 0.95).astype(float)), (lambda: random.beta(9.5, 0.5, 60))):
        passed = sum(verdict(bounds(list(values()), names, 0.9875), 0.8) == "passed" for _ in range(50))
        assert passed > 35
