"""The learning curve: training on growing subsets, the gain of twice the data, and that it is computed once."""

from pathlib import Path

import pytest

from finish import finish
from gradschool.model.local import LocalEngine
from gradschool.records import Answer, Decoding, Note, Scored, Step
from gradschool.rungs.curve import LEVEL, as_trials, fit_line, subset
from gradschool.rungs.tuning import CURVE, tune
from gradschool.specialist import Recipe, Specialist
from rung_inputs import TRAIN, example, inputs_of

QUICK = {"epochs": 2, "rank": 2, "learning_rates": [1e-2], "max_forgetting": 9.0, "curve": True}


def scored(values: list[float]) -> list[Scored]:
    return [Scored(f"e{n}", f"g{n}", "?", "!", Answer(""), value) for n, value in enumerate(values)]


def test_the_slope_of_the_line_is_the_gain_of_a_doubling() -> None:
    rows = [scored([start + 0.1 * step for start in (0.1, 0.3)] * 20) for step in range(4)]
    curve = fit_line([25, 50, 100, 200], rows)
    assert curve.gain == pytest.approx(0.1)
    assert curve.points == ((25, pytest.approx(0.2)), (50, pytest.approx(0.3)), (100, pytest.approx(0.4)), (200, 0.5))
    assert curve.interval.low < 0.1 < curve.interval.high and curve.interval.level == LEVEL
    fewer = fit_line([25, 50, 100, 200], [one[:6] for one in rows])
    assert fewer.interval.low < curve.interval.low and fewer.interval.high > curve.interval.high
    assert str(curve).startswith("twice as many examples would add +0.100 (") and "from 25 to 200" in str(curve)


def test_the_gain_never_exceeds_the_highest_score() -> None:
    rows = [scored([value] * 9) for value in (0.0, 0.49, 0.98)]
    curve = fit_line([10, 20, 40], rows)
    assert curve.gain == pytest.approx(0.02) and curve.interval.high == pytest.approx(0.02)


def test_equal_scores_give_no_gain() -> None:
    curve = fit_line([10, 20], [scored([0.5] * 9)] * 2)
    assert curve.gain == pytest.approx(0) and curve.interval.low < 0 < curve.interval.high


def test_a_larger_subset_includes_a_smaller_one_and_groups_stay_together() -> None:
    several = [example(number, "?", "!") for number in range(40)]
    grouped = [type(one)(one.id, one.messages, f"g{n % 8}", one.source) for n, one in enumerate(several)]
    small, large = subset(grouped, 10, 0), subset(grouped, 20, 0)
    assert large[:10] == small and len({one.group for one in large}) == 4
    assert subset(grouped, 10, 1) != small


def test_the_tune_rung_computes_the_curve_once(base: Path, tmp_path: Path) -> None:
    inputs = inputs_of(tmp_path, tune=QUICK)
    engine = LocalEngine(base)
    for parameter in engine.network.parameters():  # exact in bfloat16, unless an adapter is merged into them
        parameter.data = parameter.data.bfloat16().float()
    best = Specialist(engine, Recipe(decoding=Decoding(max_new_tokens=2)))
    candidate, events = finish(tune(best, inputs))
    curve = inputs.run.saved(CURVE)
    assert [count for count, _ in curve.points] == [10, 20]  # an eighth and a quarter of 20 are too few
    assert curve.points[-1][1] == candidate.validation
    assert candidate.tried[-2:] == as_trials(curve)
    assert any(isinstance(event, Note) and str(curve) in event.text for event in events)
    computed = {e.text.rpartition("computes in")[2] for e in events if isinstance(e, Note) and "computes in" in e.text}
    assert len(computed) == 1  # no training starts with another adapter
    assert not list(inputs.run.work("tune").glob("curve-*")) and Path(candidate.recipe.adapter).is_dir()
    again, events = finish(tune(best, inputs))
    assert not [event for event in events if isinstance(event, Step)]  # nothing is trained twice
    assert (again.recipe, again.tried) == (candidate.recipe, candidate.tried)


def test_too_few_examples_make_no_curve(base: Path, tmp_path: Path) -> None:
    inputs = inputs_of(tmp_path, tune=QUICK)
    few = type(inputs)(inputs.run, TRAIN[:14], inputs.validation, inputs.measure)
    best = Specialist(LocalEngine(base), Recipe(decoding=Decoding(max_new_tokens=2)))
    candidate, events = finish(tune(best, few))
    assert candidate.tried == () and inputs.run.saved(CURVE) is None
    assert any(isinstance(event, Note) and event.level == "warning" and "too few" in event.text for event in events)
