"""Compare with the incumbent, which is what the user has now: "not worse by more than d", paired on the same questions.

The claim is about the mean of (this - incumbent) over questions like those of the test. It is proven if the lower bound
of `stats.difference` is at least -d, with the confidence of any other look at the test set. If the job names a pass
mark too, both claims must hold: a false pass needs an error in each false one, so neither costs error budget.
"""

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from gradschool.data.proof import VALIDATION_LEVEL, min_test_examples
from gradschool.errors import DataError
from gradschool.records import AgainstIncumbent, Difference, Scored, Verdict
from gradschool.score.dirichlet import chance_at_most
from gradschool.score.stats import DRAWS, bounds, difference, lowest_proving, more_examples, verdict

NAME = "incumbent"  # in the table of the ladder
STEP = 0.01  # between the true scores that are tried
Now: TypeAlias = tuple[str, Sequence[Scored]]  # the name of the incumbent, and its rows


def against(rows: Sequence[Scored], now: Now, margin: float, level: float, low: float | None) -> AgainstIncumbent:
    """Compare answers with those of the incumbent; questions that it did not answer are left out and counted.

    `level` is the confidence of each bound. `low` is the upper bound of the difference on validation if that excludes
    the margin; then the verdict is "failed", and the test set decides nothing. Raises DataError if it answered none.
    """
    name, theirs = now
    this, other, groups = _pairs(rows, theirs)
    if not this:
        raise DataError(
            f"There is no question that both the specialist and the incumbent {name} answered.",
            f"{len(rows)} of the specialist's answers and {len(theirs)} of the incumbent's are known.",
            "compare them on the same questions.",
        )
    mean, interval = difference(this, other, groups, level)
    found: Verdict = verdict(interval, -margin) if low is None else "failed"
    halves = [(a - b + 1) / 2 for a, b in zip(this, other, strict=True)]
    return AgainstIncumbent(
        name=name,
        margin=margin,
        difference=Difference(NAME, mean, interval),
        verdict=found,
        score=math.fsum(other) / len(other),
        examples=len(this),
        groups=len(set(groups)),
        unanswered=len(rows) - len(this),
        more_examples=more_examples(halves, groups, (1 - margin) / 2, level) if found == "not proven" else None,
        failures=dict(Counter(row.failure.kind for row in theirs if row.failure).most_common()),
        validation_high=low,
    )


def excluded(rows: Sequence[Scored], now: Now, margin: float) -> float | None:
    """The upper bound of the difference on validation, if it excludes the margin; None if it does not."""
    this, other, groups = _pairs(rows, now[1])
    high = difference(this, other, groups, VALIDATION_LEVEL)[1].high if this else 1.0
    return high if high < -margin else None


def _pairs(rows: Sequence[Scored], theirs: Sequence[Scored]) -> tuple[list[float], list[float], list[str]]:
    """The values of both, and the groups, of the questions that both answered."""
    known = {row.id: row.value for row in theirs}
    both = [row for row in rows if row.id in known]
    return [row.value for row in both], [known[row.id] for row in both], [row.group for row in both]


@dataclass(frozen=True, slots=True)
class MarginProof:
    """What a test set can prove about a margin before a climb; `level` is the confidence of a bound."""

    name: str  # of the incumbent
    margin: float
    examples: int  # of the test set
    answered: int  # of these, by the incumbent
    groups: int  # of the answered ones
    smallest: float  # the margin that is proven if both score the same on each question
    score: float | None  # the incumbent's on train and validation examples; None if it answered none of them
    # The true score from which the margin is proven with a probability of 0.8, if right answers are independent of the
    # incumbent's, and if both are right on the same questions as far as possible; None: at no score, or unknown.
    needed: float | None
    needed_together: float | None
    level: float
    floor: float | None = None  # the mean of the trivial answers that `needed` counts with

    @property
    def possible(self) -> bool:
        """Whether a specialist that scores the same on each question is proven not to be worse."""
        return self.smallest <= self.margin

    def sentence(self) -> str:
        """How many questions have an answer, what margin they can prove, and what to do if that is not enough."""
        grouped = f" in {self.groups} groups" if self.groups < self.answered else ""
        scored = "" if self.score is None else f" It scores {self.score:.3f} on train and validation examples."
        proves = (
            f"{self.name} answers {self.answered} of {self.examples} test questions{grouped}.{scored} A specialist "
            f"that scores the same on each of them is proven to be worse by at most {self.smallest:.3f}; the margin is "
            f"{self.margin:g}."
        )
        return f"{proves}{self._needed()}" if self.possible else f"{proves} {self._enough()}"

    def _needed(self) -> str:
        if self.score is None:
            return ""
        most = "no score is enough" if self.needed is None else f"the true score must be at least {self.needed:.3f}"
        least = ""
        if self.needed_together is not None and self.needed_together != self.needed:
            least = f", or {self.needed_together:.3f} if both are right on the same questions"
        claims = "the margin"
        claims += " (without floors)" if self.floor is None else f" and more than the floor of {self.floor:.3f}"
        return (
            f" To prove {claims} with a probability of 80 %, {most} if right answers are independent of the "
            f"incumbent's{least}."
        )

    def _enough(self) -> str:
        fewest = min_test_examples(1 - self.margin, self.level) if self.margin else None
        better = "Only one that is better than the incumbent can be proven not to be worse by more than that"
        if fewest is None:
            return f"{better}."
        units = "groups" if self.groups < self.answered else "questions"
        separate = math.log(1 - self.level) / math.log1p(-self.smallest)  # questions that these prove as much as
        needed = math.ceil(self.groups * fewest / separate)
        return (
            f"{better}. At least {needed} test {units} with an answer of the incumbent are needed, better twice as "
            "many: add examples and its answers to them, test more of them with `--test-share`, or raise [goal] margin."
        )


def margin_proof(
    name: str, margin: float, answered: Sequence[str], examples: int, others: Sequence[float], level: float
) -> MarginProof:
    """What a test set can prove about a margin; `answered` has the group of each test question with an answer.

    `others` are the incumbent's values on train and validation examples: those on test examples are not looked at
    before the verdict, because the margin could be chosen by them.
    """
    smallest = 1 - 2 * bounds([0.5] * len(answered), answered, level).low
    score = math.fsum(others) / len(others) if others else None
    needed = together = None
    if score is not None and smallest <= margin:
        needed, together = (_needed(answered, score, margin, level, share) for share in (0.0, 1.0))
    return MarginProof(
        name, margin, examples, len(answered), len(set(answered)), smallest, score, needed, together, level
    )


def margin_above(
    proof: MarginProof, groups: Sequence[str], answered: Sequence[bool], floor: Sequence[float]
) -> MarginProof:
    """What is needed to prove the margin and more than a floor, whose values for the test examples are given.

    `groups` and `answered` say of each test example to which group it belongs, and whether the incumbent answered it.
    """
    if proof.score is None or proof.needed is None:
        return proof
    order = sorted(range(len(groups)), key=lambda place: not answered[place])
    own = [group for group, has_answer in zip(groups, answered, strict=True) if has_answer]
    beats = _Floor([groups[place] for place in order], np.array([floor[place] for place in order]), proof.level)
    alone, together = (_needed(own, proof.score, proof.margin, proof.level, share, beats) for share in (0.0, 1.0))
    return replace(proof, needed=alone, needed_together=together, floor=math.fsum(floor) / len(floor))


class _Floor:
    """The values of trivial answers to test examples, which right answers must be proven to be better than."""

    def __init__(self, groups: Sequence[str], values: npt.NDArray[np.float64], level: float) -> None:
        self._index, self._values, self._level = _numbered(groups), values, level
        self._sizes = np.bincount(self._index).astype(np.float64)

    @property
    def examples(self) -> int:
        """The number of test examples."""
        return len(self._values)

    def is_beaten(self, right: npt.NDArray[np.bool_]) -> bool:
        """Whether these answers prove a better score."""
        halves = np.bincount(self._index, weights=(right - self._values + 1) / 2).astype(np.float64)
        return bool(chance_at_most(0.5, halves, self._sizes, float(self._sizes.max())) <= 1 - self._level)


def _numbered(groups: Sequence[str]) -> npt.NDArray[np.int64]:
    """The number of the group of each example."""
    places = {group: place for place, group in enumerate(dict.fromkeys(groups))}
    return np.array([places[group] for group in groups], dtype=np.int64)


def _needed(
    groups: Sequence[str], theirs: float, margin: float, level: float, together: float, floor: _Floor | None = None
) -> float | None:
    """The lowest true score that probably (80 %) proves a margin, for right-or-wrong answers; None for no score.

    Simulated, with the same draws for each score. With `together` 1, the better of both is right wherever the other is;
    with 0, both are independent. With a floor, which has the examples of `groups` first, it must be beaten too.
    """
    random, index = np.random.default_rng(0), _numbered(groups)
    sizes = np.bincount(index).astype(np.float64)
    luck, own = random.random((2, DRAWS, len(index)))
    others = random.random((DRAWS, floor.examples - len(index) if floor else 0))
    right = luck < theirs

    def proves(draw: int, score: float) -> bool:
        also = (luck if together else own)[draw] < score
        halves = np.bincount(index, weights=(also.astype(np.float64) - right[draw] + 1) / 2).astype(np.float64)
        if chance_at_most((1 - margin) / 2, halves, sizes, float(sizes.max())) > 1 - level:
            return False
        return floor is None or floor.is_beaten(np.concatenate((also, others[draw] < score)))

    start = max(0.0, theirs - margin)
    return lowest_proving(np.minimum(1.0, start + STEP * np.arange(round((1 - start) / STEP) + 1)), proves)
