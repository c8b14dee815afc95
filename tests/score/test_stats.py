"""Bounds agree with exact results, and have the properties of bounds."""

import math
import time

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import beta, binom, binomtest

from gradschool.data.proof import look_level, min_test_examples, provable
from gradschool.records import Interval
from gradschool.score.dirichlet import chance_at_most, lowest_mean
from gradschool.score.stats import (
    bounds,
    difference,
    more_examples,
    needed_score,
    needed_score_in_groups,
    verdict,
    verdict_on,
)

LEVEL = 0.9875


def alone(number: int) -> list[str]:
    return [str(i) for i in range(number)]


@pytest.mark.parametrize(("right", "number"), [(0, 5), (1, 1), (3, 10), (10, 10), (180, 200)])
def test_zeros_and_ones_get_clopper_pearson(right, number):
    ours = bounds([1.0] * right + [0.0] * (number - right), alone(number), LEVEL)
    # Two-sided at 2 level - 1 is one-sided at level on each side.
    theirs = binomtest(right, number).proportion_ci(confidence_level=2 * LEVEL - 1, method="exact")
    assert (ours.low, ours.high) == pytest.approx((theirs.low, theirs.high), abs=1e-9)


@pytest.mark.parametrize(("right", "number"), [(1, 1), (1, 2), (2, 2), (5, 10), (99, 100), (4999, 5000), (5000, 5000)])
@pytest.mark.parametrize("chance", [0.001, 0.0125, 0.05, 0.4])
def test_the_integral_is_right_where_the_answer_is_known(right, number, chance):
    """The general method, unused by `bounds` for zeros and ones, gives the beta distribution's probabilities."""
    sums = np.array([1.0] * right + [0.0] * (number - right))
    at = beta.ppf(chance, right, number - right + 1)
    assert chance_at_most(at, sums, np.ones(number), 1.0) == pytest.approx(chance, rel=1e-7)
    assert lowest_mean(sums, np.ones(number), 1.0, chance) == pytest.approx(at, abs=1e-8)


def test_the_integral_agrees_with_drawing_weights():
    random = np.random.default_rng(0)
    sizes = random.integers(1, 6, 12).astype(float)
    sums = sizes * random.beta(2, 1, 12)
    weights = random.standard_exponential((400_000, 13))
    means = (weights[:, :12] @ sums) / (weights[:, :12] @ sizes + weights[:, 12] * 5)
    for at in (0.2, 0.35, 0.5, 0.6):
        chance = (means <= at).mean()
        assert chance_at_most(at, sums, sizes, 5.0) == pytest.approx(chance, abs=5 * math.sqrt(0.25 / 400_000))


def test_groups_of_one_answer_count_as_one():
    values, groups = [1.0, 1.0, 1.0, 0.0, 0.0, 0.0] * 5, [str(i // 3) for i in range(30)]
    assert bounds(values, groups, LEVEL) == bounds([1.0, 0.0] * 5, alone(10), LEVEL)


def test_groups_widen_the_bounds_and_order_does_not_matter():
    values = [0.9, 0.8, 0.9, 0.2, 0.3, 0.1, 1.0, 1.0, 0.9, 0.6, 0.5, 0.4]
    groups = [str(i // 3) for i in range(12)]
    apart, together = bounds(values, alone(12), LEVEL), bounds(values, groups, LEVEL)
    assert together.low < apart.low < apart.high < together.high
    assert bounds(values[::-1], groups[::-1], LEVEL).low == pytest.approx(together.low, abs=1e-9)


def test_equal_values_and_edges_have_valid_bounds():
    same = bounds([0.7] * 10, alone(10), LEVEL)
    assert 0.4 < same.low < 0.7 < same.high < 0.85
    # One value v of n+1 equal weights with a 0: the weight of the 0 is Beta(1, n).
    assert same.low == pytest.approx(0.7 * (1 - LEVEL) ** (1 / 10), abs=1e-8)
    assert bounds([], [], LEVEL) == Interval(0.0, 1.0, LEVEL)
    assert bounds([0.0], ["a"], LEVEL) == Interval(0.0, pytest.approx(LEVEL), LEVEL)


def test_thousands_of_groups_take_no_time():
    random = np.random.default_rng(0)
    start = time.process_time()
    found = bounds(list(random.beta(30, 1, 5000)), alone(5000), LEVEL)
    assert time.process_time() - start < 5  # 0.6 s on a quiet core
    assert 0 < 30 / 31 - found.low < 0.003


VALUES = st.lists(st.sampled_from([0.0, 1.0]) | st.floats(0, 1), min_size=1, max_size=12)


@settings(max_examples=60, deadline=None)
@given(VALUES, st.integers(1, 4), st.floats(0.6, 0.999))
def test_bounds_surround_the_mean_and_widen_with_the_level(values, groups, level):
    names = [str(i % groups) for i in range(len(values))]
    found, surer = bounds(values, names, level), bounds(values, names, (1 + level) / 2)
    assert 0 <= found.low <= np.mean(values) + 1e-12
    assert np.mean(values) - 1e-12 <= found.high <= 1
    assert surer.low <= found.low + 1e-9
    assert surer.high >= found.high - 1e-9


@settings(max_examples=80, deadline=None)
@given(VALUES, st.data())
def test_a_better_answer_never_lowers_a_bound(values, data):
    place = data.draw(st.integers(0, len(values) - 1))
    better = [*values[:place], data.draw(st.floats(values[place], 1)), *values[place + 1 :]]
    one, other = bounds(values, alone(len(values)), 0.95), bounds(better, alone(len(values)), 0.95)
    assert other.low >= one.low - 1e-8
    assert other.high >= one.high - 1e-8


def test_more_of_the_same_narrows_the_bounds():
    found = [bounds([1.0, 0.7, 0.2] * n, alone(3 * n), LEVEL) for n in (1, 3, 10, 40)]
    assert sorted(i.low for i in found) == [i.low for i in found]
    assert sorted((i.high for i in found), reverse=True) == [i.high for i in found]


def test_a_difference_is_paired_and_antisymmetric():
    random = np.random.default_rng(0)
    other = random.random(60)
    this = np.clip(other + 0.1, 0, 1)  # each a little better: apart they overlap, paired they do not
    mean, interval = difference(list(this), list(other), alone(60), 0.95)
    assert mean == pytest.approx(np.mean(this - other))
    assert 0 < interval.low < mean < interval.high < 0.25
    back, mirrored = difference(list(other), list(this), alone(60), 0.95)
    assert (back, mirrored.low, mirrored.high) == pytest.approx((-mean, -interval.high, -interval.low), abs=1e-8)
    assert bounds(list(this), alone(60), 0.95).low < bounds(list(other), alone(60), 0.95).high


def test_equal_scores_have_no_significant_difference():
    mean, interval = difference([0.5] * 30, [0.5] * 30, alone(30), 0.95)
    assert mean == 0
    assert -0.2 < interval.low < 0 < interval.high < 0.2


@pytest.mark.parametrize(
    ("low", "high", "expected"),
    [(0.8, 0.9, "passed"), (0.79, 0.9, "not proven"), (0.5, 0.8, "not proven"), (0.5, 0.79, "failed")],
)
def test_verdict(low, high, expected):
    assert verdict(Interval(low, high, 0.95), 0.8) == expected


@given(
    st.lists(st.sampled_from([0.0, 0.2, 0.5, 0.97, 1.0]), min_size=1, max_size=25),
    st.sampled_from([1, 2, 5]),
    st.sampled_from([0.1, 0.5, 0.8, 0.97, 1.0]),
)
@settings(max_examples=60, deadline=None)
def test_the_verdict_without_bounds_is_that_of_the_bounds(values, size, mark):
    groups = [str(number // size) for number in range(len(values))]
    assert verdict_on(values, groups, mark, LEVEL) == verdict(bounds(values, groups, LEVEL), mark)


def test_look_level_splits_the_budget():
    assert look_level(0.05, 4) == pytest.approx(0.9875)
    assert look_level(0.05, 1) == pytest.approx(0.95)


@pytest.mark.parametrize("mark", [0.05, 0.5, 0.8, 0.9, 0.99])
def test_fewer_than_the_minimum_prove_nothing(mark):
    least = min_test_examples(mark, LEVEL)
    assert verdict(bounds([1.0] * least, alone(least), LEVEL), mark) == "passed"
    assert least == 1 or verdict(bounds([1.0] * (least - 1), alone(least - 1), LEVEL), mark) == "not proven"
    assert provable(least, LEVEL) >= mark > provable(least - 1, LEVEL)


def test_cases_that_no_test_can_prove():
    assert min_test_examples(1.0, LEVEL) is None
    assert provable(0, LEVEL) == 0
    assert needed_score(20, 0.9, LEVEL) is None
    assert needed_score(0, 0.5, LEVEL) is None


@pytest.mark.parametrize(("number", "mark"), [(50, 0.8), (200, 0.8), (400, 0.95)])
def test_needed_score_has_its_power(number, mark):
    truth = needed_score(number, mark, LEVEL, 0.8)
    proves = [bounds([1.0] * k + [0.0] * (number - k), alone(number), LEVEL).low >= mark for k in range(number + 1)]
    power = sum(binom.pmf(k, number, truth) for k in range(number + 1) if proves[k])
    assert power == pytest.approx(0.8, abs=1e-6)


@pytest.mark.parametrize("together", [False, True])
@pytest.mark.parametrize("sizes", [[3] * 30, [1] * 20 + [4] * 5])
def test_needed_score_in_groups_has_its_power(sizes, together):
    """Simulated again with other numbers; 4 standard errors of both simulations are 0.18."""
    names = [str(i) for i, size in enumerate(sizes) for _ in range(size)]
    truth = needed_score_in_groups(names, 0.6, LEVEL, together)
    random, proven, repeats = np.random.default_rng(7), 0, 300
    starts = np.cumsum([0, *sizes[:-1]])
    for _ in range(repeats):
        luck = np.repeat(random.random(len(sizes)), sizes) if together else random.random(len(names))
        rights = np.add.reduceat((luck < truth).astype(float), starts)
        proven += chance_at_most(0.6, rights, np.array(sizes, dtype=float), float(max(sizes))) <= 1 - LEVEL
    assert proven / repeats == pytest.approx(0.8, abs=0.18)


def test_no_score_is_enough_if_all_right_proves_too_little():
    assert needed_score_in_groups([str(n % 5) for n in range(50)], 0.9, LEVEL, together=False) is None


def _power(values, groups, number, mark, repeats=120):
    """How often a new test of `number` examples settles the verdict, drawn from the present groups as the truth."""
    random = np.random.default_rng(0)
    present = [[v for v, g in zip(values, groups, strict=True) if g == name] for name in dict.fromkeys(groups)]
    draws = max(1, round(number / (len(values) / len(present))))
    settled = 0
    for _ in range(repeats):
        drawn = [present[i] for i in random.integers(0, len(present), draws)]
        new = [value for group in drawn for value in group]
        names = [str(i) for i, group in enumerate(drawn) for _ in group]
        settled += verdict(bounds(new, names, LEVEL), mark) != "not proven"
    return settled / repeats


SPREAD = [(i % 10 + 0.5) / 10 for i in range(30)]
CASES = [
    pytest.param([1.0] * 27 + [0.0] * 3, alone(30), 0.8, id="zeros and ones, will pass"),
    pytest.param([1.0] * 20 + [0.0] * 10, alone(30), 0.8, id="zeros and ones, will fail"),
    pytest.param([v**0.25 for v in SPREAD], alone(30), 0.75, id="spread values, will pass"),
    pytest.param(SPREAD, alone(30), 0.6, id="spread values, will fail"),
    pytest.param([1.0] * 24 + [0.0, 1.0] * 3, [str(i // 3) for i in range(30)], 0.8, id="groups"),
]


@pytest.mark.parametrize(("values", "groups", "mark"), CASES)
def test_more_examples_would_probably_settle_it(values, groups, mark):
    assert verdict(bounds(values, groups, LEVEL), mark) == "not proven"
    more = more_examples(values, groups, mark, LEVEL)
    # 80 % is promised; 120 repeats have a standard error of 3.7 %, the approximation errs by a few.
    assert 0.68 <= _power(values, groups, len(values) + more, mark) <= 0.92
    assert _power(values, groups, len(values) + more // 3, mark) < 0.7


def test_more_examples_at_its_ends():
    assert more_examples([1.0] * 100, alone(100), 0.9, LEVEL) == 0
    assert more_examples([1.0] * 20, alone(20), 0.9, LEVEL) == min_test_examples(0.9, LEVEL) - 20
    assert more_examples([1.0, 0.0] * 10, alone(20), 0.5, LEVEL) is None
    assert more_examples([1.0] * 20, alone(20), 1.0, LEVEL) is None
    assert more_examples([], [], 0.9, LEVEL) == min_test_examples(0.9, LEVEL)
