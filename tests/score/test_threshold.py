"""The signal and the threshold are chosen so that the test probably passes, with as many answers as possible."""

import numpy as np
import pytest
from scipy.stats import betabinom

from gradschool.records import Abstention, Answer, Scored
from gradschool.score.abstention import judge_answered, keeps
from gradschool.score.threshold import TEXT, Look, _at_least, _needed, choose, in_advance
from gradschool.settings import Goal

LOOK = Look(110, 0.95, 0.9, 0.5)
GOAL = Goal(metric="label", pass_mark=0.9, min_answered=0.5)


def rows_of(number: int, seed: int, sharp: float = 6.0, groups: int = 0) -> list[Scored]:
    """Answers with two signals: one says how likely an answer is right, the other nothing."""
    draw = np.random.default_rng(seed)
    sure, noise = draw.normal(1.5, 2, number), draw.normal(0, 1, number)
    right = draw.random(number) < 1 / (1 + np.exp(-sharp * sure))
    return [
        Scored(
            str(n), f"g{n % groups if groups else n}", "", "", Answer("x", signals={"noise": b, "sure": a}), float(r)
        )
        for n, (a, b, r) in enumerate(zip(sure.tolist(), noise.tolist(), right.tolist(), strict=True))
    ]


def test_the_signal_that_says_something_is_found() -> None:
    chosen = [choose(rows_of(100, seed), LOOK) for seed in range(10)]
    assert all(one is not None and one.signal == "sure" and one.text == TEXT for one in chosen)


def test_what_is_chosen_passes_on_new_questions_and_answers_most_of_them() -> None:
    passed, shares = 0, []
    for seed in range(40):
        abstention = choose(rows_of(100, seed), LOOK)
        report = judge_answered(rows_of(110, 1000 + seed), abstention, GOAL, 0.95)
        passed += report.verdict == "passed"
        shares.append(report.asked.mean if report.coverage else 1.0)
    assert passed >= 28 and np.mean(shares) > 0.6  # without abstaining, 78 % are right, and none passes
    assert (
        sum(judge_answered(rows_of(110, 1000 + seed), None, GOAL, 0.95).verdict == "passed" for seed in range(40)) == 0
    )


def test_who_is_right_anyway_answers_everything() -> None:
    rows = [Scored(str(n), str(n), "", "", Answer("x", signals={"sure": n / 100}), 1.0) for n in range(100)]
    assert choose(rows, LOOK) is None


def test_who_is_always_wrong_is_not_made_to_look_better() -> None:
    rows = [Scored(str(n), str(n), "", "", Answer("x", signals={"sure": n / 100}), 0.0) for n in range(100)]
    assert choose(rows, LOOK) is None


def test_a_wanted_fraction_is_not_given_up_for_a_better_score() -> None:
    rows = rows_of(100, 1)
    for least in (0.3, 0.6):
        abstention = choose(rows, Look(110, 0.95, 0.9, least))
        assert abstention and sum(keeps(abstention, row.answer) for row in rows) / 100 > least


def test_groups_make_the_choice_more_cautious() -> None:
    def kept(groups: int, seed: int) -> int:
        rows = rows_of(100, seed, groups=groups)
        found = choose(rows, LOOK)
        return sum(keeps(found, row.answer) for row in rows) if found else 100

    pairs = [(kept(20, seed), kept(0, seed)) for seed in range(12)]
    assert sum(together for together, _ in pairs) < sum(alone for _, alone in pairs)


def test_answers_without_signals_are_no_reason_to_fail() -> None:
    rows = [Scored(str(n), str(n), "", "", Answer("x"), float(n % 2)) for n in range(20)]
    assert choose(rows, LOOK) is None


@pytest.mark.parametrize(("number", "right", "wrong"), [(1, 0.0, 0.0), (20, 9.0, 1.0), (110, 45.5, 4.5), (0, 3.0, 1.0)])
def test_the_chance_is_that_of_scipys_beta_binomial(number: int, right: float, wrong: float) -> None:
    needed = _needed(number, 0.9, 0.95)
    [found] = _at_least(np.array([needed]), np.array([number]), np.array([right]), np.array([wrong]))
    expected = betabinom.sf(needed - 1, number, right + 0.5, wrong + 0.5) if needed <= number else 0.0
    assert found == pytest.approx(expected, abs=1e-9)


def test_a_fraction_of_nearly_all_is_not_called_all() -> None:
    assert "that 99.9% of the questions are answered" in in_advance(Look(60, 0.9875, 0.8, 0.999))


def test_what_must_be_seen_is_said_in_advance() -> None:
    said = in_advance(LOOK)
    fraction = int(said.partition("% of the test")[0].rpartition(" ")[2]) / 100
    enough = round(fraction * 110)
    rows = [Scored(str(n), str(n), "", "", Answer("x", signals={"s": float(n < enough)}), 1.0) for n in range(110)]
    report = judge_answered(rows, Abstention("s", 0.5, ""), GOAL, 0.95)
    assert report.coverage and report.coverage.share.interval.low >= 0.5
    assert f"a score of {report.score.interval.low:.3f}" in said
    assert "cannot prove" in in_advance(Look(5, 0.95, 0.9, 0.9))
