"""What a test of a given size can prove, if every answer in it is right: by the exact Clopper-Pearson bound.

With n of n answers right, the lower bound with error a is a^(1/n).
"""

import math
from dataclasses import dataclass

# Of errors, for the looks of a climb together: the bounds of a tenth of it are still computed exactly. Bounds with a
# confidence of 1 do not exist.
MIN_BUDGET = 5e-11
VALIDATION_LEVEL = 0.95  # confidence of the upper bound of a validation score that excludes a pass
SCORE_PART = (
    0.8  # of the error of a look at a specialist that may abstain; the score needs more examples than the share
)


def look_level(error_budget: float, looks: int) -> float:
    """The confidence level of one look at the test set, so that all looks together stay within the budget (Bonferroni).

    >>> look_level(0.05, 4)
    0.9875
    """
    assert looks >= 1
    return 1 - error_budget / looks


@dataclass(frozen=True, slots=True)
class Looks:
    """The error budget that is left, and the number of looks at the test set that are still possible.

    Each look gets an even part of what is left; a look that is not taken leaves its part to the later ones, and the
    last one gets all that is left. Whether a look is taken must not depend on the test set.

    >>> looks = Looks(0.05, 4)
    >>> looks.level, looks.after(True).level == looks.level, looks.after(False).after(False).after(False).level
    (0.9875, True, 0.95)
    """

    budget: float
    number: int

    @property
    def level(self) -> float:
        """The confidence level of the next look."""
        return look_level(self.budget, max(self.number, 1))

    def after(self, taken: bool) -> "Looks":
        """What is left after the next look, if it was taken, or without it."""
        spent = self.budget / self.number if taken else 0.0
        return Looks(self.budget - spent, self.number - 1)


@dataclass(frozen=True, slots=True)
class Levels:
    """The confidence of each bound of the score and of the answered fraction, which hold together as one look does."""

    score: float
    share: float


def levels_of(level: float) -> Levels:
    """Divide the error of a look.

    >>> levels_of(0.95)
    Levels(score=0.96, share=0.99)
    """
    error = 1 - level
    return Levels(1 - SCORE_PART * error, 1 - (1 - SCORE_PART) * error)


def part_of_later_climb(spent: float) -> float:
    """The part of an error budget for another climb on the same test set; `spent` counts budgets of the earlier ones.

    All climbs together may spend two budgets: each gets half of what the earlier ones left, so that the first one has a
    whole one. What a climb does not spend stays for later ones.

    >>> part_of_later_climb(0), part_of_later_climb(1), part_of_later_climb(1.5)
    (1.0, 0.5, 0.25)
    """
    return max(0.0, 2 - spent) / 2


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
