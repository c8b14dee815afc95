"""How many answers of a set can be like an author's real texts, although no single one of them is out of the ordinary.

If a fraction f of the answers were like the real texts, at least f / 2 of them would be above the median of the real
texts. So the fraction that is above it, doubled, is the most that can be (mixture proportion estimation; Blanchard, Lee
and Scott 2010, "Semi-supervised novelty detection").
"""

from collections.abc import Sequence

import numpy as np
from scipy.stats import hypergeom

BY_CHANCE = 0.05  # probability with which as few are above the median if all answers are like the real texts


def can_be_real(values: Sequence[float], real: Sequence[float]) -> list[bool]:
    """Which of some values can be from the distribution of `real` values: the highest ones, as many as can be.

    All, if those above the median of `real` are so few by chance with a probability of at least 5 % (Fisher's test).
    """
    if not values or not real:
        return [True] * len(values)
    median = np.median(real)
    above, expected = int(np.sum(np.array(values) > median)), int(np.sum(np.array(real) > median))
    total = len(values) + len(real)
    if not expected or hypergeom.cdf(above, total, above + expected, len(values)) >= BY_CHANCE:
        return [True] * len(values)
    most = round(above * len(real) / expected)
    highest = set(np.argsort(-np.array(values), kind="stable")[:most].tolist())
    return [place in highest for place in range(len(values))]
