"""How many examples the verdict, the choices and the learning get: sized so that the pass mark can be proved."""

import math
from dataclasses import dataclass

from gradschool.errors import DataError, UsageError
from gradschool.settings import Goal, SplitSettings

LEAST = 12  # examples; with fewer, each part is too small to say anything
WISHED_TEST = 60  # examples from which an interval is narrow enough to be of use
MIN_TEST_SHARE, MAX_TEST_SHARE = 0.2, 0.5
LARGE_TEST, LARGE_TEST_SHARE = 400, 0.08  # in a large set a small share is enough
VALIDATION_SHARE, WISHED_VALIDATION, MAX_VALIDATION_SHARE = 0.12, 10, 0.25


@dataclass(frozen=True, slots=True)
class Sizes:
    """How many examples each part is to get."""

    train: int
    validation: int
    test: int


def needed_to_prove(pass_mark: float, error_budget: float, looks: int) -> float:
    """The least test examples that can prove a mark, reached only if every one is right; infinite for a mark of 1.

    With all n of n right, the exact (Clopper-Pearson) lower bound at error a is a^(1/n); the error budget is shared
    by the looks at the test set.
    """
    if pass_mark >= 1:
        return math.inf
    return math.ceil(math.log(error_budget / max(looks, 1)) / math.log(pass_mark))


def sizes(examples: int, units: int, split: SplitSettings, goal: Goal, looks: int) -> Sizes:
    """Divide a number of examples; raises DataError below 12, UsageError where the shares leave nothing to learn from.

    `units` counts the groups that must stay together. The verdict is clustered by them, so that few large groups say
    less than their examples seem to: shares are taken from the geometric mean of both counts.

    The test part grows when examples are few: twice what the pass mark needs at the least, and 60 where half of the
    examples allow it; a fifth of a middling set, and never more than `max_test`.
    """
    if examples < LEAST:
        raise DataError(
            f"{examples} usable example{'s are' if examples != 1 else ' is'} not enough.",
            f"Learning, choosing and a verdict each need examples of their own: at least {LEAST} together.",
            f"add {LEAST - examples} or more; 60 is a start, and `gradschool check` says what a number can prove.",
        )
    effective = math.sqrt(examples * units)
    if split.test_share is not None:
        test = round(split.test_share * examples)
    else:
        wish = max(2 * needed_to_prove(goal.pass_mark, goal.error_budget, looks), WISHED_TEST) if goal.pass_mark else 0
        usual = max(LARGE_TEST_SHARE * effective, min(MIN_TEST_SHARE * effective, LARGE_TEST), WISHED_TEST)
        test = math.floor(min(max(wish, usual) / effective, MAX_TEST_SHARE) * examples)
    if split.validation_share is not None:
        validation = round(split.validation_share * examples)
    else:
        share = max(VALIDATION_SHARE, WISHED_VALIDATION / effective)
        validation = round(min(share, MAX_VALIDATION_SHARE) * examples)
    test, validation = max(1, min(test, split.max_test)), max(1, min(validation, split.max_validation))
    train = examples - test - validation
    if train < 1:
        raise UsageError(
            f"split.test_share {split.test_share} and split.validation_share {split.validation_share} leave nothing.",
            f"{test} + {validation} of {examples} examples would be kept from learning.",
            "make them smaller together than 1, or leave them out: they are sized from the data.",
        )
    return Sizes(train, validation, test)
