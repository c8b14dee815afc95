"""Which of several bases to go on with: the smallest one that is not proven worse than the best one on validation."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from gradschool.data.proof import VALIDATION_LEVEL
from gradschool.records import ComparedBase, Difference, Score
from gradschool.score.stats import bounds, difference
from gradschool.values import Count, Real

PERCENT = f"{VALIDATION_LEVEL:.0%}"


@dataclass(frozen=True, slots=True)
class Measured:
    """What a base reached on validation: the value of each answer of its best candidate, and what that cost.

    `values` and `groups` are by the id of the example. `sound` says whether its gates were passed.
    """

    values: dict[str, float]
    groups: dict[str, str]
    recipe: str
    sound: bool
    tokens_per_second: Real
    seconds: Real
    left_out: str = ""  # why it was left out after all


@dataclass(frozen=True, slots=True)
class Entry:
    """A base in the comparison, with the bytes of its files (0: not known)."""

    base: str
    bytes: Count
    measured: Measured

    @property
    def mean(self) -> float:
        """Its score on validation."""
        return math.fsum(self.measured.values.values()) / len(self.measured.values)


def compare_bases(entries: Sequence[Entry]) -> Iterator[ComparedBase]:
    """Each base with its score, and the smallest one chosen that is not proven worse than the best.

    Scores are compared in pairs, on the same questions, with VALIDATION_LEVEL confidence for each base. A base whose
    answers a gate rejects is chosen only if all are rejected. One of unknown size counts as the largest.
    """
    among = [one for one in entries if one.measured.sound] or list(entries)
    best = max(among, key=lambda one: one.mean)
    behind = {one.base: _behind(best, one) for one in entries if one is not best}
    close = [one for one in among if one is best or behind[one.base].interval.low <= 0]
    chosen = min(close, key=lambda one: (one.bytes or math.inf, -one.mean))
    for one in entries:
        values, groups = list(one.measured.values.values()), list(one.measured.groups.values())
        score = Score(one.mean, bounds(values, groups, VALIDATION_LEVEL), len(values), len(set(groups)))
        yield ComparedBase(
            one.base,
            one.bytes,
            one is chosen,
            _reason(one, best, chosen, among, behind.get(one.base)),
            score,
            behind.get(one.base),
            one.measured.recipe,
            one.measured.tokens_per_second,
            one.measured.seconds,
        )


def _behind(best: Entry, one: Entry) -> Difference:
    """The difference of the best base from another one, on the same questions."""
    ids = list(best.measured.values)
    this, other = ([entry.measured.values[id_] for id_ in ids] for entry in (best, one))
    average, interval = difference(this, other, [best.measured.groups[id_] for id_ in ids], VALIDATION_LEVEL)
    return Difference(best.base, average, interval)


def _reason(one: Entry, best: Entry, chosen: Entry, among: Sequence[Entry], behind: Difference | None) -> str:
    if one is chosen:
        if len(among) == 1:
            return "no other one can be used"
        if one is best:
            return "it has the best score, and every smaller one is proven worse or rejected"
        above = f", which scores {behind.mean:.3f} more" if behind and behind.mean > 0 else ""
        return f"it is the smallest one that is not proven worse than {best.base} (with {PERCENT} confidence){above}"
    if one not in among:
        return "a gate rejects its answers"
    if behind and behind.interval.low > 0:
        return f"it is proven worse than {best.base} (with {PERCENT} confidence)"
    if one.bytes:
        return f"it is not proven worse, but {chosen.base} is smaller"
    return f"it is not proven worse, but its size is not known, so that {chosen.base} is preferred"
