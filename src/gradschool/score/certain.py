"""When a verdict is certain before all test questions are answered, because no further answers could change it.

This is exact: the verdict rises with each value, so that it lies between the verdict with every other answer wrong and
the one with every other answer right. If both are the same, it is certain. "Not proven" is never settled early, since
the number of further examples that would settle it is estimated from all answers.
"""

import math
from collections.abc import Callable, Sequence
from typing import TypeAlias

from gradschool.records import Interval, Verdict
from gradschool.score.stats import bounds, verdict

Decide: TypeAlias = Callable[[Sequence[float]], Verdict]  # the verdict on the values of all test questions, in order
MIN_STEP, STEPS = 16, 8  # questions between two checks: so many, or so many checks in all


def decide_by(groups: Sequence[str], pass_mark: float, level: float) -> Decide:
    """The verdict of a score alone: `groups` are those of all test questions."""
    return lambda values: verdict(bounds(values, groups, level), pass_mark)


def certain(decide: Decide, values: Sequence[float], total: int) -> Verdict | None:
    """The verdict that the first of `total` values make certain; None if it is open."""
    rest = total - len(values)
    worst, best = (decide([*values, *[value] * rest]) for value in (0.0, 1.0))
    return worst if worst == best and worst != "not proven" else None


def checks(decide: Decide, total: int) -> list[int]:
    """After how many of `total` questions to check whether the verdict is certain; the last one is the total.

    Only where it could be certain at all: if every answer so far is wrong, or every one right.
    """
    step = max(MIN_STEP, math.ceil(total / STEPS))
    possible = [number for number in range(step, total, step) if _can_be_certain(decide, number, total)]
    return [*possible, total]


def _can_be_certain(decide: Decide, number: int, total: int) -> bool:
    return any(certain(decide, [value] * number, total) for value in (0.0, 1.0))


def bounds_of_part(values: Sequence[float], groups: Sequence[str], unasked: Sequence[str], level: float) -> Interval:
    """Bounds of the true mean if some questions were not asked: whatever their values, these bounds hold.

    `groups` are those of the values, `unasked` those of the other questions.
    """
    if not unasked:
        return bounds(values, groups, level)
    all_groups, rest = [*groups, *unasked], len(unasked)
    low = bounds([*values, *[0.0] * rest], all_groups, level).low
    high = bounds([*values, *[1.0] * rest], all_groups, level).high
    return Interval(low, high, level)
