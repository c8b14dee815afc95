"""What a test set can prove about a pass mark before anything is answered, and what would be enough, in words."""

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace

from gradschool.data.power import score_that_proves
from gradschool.data.proof import min_test_examples, provable
from gradschool.score.stats import bounds, needed_score, needed_score_in_groups

MAX_TEST_SHARE = 0.7  # a larger test set leaves too little for training to be proposed
EXACT = 1e-6  # more than the error of rounding
FEW_GROUPS = 30  # below this, what no method can prove from so few is stated


@dataclass(frozen=True, slots=True)
class Proof:
    """What a test set can prove; `level` is the confidence of a bound."""

    pass_mark: float
    examples: int
    groups: int
    total: int  # examples of all parts
    highest: float  # the highest pass mark that it can prove: with every answer right
    # The true score at which the pass mark is proven with a probability of 0.8, if the answers of a group are
    # independent, and if they are right or wrong together; None: at no score.
    needed: float | None
    needed_together: float | None
    level: float
    with_twice: float | None = None  # about `needed_together` with twice as many groups, if there are few
    floor: float | None = None  # the mean of the trivial answers that `needed` counts with, which a rung must beat too

    @property
    def possible(self) -> bool:
        """Whether the pass mark can be proved at all."""
        return self.highest >= self.pass_mark

    @property
    def limit(self) -> float:
        """The highest pass mark that any method can prove with so many groups: if all are of one size and all right."""
        return provable(self.groups, self.level)

    @property
    def _groups(self) -> str:
        return f"{self.groups} group{'s' * (self.groups != 1)}"

    @property
    def separate(self) -> int:
        """The number of separate examples that prove as much: that of the groups, or fewer if these are unequal."""
        return math.floor(math.log(1 - self.level) / math.log(self.highest) + EXACT)

    def sentence(self) -> str:
        """What it can prove, and what to do if that is not enough."""
        if self.possible:
            return (
                f"The highest pass mark that this test set can prove is {self.highest:.3f}, with every answer "
                f"right.{self._needed()}{self._few()}"
            )
        grouped = f" in {self._groups}" if self.groups < self.examples else ""
        return (
            f"This test set cannot prove the pass mark of {self.pass_mark:g}: with every answer right, its "
            f"{self.examples} examples{grouped} prove {self.highest:.3f}.{self._few()} {self._enough()}"
        )

    def _few(self) -> str:
        """What few groups exclude, and what more of them would change."""
        if self.groups == self.examples or self.groups >= FEW_GROUPS:
            return ""
        more = f" With twice as many groups about {self.with_twice:.2f} would be enough." if self.with_twice else ""
        limit = f"From {self._groups} no method can prove more than {self.limit:.3f}"
        return f"{more} {limit}, however many examples they have."

    def _needed(self) -> str:
        if self.needed is None and self.floor is not None:
            return f" No true score proves more than the floor of {self.floor:.3f} with a probability of 80 %."
        if self.needed is None:
            return ""
        claims = f"the pass mark of {self.pass_mark:g}"
        claims += " (without floors)" if self.floor is None else f" and more than the floor of {self.floor:.3f}"
        together = ""
        if self.needed_together is not None and self.groups < self.examples:
            together = f", or {self.needed_together:.3f} if the answers of a group are right or wrong together"
        return (
            f" To prove {claims} with a probability of 80 %, the true score must be at least "
            f"{self.needed:.3f}{together}."
        )

    def _enough(self) -> str:
        fewest = min_test_examples(self.pass_mark, self.level)
        if fewest is None:
            return "No number of examples proves a pass mark of 1: lower it."
        units = "groups" if self.groups < self.examples else "examples"
        share = math.ceil(100 * fewest / self.groups * self.examples / self.total) / 100
        more = f"test more of them with `--test-share {share:g}`, " if share <= MAX_TEST_SHARE else ""
        return f"At least {fewest} test {units} are needed: {more}add examples, or lower the pass mark."


def proof_of(groups: Sequence[str], total: int, pass_mark: float, level: float) -> Proof:
    """What test examples can prove, each given by its group; `total` counts the examples of all parts."""
    highest, count = bounds([1.0] * len(groups), groups, level).low, len(set(groups))
    needed = together = with_twice = None
    if highest >= pass_mark and count == len(groups):
        needed = together = needed_score(count, pass_mark, level)
    elif highest >= pass_mark:
        needed, together = (needed_score_in_groups(groups, pass_mark, level, one) for one in (False, True))
        if count < FEW_GROUPS:
            with_twice = score_that_proves(2 * [*Counter(groups).values()], pass_mark, level, together=True)
    return Proof(pass_mark, len(groups), count, total, highest, needed, together, level, with_twice)


def proof_above(proof: Proof, groups: Sequence[str], floor: Sequence[float]) -> Proof:
    """What is needed to prove the pass mark and more than a floor, whose values for the test examples are given.

    Right answers are taken to be independent of the floor's. Both claims are tested on the same answers.
    """
    if proof.needed is None:
        return proof

    def above(known: float | None, together: bool) -> float | None:
        without, new = (
            needed_score_in_groups(groups, proof.pass_mark, proof.level, together, values) for values in ((), floor)
        )
        if known is None or new is None:
            return None
        return known if new == without else max(known, new)  # `known` is exact without groups, and not simulated

    alone, together = above(proof.needed, False), above(proof.needed_together, True)
    return replace(
        proof,
        needed=alone,
        needed_together=together,
        with_twice=proof.with_twice if together == proof.needed_together else None,
        floor=math.fsum(floor) / len(floor),
    )
