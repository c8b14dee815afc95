"""The learning curve: train on growing fractions of the examples, and estimate what twice as many would add.

Errors fall as a power of the number of examples (Hestness et al. 2017, "Deep Learning Scaling is Predictable,
Empirically"), which over a few doublings is close to a line over its logarithm. Each validation question gets a line
through its scores over log2 of the number of training examples; the mean slope is the gain of one doubling.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np

from gradschool.files import sha256_of
from gradschool.model.chat import Rendered
from gradschool.records import Example, Interval, Note, Scored, Work
from gradschool.run_keys import Key, curve_name
from gradschool.rungs.rung import RungInputs, Tried, best_of, try_all
from gradschool.rungs.training import Trained, train_rows, train_specialist, with_training
from gradschool.score.judge import mean
from gradschool.score.stats import bounds
from gradschool.specialist import Specialist

FRACTIONS = (0.125, 0.25, 0.5)
MIN_EXAMPLES = 8  # of a fraction
LEVEL = 0.95  # confidence of each bound
MORE_EXAMPLES = "More training examples"  # begins the advice about them


@dataclass(frozen=True, slots=True)
class Curve:
    """Numbers of training examples with the validation score they led to, all examples last; the gain of a doubling."""

    points: tuple[tuple[int, float], ...]
    gain: float
    interval: Interval

    def __str__(self) -> str:
        low, high = self.interval.low, self.interval.high
        return (
            f"twice as many examples would add {self.gain:+.3f} ({low:+.3f} to {high:+.3f}, each bound with "
            f"{self.interval.level:.0%} confidence), extrapolated from {self.points[0][0]} to {self.points[-1][0]}"
        )


def learning_curve(
    student: Specialist, validation: Sequence[Rendered], inputs: RungInputs, rate: float, with_all: Sequence[Scored]
) -> Work[Curve | None]:
    """Train on fractions of the examples; `with_all` are the answers after training on all. None if there are too few.

    `validation` are the rendered validation rows, on which the loss is measured; `rate` is the learning rate.
    """
    counts = [count for fraction in FRACTIONS if (count := round(fraction * len(inputs.train))) >= MIN_EXAMPLES]
    if not counts:
        yield Note(f"tune: {len(inputs.train)} examples are too few for a learning curve.", "warning")
        return None
    rows = []
    for count in counts:
        _, scored = yield from _train_on(count, student, validation, inputs, rate)
        rows.append(scored)
    curve = fit_line([*counts, len(inputs.train)], [*rows, with_all])
    yield Note(f"tune: {curve}.")
    return curve


def fit_line(counts: Sequence[int], rows: Sequence[Sequence[Scored]]) -> Curve:
    """The curve through the answers to the same questions, in the same order, for each number of training examples."""
    groups = [row.group for row in rows[-1]]
    steps = np.log2(counts)
    weights = (steps - steps.mean()) / ((steps - steps.mean()) ** 2).sum()
    slopes = weights @ np.array([[row.value for row in one] for one in rows])  # (questions,)
    steepest = np.abs(weights).sum() / 2  # slope that values in [0, 1] can have
    level = bounds(np.clip((slopes + steepest) / (2 * steepest), 0, 1).tolist(), groups, LEVEL)
    headroom = 1 - mean(rows[-1])  # no score is above 1
    low, high = (min(headroom, float(bound * 2 * steepest - steepest)) for bound in (level.low, level.high))
    points = tuple((count, mean(one)) for count, one in zip(counts, rows, strict=True))
    return Curve(points, min(headroom, float(slopes.mean())), Interval(low, high, LEVEL))


def as_trials(curve: Curve) -> tuple[tuple[str, float], ...]:
    """The points as alternatives that were tried, for the report."""
    return tuple((f"trained on {count} examples", score) for count, score in curve.points)


def advice_of(curve: Curve) -> str:
    """What the curve says about more training examples, in a sentence."""
    return f"{MORE_EXAMPLES}{'' if curve.gain > 0 else ' would hardly help'}: {curve}."


def subset(examples: Sequence[Example], count: int, seed: int) -> list[Example]:
    """The first examples in an order of groups drawn from `seed`: a larger subset includes a smaller one."""
    return sorted(examples, key=lambda example: sha256_of([seed, example.group]))[:count]


def _train_on(
    count: int, student: Specialist, validation: Sequence[Rendered], inputs: RungInputs, rate: float
) -> Work[Tried]:
    name, tune = curve_name(count), inputs.settings.tune
    yield Note(f"tune: learning curve, {count} of {len(inputs.train)} examples.")
    examples = subset(inputs.train, count, tune.seed)
    rows = yield from train_rows(student, examples, tune, f"tune: preparing {count} rows")
    work = partial(train_specialist, student, rows, validation, inputs, rate, f"{name}-")
    trained = yield from inputs.run.once(Key[Trained](f"tune-{name}", Trained), work)
    recipes = [with_training(student.recipe, folder, tune.method) for folder in trained.folders]
    return best_of((yield from try_all(student, recipes, inputs, f"tune-{name}")))
