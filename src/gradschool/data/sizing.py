"""How many examples go to train, validation and test: the test set is sized so that the pass mark can be proved."""

import math
from dataclasses import dataclass

from gradschool.data.proof import levels_of, look_level, min_test_examples
from gradschool.errors import DataError, UsageError
from gradschool.settings import Goal, SplitSettings

MIN_EXAMPLES = 12  # with fewer, each part is too small to be of use
TARGET_TEST = 60  # examples from which an interval is narrow enough to be useful
MIN_TEST_FRACTION, MAX_TEST_FRACTION = 0.2, 0.5
LARGE_TEST, LARGE_TEST_FRACTION = 400, 0.08  # in a large set a small fraction is enough
VALIDATION_FRACTION, TARGET_VALIDATION, MAX_VALIDATION_FRACTION = 0.12, 10, 0.25
MIN_OF_WANTED = 0.5  # to leave half for training, a part gets at least this fraction of what it wants


@dataclass(frozen=True, slots=True)
class Sizes:
    """The number of examples in each part, and the reason for the size of the test set."""

    train: int
    validation: int
    test: int
    reason: str


def sizes(examples: int, units: int, split: SplitSettings, goal: Goal, looks: int) -> Sizes:
    """Divide a number of examples among train, validation and test.

    `units` is the number of groups that must stay together. The verdict is clustered by group, so that a few large
    groups carry less information than their examples suggest: fractions are taken of the geometric mean of both
    counts. The test set wants twice the minimum for the pass mark, at least 60, a fifth of a medium-sized set, and
    never more than `max_test`. Half of the examples stay for training, unless the settings say otherwise: a test and a
    validation set that want more than the other half share it.

    Raises DataError for fewer than 12 examples, UsageError if the fractions leave nothing to train on.
    """
    if examples < MIN_EXAMPLES:
        raise DataError(
            f"{examples} usable example{'s are' if examples != 1 else ' is'} not enough.",
            f"Training, validation and test need at least {MIN_EXAMPLES} together.",
            f"add {MIN_EXAMPLES - examples} or more; 60 is a start. `gradschool check` says what a number can prove.",
        )
    test, reason = _wanted_test(examples, units, split, goal, looks)
    validation = _wanted_validation(examples, _effective(examples, units), split)
    shares = {"test": (test, split.test_share), "validation": (validation, split.validation_share)}
    given = sum(wanted for wanted, share in shares.values() if share is not None)
    free = sum(wanted for wanted, share in shares.values() if share is None)
    if free and test + validation > examples // 2:
        fraction = max((examples // 2 - given) / free, MIN_OF_WANTED)
        held_out = [max(1, int(fraction * want)) if share is None else want for want, share in shares.values()]
        if held_out[0] < test:
            reason = f"at least half is for training, although {reason}"
        test, validation = held_out
    if examples - test - validation < 1:
        raise UsageError(
            f"split.test_share {split.test_share} and split.validation_share {split.validation_share} leave nothing.",
            f"{test} + {validation} of {examples} examples would not be used for training.",
            "use values whose sum is below 1, or omit them: they are sized from the data.",
        )
    return Sizes(examples - test - validation, validation, test, reason)


def _effective(examples: int, units: int) -> float:
    """How many separate examples so many examples in groups count as."""
    return math.sqrt(examples * units)


def _wanted_test(examples: int, units: int, split: SplitSettings, goal: Goal, looks: int) -> tuple[int, str]:
    """The number of test examples that are wanted, and the reason: what follows "because"."""
    if split.test_share is not None:
        test, reason = round(split.test_share * examples), f"test_share is {split.test_share:g}"
    else:
        effective, fewest = _effective(examples, units), _to_prove(goal, looks)
        mark = _highest_claim(goal)
        wanted, reason = max(
            (fewest, f"{mark} needs about {fewest} test examples" if fewest < math.inf else f"no number proves {mark}"),
            (TARGET_TEST, f"{TARGET_TEST} test examples make the bounds narrow enough"),
            (min(MIN_TEST_FRACTION * effective, LARGE_TEST), "a fifth of a medium-sized set is tested"),
            (LARGE_TEST_FRACTION * effective, f"{LARGE_TEST_FRACTION:.0%} of a large set are tested"),
        )
        if effective < 0.9 * examples:
            reason += f", and the {examples} examples in {units} groups count as about {effective:.0f} separate ones"
        test = math.floor(min(wanted / effective, MAX_TEST_FRACTION) * examples)
    if test > split.max_test:
        test, reason = split.max_test, f"max_test is {split.max_test}"
    return max(1, test), reason


def _wanted_validation(examples: int, effective: float, split: SplitSettings) -> int:
    if split.validation_share is not None:
        validation = round(split.validation_share * examples)
    else:
        fraction = max(VALIDATION_FRACTION, TARGET_VALIDATION / effective)
        validation = round(min(fraction, MAX_VALIDATION_FRACTION) * examples)
    return max(1, min(validation, split.max_validation))


def _to_prove(goal: Goal, looks: int) -> float:
    """Twice the fewest test examples that can prove the pass mark and the margin.

    With `min_answered`, as few as that may be answered, and the answered fraction must be proven too.
    """
    if (mark := _highest_mark(goal)) is None:
        return 0
    level = look_level(goal.error_budget, max(looks, 1))
    if goal.min_answered is None:
        return _twice(mark, level)
    levels = levels_of(level)
    right = math.ceil(_twice(mark, levels.score) / goal.min_answered) if mark < 1 else math.inf
    return max(right, _twice(goal.min_answered, levels.share))


def _twice(mark: float, level: float) -> float:
    number = min_test_examples(mark, level)
    return math.inf if number is None else 2 * number


def _highest_mark(goal: Goal) -> float | None:
    """The pass mark, or the mark that needs as many test examples as the margin if these are more; None for no goal.

    Not to be worse by more than d is proven by as many equal answers as a pass mark of 1 - d is by right ones. With a
    margin of 0, no number of equal answers is enough, so it asks for none.
    """
    margins = [1 - goal.margin] if goal.incumbent is not None and goal.margin else []
    return max([*([] if goal.pass_mark is None else [goal.pass_mark]), *margins], default=None)


def _highest_claim(goal: Goal) -> str:
    """What needs the most test examples, in words; empty for no goal."""
    if goal.pass_mark is not None and goal.pass_mark == _highest_mark(goal):
        of = f" on {100 * goal.min_answered:.3g}% of the questions" if goal.min_answered is not None else ""
        return f"a pass mark of {goal.pass_mark:g}{of}"
    return f"a margin of {goal.margin:g} to the incumbent" if goal.incumbent is not None else ""
