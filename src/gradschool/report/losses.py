"""The losses of a run's trainings as curves for the report page."""

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from gradschool.records import Event, Step
from gradschool.run_keys import FINAL, curve_count

MAX_POINTS = 300  # of one line in a chart
SMOOTHING = 1 / 20  # fraction of the steps in each point of the smoothed loss
MIN_LOSS, MAX_LOSS = 1e-9, 1e12  # smaller losses have no scale of their own; larger ones are not shown
LOG_RANGE = 6.0  # above this ratio of losses, the scale is logarithmic


@dataclass(frozen=True, slots=True)
class Curve:
    """The loss of one training, in percent of its panel: lines as SVG points, validation as (x, y, step, loss)."""

    label: str
    steps: int
    raw: str
    smooth: str
    validation: list[tuple[float, float, int, float]]
    validation_line: str
    best: tuple[int, float] | None
    ticks: list[tuple[float, str]]  # ticks of the step axis


def loss_curves(events: Iterable[Event]) -> tuple[list[Curve], list[tuple[float, str]], bool]:
    """One curve per training on a common scale, the ticks of the scale, and whether it is logarithmic."""
    trainings = [list(steps.values()) for steps in _trainings(events)]
    losses = [loss for steps in trainings for step in steps for loss in _losses(step)]
    if not losses:
        return [], [], False
    low, high = min(losses), max(losses)
    logarithmic = low > MIN_LOSS and high / low > LOG_RANGE
    if logarithmic:
        ticks = [m * 10.0**e for e in range(-6, 7) for m in (1, 2, 5) if low <= m * 10.0**e <= high]
    else:
        ticks = _ticks(min(low, 0.9 * high), high)
        low, high = min(low, ticks[0]), max(high, ticks[-1])

    def height(loss: float) -> float:
        part = math.log(loss / low) / math.log(high / low) if logarithmic else (loss - low) / ((high - low) or 1)
        return round(100 * (1 - part), 2)

    final = max(range(len(trainings)), key=lambda i: (trainings[i][-1].training == FINAL, trainings[i][-1].steps, i))
    curves = []
    for number, steps in enumerate(trainings):
        rate = max(step.learning_rate for step in steps)
        label = _label(steps[-1].training, number == final)
        curves.append(_curve(f"{label}, learning rate {rate:.2g}", steps, height))
    return [curves[final], *curves[:final], *curves[final + 1 :]], [(height(m), f"{m:g}") for m in ticks], logarithmic


def _label(name: str, final: bool) -> str:
    """What a training is, by its name (see `Step.training`); in events without one, all but the final are trials."""
    if count := curve_count(name):
        return f"learning curve, {count} examples"
    base = name.rpartition(" ")[0]
    if base:
        return f"short trial over {base}"
    return "the training" if name == FINAL or (final and not name) else "short trial"


def _trainings(events: Iterable[Event]) -> list[dict[int, Step]]:
    """Step events by training. A resumed training repeats some steps, of which the last ones count."""
    trainings: list[dict[int, Step]] = []
    began, name = (0, 0.0), ""
    for event in events:
        if not isinstance(event, Step) or not all(abs(loss) < MAX_LOSS for loss in _losses(event)):
            continue
        number, beginning = event.step, (event.steps, event.learning_rate)
        # Another name, length or learning rate means another training; otherwise the same one was interrupted early.
        other = event.steps != began[0] or event.training != name
        if other or (number == 1 and beginning != began):
            trainings.append({})
            began, name = beginning, event.training
        if number <= next(reversed(trainings[-1]), number - 1):
            trainings[-1] = {step: seen for step, seen in trainings[-1].items() if step < number}
        trainings[-1][number] = event
    return trainings


def _losses(step: Step) -> list[float]:
    return [loss for loss in (step.loss, step.validation_loss) if loss is not None]


def _curve(label: str, steps: Sequence[Step], height: Callable[[float], float]) -> Curve:
    first = steps[0].step
    last = max(steps[-1].step, first + 1)

    def across(step: int) -> float:
        return round(100 * (step - first) / (last - first), 2)

    def line(points: Sequence[tuple[int, float]]) -> str:
        shown = points[:: max(1, len(points) // MAX_POINTS)]
        return " ".join(f"{across(step)},{height(loss)}" for step, loss in shown)

    raw = [(step.step, step.loss) for step in steps]
    validation = [(step.step, step.validation_loss) for step in steps if step.validation_loss is not None]
    best = min(validation, key=lambda point: point[1], default=None)
    return Curve(
        label=label,
        steps=len(steps),
        raw=line(raw),
        smooth=line(_smoothed(raw)),
        validation=[(across(step), height(loss), step, loss) for step, loss in validation],
        validation_line=line(validation),
        best=best,
        ticks=[(across(step), f"{step:,}") for step in (first, (first + last) // 2, last)],
    )


def _smoothed(points: Sequence[tuple[int, float]]) -> list[tuple[int, float]]:
    """A moving average."""
    reach = max(1, round(len(points) * SMOOTHING / 2))
    smooth = []
    for i, (step, _) in enumerate(points):
        near = [loss for _, loss in points[max(0, i - reach) : i + reach + 1]]
        smooth.append((step, sum(near) / len(near)))
    return smooth


def _ticks(low: float, high: float, about: int = 4) -> list[float]:
    """Round numbers for an axis from `low` to `high`, including one below and one above."""
    rough = (high - low if high - low > MIN_LOSS else 1) / about
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(power * m for m in (1, 2, 5, 10) if power * m >= rough)
    return [round(i * step, 10) for i in range(math.floor(low / step), math.ceil(high / step) + 1)]
