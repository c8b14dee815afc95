"""Answers that are possible one by one, and not together."""

import random

from gradschool.score.mixture import can_be_real


def drawn(mean: float, number: int, seed: int) -> list[float]:
    chance = random.Random(seed)
    return [chance.gauss(mean, 1) for _ in range(number)]


def test_values_of_the_same_distribution_are_seldom_limited() -> None:
    kept = [can_be_real(drawn(0, 30, seed), drawn(0, 30, seed + 500)) for seed in range(200)]
    assert sum(not all(one) for one in kept) <= 0.05 * 200
    real = drawn(0, 30, 1)
    assert all(can_be_real(real, real))


def test_of_a_mixture_the_highest_values_are_kept_as_many_as_can_be_real() -> None:
    real = drawn(0, 400, 1)
    for share in (0, 100, 200):
        values = [*drawn(0, share, 2), *drawn(-6, 400 - share, 3)]
        kept = can_be_real(values, real)
        assert abs(sum(kept) - share) <= 40
        assert min([v for v, k in zip(values, kept, strict=True) if k], default=9) >= max(
            v for v, k in zip(values, kept, strict=True) if not k
        )


def test_values_that_are_lower_together_are_limited_although_each_is_possible() -> None:
    real = drawn(0, 30, 1)
    values = [value - 1.5 for value in real]
    assert all(value > min(real) - 3 for value in values)
    assert sum(can_be_real(values, real)) < 10


def test_none_and_few_values() -> None:
    assert can_be_real([], [1.0]) == [] and can_be_real([1.0], []) == [True]
    assert can_be_real([0.0, 0.1], [1.0, 2.0, 3.0]) == [True, True]
    assert can_be_real([1.0] * 20, [1.0] * 20) == [True] * 20
