"""How many examples go to train, validation and test: the test set is sized so that the pass mark can be proved."""

import math
from dataclasses import dataclass

from gradschool.data.proof import look_level, min_test_examples
from gradschool.errors import DataError, UsageError
from gradschool.settings import Goal, SplitSettings

MIN_EXAMPLES = 12  # with fewer, each part is too small to be of use
TARGET_TEST = 60  # examples from which an interval is narrow enough to be useful
MIN_TEST_FRACTION, MAX_TEST_FRACTION = 0.2, 0.5
LARGE_TEST, LARGE_TEST_FRACTION = 400, 0.08  # in a large set a small fraction is enough
VALIDATION_FRACTION, TARGET_VALIDATION, MAX_VALIDATION_FRACTION = 0.12, 10, 0.25


@dataclass(frozen=True, slots=True)
class Sizes:
    """The number of examples in each part."""

    train: int
    validation: int
    test: int


def sizes(examples: int, units: int, split: SplitSettings, goal: Goal, looks: int) -> Sizes:
    """Divide a number of examples among train, validation and test.

    `units` is the number of groups that must stay together. The verdict is clustered by group, so that a few large
    groups carry less information than their examples suggest: fractions are taken of the geometric mean of both
    counts. The test set gets twice the minimum for the pass mark, at least 60 if half of the examples suffice for
    that, a fifth of a medium-sized set, and never more than `max_test`.

    Raises DataError for fewer than 12 examples, UsageError if the fractions leave nothing to train on.
    """
    if examples < MIN_EXAMPLES:
        raise DataError(
            f"{examples} usable example{'s are' if examples != 1 else ' is'} not enough.",
            f"Training, validation and test need at least {MIN_EXAMPLES} together.",
            f"add {MIN_EXAMPLES - examples} or more; 60 is a start. `gradschool check` says what a number can prove.",
        )
    effective = math.sqrt(examples * units)
    if split.test_share is not None:
        test = round(split.test_share * examples)
    else:
        usual = max(LARGE_TEST_FRACTION * effective, min(MIN_TEST_FRACTION * effective, LARGE_TEST), TARGET_TEST)
        target = max(_to_prove(goal, looks), usual)
        test = math.floor(min(target / effective, MAX_TEST_FRACTION) * examples)
    if split.validation_share is not None:
        validation = round(split.validation_share * examples)
    else:
        fraction = max(VALIDATION_FRACTION, TARGET_VALIDATION / effective)
        validation = round(min(fraction, MAX_VALIDATION_FRACTION) * examples)
    test, validation = max(1, min(test, split.max_test)), max(1, min(validation, split.max_validation))
    train = examples - test - validation
    if train < 1:
        raise UsageError(
            f"split.test_share {split.test_share} and split.validation_share {split.validation_share} leave nothing.",
            f"{test} + {validation} of {examples} examples would not be used for training.",
            "use values whose sum is below 1, or omit them: they are sized from the data.",
        )
    return Sizes(train, validation, test)


def _to_prove(goal: Goal, looks: int) -> float:
    """Twice the fewest test examples that can prove the pass mark."""
    if goal.pass_mark is None:
        return 0
    number = min_test_examples(goal.pass_mark, look_level(goal.error_budget, max(looks, 1)))
    return math.inf if number is None else 2 * number
