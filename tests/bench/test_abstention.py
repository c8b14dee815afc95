"""The simulated climbs keep the promise, and would show a method that does not."""

import numpy as np
import pytest

from bench.abstention import WORLDS, Truth, decided, drawn, goal_of, simulate
from gradschool.records import Abstention

TEMPTING = "useless signal, just below the mark"


@pytest.mark.parametrize("name", [TEMPTING, "right on just fewer than wanted"])
def test_few_climbs_pass_what_is_not_good_enough(name: str) -> None:
    found = simulate(WORLDS[name], 40)
    assert found["passes"] == found["false passes"] <= 0.05 and found["bounds broken"] <= 0.05


def test_a_threshold_that_is_chosen_on_the_test_itself_breaks_the_promise() -> None:
    draw, world, false = np.random.default_rng(2), WORLDS[TEMPTING], 0
    for _ in range(30):
        test = drawn(world, 0, 110, draw)
        false += decided(test, test, goal_of(0.9, 0.3), 0.8)[1].passed
    assert false / 30 > 0.2  # of .2 promised


def test_the_truth_is_that_of_many_answers() -> None:
    world, rule = WORLDS["useful signal"], Abstention("sure", 0.3, "")
    rows = drawn(world, 0, 20_000, np.random.default_rng(3))
    kept = [row.value for row in rows if row.answer.signals["sure"] >= 0.3]
    assert Truth(world, 0).at(rule) == pytest.approx((np.mean(kept), len(kept) / 20_000), abs=0.01)
