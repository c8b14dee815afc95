"""The distribution of a mean with random Dirichlet(1, …, 1) weights, computed numerically instead of by sampling.

Such weights are independent standard exponentials divided by their sum, so the probability that a weighted mean is at
most m is the probability that a sum of exponentials with coefficients (value - m) is at most 0. That is an integral
over the sum's Laplace transform, taken along a path through its saddle point. There the integrand does not oscillate,
and the trapezoid rule converges exponentially: 8 digits from a few dozen points, even for thousands of values. A
sample of 20,000 weights would give 2 digits, and different ones for each seed.

Sources: Gil-Pelaez (1951), "Note on the inversion theorem"; Imhof (1961), "Computing the distribution of quadratic
forms in normal variables" (two squared normals are one exponential); Rice (1980), "Distribution of quadratic forms
in normal random variables: evaluation by numerical integration" (the path through the saddle point).
"""

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import brentq
from scipy.special import logit

Vector = NDArray[np.float64]

_STEP = 0.1  # of the trapezoid rule; halving it changes the ninth digit
_BLOCK = 25  # points that are computed together
_FURTHEST = 40.0  # end of the path: the tail of even two exponentials is negligible there
_POINTS = _STEP * np.arange(round(_FURTHEST / _STEP)).reshape(-1, _BLOCK)
_PATH = tuple(zip(np.sinh(_POINTS), np.cosh(_POINTS), strict=True))
_ENOUGH = 1e-13
_MAX_BEND = 0.7
_FACTORS = 8  # whose product has one logarithm; none is above 1e18, so no product overflows
_FEW = 100  # different coefficients up to which the probability is remembered
_NOTHING = 1e-11  # rounding error of a coefficient of 0, relative to the largest


def chance_at_most(mean: float, sums: Vector, sizes: Vector, extra: float) -> float:
    """The probability that a randomly weighted mean of clusters, including an extra cluster of zeros, is <= `mean`.

    Cluster g has `sizes[g]` values with the sum `sums[g]`; the extra one has `extra` values, all 0. Weights are drawn
    per cluster; the mean is the weighted sum of all values divided by the weighted number of values.
    """
    coefficients = np.append(sums - mean * sizes, -mean * extra)
    coefficients[np.abs(coefficients) < _NOTHING * np.abs(coefficients).max()] = 0.0
    if (coefficients <= 0).all():
        return 1.0
    return _chance_below_zero(coefficients)


def lowest_mean(sums: Vector, sizes: Vector, extra: float, chance: float) -> float:
    """The mean m with chance_at_most(m) == chance; 0 if all values are 0."""
    highest = float((sums / sizes).max())
    if highest <= 0:
        return 0.0

    # Log odds are nearly linear in m, so the search takes half of the steps that probabilities would take.
    def excess(m: float) -> float:
        return float(logit(min(1 - _ENOUGH, max(_ENOUGH, chance_at_most(m, sums, sizes, extra)))) - logit(chance))

    return float(brentq(excess, 0.0, highest * (1 + 1e-9), xtol=1e-10))


def _chance_below_zero(coefficients: Vector) -> float:
    """The probability that a sum of standard exponentials with these coefficients is below 0."""
    if coefficients.sum() < 0:  # the saddle point is well conditioned on the other side
        return 1.0 - _chance_below_zero(-coefficients)
    if (coefficients >= 0).all():
        return 0.0
    values, counts = np.unique(coefficients[coefficients != 0], return_counts=True)
    values = values / -values.min()  # so that the transform exists from -1 to 0
    if len(values) > _FEW:
        return _integral(values, counts)
    return _known_integral(values.tobytes(), counts.tobytes())


@lru_cache(maxsize=4096)  # simulated tests of right and wrong answers differ mostly in the order of their groups
def _known_integral(values: bytes, counts: bytes) -> float:
    return _integral(np.frombuffer(values), np.frombuffer(counts, dtype=np.int64))


def _integral(values: Vector, counts: NDArray[np.int64]) -> float:
    """The probability for these coefficients, each with its count; the lowest is -1 and their sum is not below 0."""

    # The integrand is exp(k(s)) with k(s) = -sum(log(1 - s c)) - log(-s), which is convex there: one saddle.
    # The derivative of k has poles at both ends; times s (1 + s), it is smooth and has the same root.
    def rise(s: float) -> float:
        return float(s * (1 + s) * (counts @ (values / (1 - s * values))) - 1 - s)

    saddle = brentq(rise, -1 + 1e-15, -1e-18, xtol=1e-30, rtol=1e-8)
    tilted = values / (1 - saddle * values)
    second = counts @ tilted**2 + saddle**-2
    third = 2 * (counts @ tilted**3) - 2 / saddle**3
    scale = second**-0.5
    bend = min(_MAX_BEND, max(-_MAX_BEND, third / second**1.5 / 3))  # the path of steepest descent, as a hyperbola

    total = -0.5 * scale / -saddle  # the first point counts half
    for sinh, cosh in _PATH:
        shift = scale * (1j * sinh + bend * (cosh - 1))
        slope = scale * (1j * cosh + bend * sinh)
        falls = np.exp(-_log_product(1 - np.multiply.outer(tilted, shift), counts))
        heights = (falls * slope / -(saddle + shift)).imag
        total += heights.sum()
        if np.abs(heights[-3:]).max() < _ENOUGH * abs(total):  # three, because one may be at a change of sign
            break
    return float(np.exp(-(counts @ np.log1p(-saddle * values))) * _STEP * total / np.pi)


def _log_product(factors: NDArray[np.complex128], counts: NDArray[np.int64]) -> NDArray[np.complex128]:
    """The logarithm of the product of factors (K, points), each with its count, but for multiples of 2 pi i."""
    once, often = factors[counts == 1], counts > 1
    total = np.asarray(counts[often] @ np.log(factors[often]), dtype=np.complex128)
    if len(once):
        total = total + np.log(np.multiply.reduceat(once, np.arange(0, len(once), _FACTORS))).sum(axis=0)
    return total
