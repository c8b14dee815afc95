"""When a verdict is certain before all test questions are answered, because no further answers could change it.

This is exact: the verdict rises with each value, so that it lies between the verdict with every other answer wrong and
the one with every other answer right. If both are the same, it is certain. "Not proven" is never settled early, since
the number of further examples that would settle it is estimated from all answers.
"""

from bisect import bisect_left
from collections.abc import Callable, Sequence
from typing import TypeAlias

from gradschool.records import Interval, Verdict
from gradschool.score.stats import bounds, halved, verdict_on, verdict_on_all

Decide: TypeAlias = Callable[[Sequence[float]], Verdict]  # the verdict on the values of all test questions, in order
MIN_STEP = 8  # questions that are asked at once


def decide_by(groups: Sequence[str], pass_mark: float, level: float) -> Decide:
    """The verdict of a score alone: `groups` are those of all test questions."""
    return lambda values: verdict_on(values, groups, pass_mark, level)


def better_by(margin: float, others: Sequence[float], groups: Sequence[str], level: float) -> Decide:
    """The verdict on being better than `others` by more than a margin, in pairs on all test questions."""

    return lambda values: verdict_on(halved(values, others), groups, (1 + margin) / 2, level)


def all_of(claims: Sequence[Decide]) -> Decide:
    """The verdict on several claims: all must be proven, and one that is excluded excludes all."""

    return lambda values: verdict_on_all([claim(values) for claim in claims])


def certain(decide: Decide, values: Sequence[float], total: int) -> Verdict | None:
    """The verdict that the first of `total` values make certain; None if it is open."""
    rest = total - len(values)
    worst, best = (decide([*values, *[value] * rest]) for value in (0.0, 1.0))
    return worst if worst == best and worst != "not proven" else None


def ask_until(decide: Decide, values: Sequence[float], total: int) -> int:
    """How many of `total` questions to ask before looking again; all that have `values` if their verdict is certain.

    That is the least number after which it could be certain, if every further answer is wrong, or every one right.
    """
    if certain(decide, values, total):
        return len(values)

    def possible(number: int) -> bool:
        more = number - len(values)
        return any(certain(decide, [*values, *[value] * more], total) for value in (0.0, 1.0))

    first = min(len(values) + MIN_STEP, total)
    return first + bisect_left(range(first, total), True, key=possible)


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
