"""What a test of a given size can prove, if every answer in it is right: by the exact Clopper-Pearson bound.

With n of n answers right, the lower bound with error a is a^(1/n).
"""

import math


def look_level(error_budget: float, looks: int) -> float:
    """The confidence level of one look at the test set, so that all looks together stay within the budget (Bonferroni).

    >>> look_level(0.05, 4)
    0.9875
    """
    assert looks >= 1
    return 1 - error_budget / looks


def provable(examples: int, level: float) -> float:
    """The highest pass mark that a test of this size can prove."""
    return float((1 - level) ** (1 / examples)) if examples > 0 else 0.0


def min_test_examples(pass_mark: float, level: float) -> int | None:
    """The fewest test examples that can prove a pass mark; None for a mark of 1, which no number proves."""
    if pass_mark >= 1:
        return None
    number = max(1, math.floor(math.log(1 - level) / math.log(pass_mark)))
    while provable(number, level) < pass_mark:
        number += 1
    return number
