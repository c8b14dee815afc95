"""Find texts that are unusually long or short compared with the others."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

FAR = 3.5  # robust standard deviations of the logarithm (Iglewicz and Hoaglin 1993) beyond which a length is unusual
ENOUGH = 30  # texts; with fewer there is no usual range
MIN_SPREAD = 0.25  # of the logarithm, if nearly all texts have the same length


def usual_range(words: Sequence[int] | npt.NDArray[np.int32]) -> tuple[float, float]:
    """The usual range of word counts, (low, high); (0, infinity) if there are too few texts."""
    counts = np.asarray(words)
    counts = counts[counts > 0]
    if len(counts) < ENOUGH:
        return 0.0, float("inf")
    logs = np.log(counts)
    middle = float(np.median(logs))
    spread = max(1.4826 * float(np.median(np.abs(logs - middle))), MIN_SPREAD)
    return float(np.exp(middle - FAR * spread)), float(np.exp(middle + FAR * spread))
