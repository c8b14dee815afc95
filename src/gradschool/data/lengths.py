"""Which texts are unusually long or short among their like."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

FAR = 3.5  # robust standard deviations of the logarithm (Iglewicz and Hoaglin 1993) from which a length is unusual
ENOUGH = 30  # texts below which nothing is usual
MIN_SPREAD = 0.25  # of the logarithm: where nearly all have one length, a little more is not unusual


def usual_range(words: Sequence[int] | npt.NDArray[np.int32]) -> tuple[float, float]:
    """The least and the most words that are usual; (0, infinity) where there are too few texts to say."""
    counts = np.asarray(words)
    counts = counts[counts > 0]
    if len(counts) < ENOUGH:
        return 0.0, float("inf")
    logs = np.log(counts)
    middle = float(np.median(logs))
    spread = max(1.4826 * float(np.median(np.abs(logs - middle))), MIN_SPREAD)
    return float(np.exp(middle - FAR * spread)), float(np.exp(middle + FAR * spread))
