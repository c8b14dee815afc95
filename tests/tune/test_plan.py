"""Plans: hyperparameters are valid for any number of rows, and settings override them."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gradschool.settings import Tune
from gradschool.tune.plan import MAX_EPOCHS, MIN_EPOCHS, learning_rates, make_plan

rows = st.integers(1, 200_000)


@given(rows, st.floats(2, 4000), st.sampled_from([0.25, 1.0]))
def test_any_number_of_rows_makes_a_valid_plan(count: int, mean_tokens: float, fraction: float) -> None:
    plan = make_plan(Tune(), count, mean_tokens, 1e-3, fraction)
    assert 1 <= plan.rows_per_step <= min(count, 32)
    per_epoch = math.ceil(count / plan.rows_per_step)
    assert plan.steps >= 1 and 1 <= plan.validate_every <= max(per_epoch, 1)
    assert plan.epochs <= MAX_EPOCHS
    assert abs(plan.steps - plan.epochs * per_epoch) <= 1
    assert 1 <= plan.warmup_steps <= max(1, plan.steps // 10)
    assert plan.steps // plan.validate_every >= 1  # at least one validation
    assert plan.patience >= 1


@given(rows, st.integers(0, 10_000))
def test_the_learning_rate_warms_up_and_decays_to_a_tenth(count: int, step: int) -> None:
    plan = make_plan(Tune(), count, 50.0, 1e-3)
    step %= plan.steps
    assert 0 < plan.rate(step) <= 1e-3
    assert plan.rate(plan.warmup_steps - 1) == pytest.approx(1e-3)
    assert plan.rate(step) >= min(1e-4, 1e-3 / plan.warmup_steps) * (1 - 1e-9)
    if step + 1 < plan.steps:
        rising = step + 1 < plan.warmup_steps
        assert (plan.rate(step + 1) > plan.rate(step)) if rising else (plan.rate(step + 1) <= plan.rate(step))


@given(rows, st.integers(0, 100_000))
def test_more_rows_never_mean_more_epochs(count: int, more: int) -> None:
    small, large = (make_plan(Tune(), n, 50.0, 1e-3) for n in (count, count + more))
    assert large.epochs <= small.epochs
    assert large.rows_per_step >= small.rows_per_step


@given(rows, st.integers(16, 100_000), st.floats(2, 4000))
def test_batch_tokens_set_the_rows_per_step(count: int, tokens: int, mean_tokens: float) -> None:
    plan = make_plan(Tune(batch_tokens=tokens), count, mean_tokens, 1e-3)
    assert plan.rows_per_step == min(count, max(1, round(tokens / mean_tokens)))


@given(rows, st.floats(0.01, 50))
def test_epochs_from_settings_are_used(count: int, epochs: float) -> None:
    plan = make_plan(Tune(epochs=epochs), count, 50.0, 1e-3)
    assert plan.epochs == epochs
    assert plan.steps == max(1, round(epochs * math.ceil(count / plan.rows_per_step)))


def test_settings_are_part_of_the_plan() -> None:
    plan = make_plan(Tune(weight_decay=0.5, seed=7), 100, 50.0, 3e-3)
    assert (plan.learning_rate, plan.weight_decay, plan.seed) == (3e-3, 0.5, 7)


@given(st.integers(16, 20_000))
def test_learning_rates_are_around_the_expected_one(width: int) -> None:
    low, middle, high = learning_rates(Tune(), width)
    assert low < middle < high
    assert high / low == pytest.approx(4, rel=0.1)
    assert learning_rates(Tune(method="full"), width)[1] == pytest.approx(middle / 10, rel=0.1)
    assert learning_rates(Tune(), 2 * width)[1] < middle
    assert learning_rates(Tune(learning_rates=(0.1, 0.2)), width) == (0.1, 0.2)


@given(rows, st.integers(0, 500))
def test_many_labels_are_seen_as_often_as_few(count: int, labels: int) -> None:
    few, many = (make_plan(Tune(), count, 20.0, 1e-3, classes=n).epochs for n in (labels, labels + 100))
    assert MIN_EPOCHS <= few <= many <= MAX_EPOCHS
    assert many == MAX_EPOCHS or many * count >= 200 * (labels + 100) - 1
    assert make_plan(Tune(epochs=4), count, 20.0, 1e-3, classes=labels).epochs == 4
