"""The work of the tune rung is counted from its plan and its answers, so that a resumed climb counts the same."""

import pytest

from gradschool.audit.budget import WRITTEN
from gradschool.model.chat import Rendered
from gradschool.records import Answer
from gradschool.rungs.work import TRAINED, audit_tokens, of_answers, of_training, of_trial
from gradschool.settings import Audit, Tune
from gradschool.tune.plan import make_plan

ROWS = [Rendered((1, 2, 3, 10 + n, 4, 5), (False,) * 4 + (True,) * 2) for n in range(8)]
OWN = 3  # tokens of a row after what all have in common


def test_a_training_reads_the_rows_of_its_steps_and_validates() -> None:
    plan = make_plan(Tune(epochs=3, rehearsal=0.0), len(ROWS), 6.0, 1e-3)
    assert of_training(ROWS, ROWS[:2], plan, 0) == 0
    steps = 2 * plan.validate_every
    expected = steps * plan.rows_per_step * OWN * TRAINED + 2 * 2 * OWN
    assert of_training(ROWS, ROWS[:2], plan, steps) == expected
    rehearsing = make_plan(Tune(epochs=3, rehearsal=1.0), len(ROWS), 6.0, 1e-3)
    assert of_training(ROWS, ROWS[:2], rehearsing, steps) > expected


def test_a_trial_may_have_stopped_early() -> None:
    plan = make_plan(Tune(epochs=50, rehearsal=0.0), len(ROWS), 6.0, 1e-3)
    assert 0 < of_trial(ROWS, ROWS[:2], plan) < of_training(ROWS, ROWS[:2], plan, plan.steps)


def test_written_tokens_cost_more_than_read_ones() -> None:
    assert of_answers([Answer("a", new_tokens=5)] * 4, ROWS[:2]) == 4 * (5 * WRITTEN + OWN)


@pytest.mark.parametrize(("fraction", "tokens"), [(0.2, 2_500), (0.5, 10_000), (0.0, 100), (1.0, None)])
def test_an_audit_takes_a_fraction_of_the_whole_rung(fraction: float, tokens: float | None) -> None:
    limits = Audit(max_fraction=fraction, min_tokens=100)
    assert audit_tokens(limits, 10_000) == tokens
    if tokens and tokens > 100:
        assert tokens == pytest.approx(fraction * (10_000 + tokens))
