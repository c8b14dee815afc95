"""How much is enough: training on growing shares of the examples, and what twice as many would probably bring.

Errors fall as a power of the number of examples (Hestness et al. 2017, "Deep Learning Scaling is Predictable,
Empirically"), which over a few doublings is nearly a line over its logarithm. So each validation question gets a line
through its values over log2 of the examples learnt from; the mean of their slopes is what a doubling brings.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np

from gradschool.evaluate import mean
from gradschool.files import sha256_of
from gradschool.model.chat import Rendered
from gradschool.records import Example, Interval, Note, Scored, Work
from gradschool.rungs.rung import RungInputs, Tried, best_of, try_all
from gradschool.rungs.training import Trained, make_rows, train_specialist, with_training
from gradschool.score.stats import bounds
from gradschool.specialist import Specialist

SHARES = (0.125, 0.25, 0.5)
LEAST = 8  # examples of a share
LEVEL = 0.95  # confidence of each bound


@dataclass(frozen=True, slots=True)
class Curve:
    """Examples learnt from and the score on validation they led to, all of them last; what a doubling brings."""

    points: tuple[tuple[int, float], ...]
    gain: float
    interval: Interval

    def __str__(self) -> str:
        low, high = self.interval.low, self.interval.high
        return (
            f"twice as many examples would bring {self.gain:+.3f} ({low:+.3f} to {high:+.3f}, each bound with "
            f"{self.interval.level:.0%} confidence), if it goes on as from {self.points[0][0]} to {self.points[-1][0]}"
        )


def learning_curve(
    student: Specialist, validation: Sequence[Rendered], inputs: RungInputs, rate: float, whole: Sequence[Scored]
) -> Work[Curve | None]:
    """Train on shares of the examples as on all, whose answers are `whole`; None where there are too few of them."""
    counts = [count for share in SHARES if (count := round(share * len(inputs.train))) >= LEAST]
    if not counts:
        yield Note(f"tune: {len(inputs.train)} examples are too few for a curve.", "warning")
        return None
    rows = []
    for count in counts:
        _, scored = yield from _learnt_from(count, student, validation, inputs, rate)
        rows.append(scored)
    drawn = line([*counts, len(inputs.train)], [*rows, whole])
    yield Note(f"tune: {drawn}.")
    return drawn


def line(counts: Sequence[int], rows: Sequence[Sequence[Scored]]) -> Curve:
    """The curve through answers to the same questions in one order, by how many examples were learnt from."""
    groups = [row.group for row in rows[-1]]
    steps = np.log2(counts)
    weights = (steps - steps.mean()) / ((steps - steps.mean()) ** 2).sum()
    slopes = weights @ np.array([[row.value for row in one] for one in rows])  # of each question
    most = np.abs(weights).sum() / 2  # that a slope of values in [0, 1] can be
    level = bounds(np.clip((slopes + most) / (2 * most), 0, 1).tolist(), groups, LEVEL)
    room = 1 - mean(rows[-1])  # no score is above 1
    low, high = (min(room, float(bound * 2 * most - most)) for bound in (level.low, level.high))
    points = tuple((count, mean(one)) for count, one in zip(counts, rows, strict=True))
    return Curve(points, min(room, float(slopes.mean())), Interval(low, high, LEVEL))


def as_trials(curve: Curve) -> tuple[tuple[str, float], ...]:
    """The points as things that were tried, for the report."""
    return tuple((f"learnt from {count} examples", score) for count, score in curve.points)


def share_of(examples: Sequence[Example], count: int, seed: int) -> list[Example]:
    """So many of the examples, group by group in an order drawn from `seed`: a larger share holds a smaller one."""
    return sorted(examples, key=lambda example: sha256_of([seed, example.group]))[:count]


def _learnt_from(
    count: int, student: Specialist, validation: Sequence[Rendered], inputs: RungInputs, rate: float
) -> Work[Tried]:
    name, tune = f"curve-{count}", inputs.settings.tune
    yield Note(f"tune: for the curve, {count} of {len(inputs.train)} examples.")
    share = share_of(inputs.train, count, tune.seed)
    rows = yield from make_rows(student, share, tune.max_tokens, f"tune: preparing {count} rows")
    student.make_ready()  # the share before has left its adapter on
    work = partial(train_specialist, student, rows, validation, inputs, rate, f"{name}-")
    trained: Trained = yield from inputs.run.once(f"tune-{name}", work, Trained)
    recipes = [with_training(student.recipe, folder, tune.method) for folder in trained.folders]
    return best_of((yield from try_all(student, recipes, inputs, f"tune-{name}")))
