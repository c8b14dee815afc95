"""A specialist that abstains: its score is that of the answers it gives, and both claims hold together."""

import math
import random
from dataclasses import replace

import numpy as np
import pytest

from gradschool.data.proof import levels_of
from gradschool.records import Abstention, Answer, Failure, Scored
from gradschool.score.abstention import curve, given, judge_answered, keeps, thresholds
from gradschool.score.judge import judge
from gradschool.score.stats import bounds
from gradschool.settings import Goal

GOAL = Goal(metric="label", pass_mark=0.9, min_answered=0.5)
RULE = Abstention("sure", 0.5, "Ask Mara.")


def row(number: int, value: float, sure: float | None, group: str = "", **answer: object) -> Scored:
    signals = {} if sure is None else {"sure": sure}
    given = replace(Answer(f"answer {number}", signals=signals), **answer)  # type: ignore[arg-type]
    return Scored(f"e{number}", group or f"g{number}", "?", "!", given, value, {}, given.failure)


def rows_of(right: int, wrong: int, unsure: int) -> list[Scored]:
    values = [(1.0, 0.9)] * right + [(0.0, 0.8)] * wrong + [(0.0, 0.1)] * unsure
    return [row(number, value, sure) for number, (value, sure) in enumerate(values)]


def test_the_score_is_that_of_the_given_answers_and_the_fraction_has_bounds_too() -> None:
    report = judge_answered(rows_of(70, 1, 29), RULE, GOAL, 0.95)
    assert report.coverage is not None
    assert (report.score.examples, report.asked.examples) == (71, 100)
    assert report.score.mean == pytest.approx(70 / 71) and report.coverage.share.mean == pytest.approx(0.71)
    assert report.score.interval.low == bounds([1.0] * 70 + [0.0], [f"g{n}" for n in range(71)], 0.96).low
    assert report.coverage.share.interval.level == pytest.approx(0.99)
    assert report.verdict == "passed" and report.coverage.all_answers == pytest.approx(0.7)


@pytest.mark.parametrize(
    ("counts", "verdict"),
    [
        ((70, 1, 29), "passed"),
        ((55, 0, 45), "not proven"),  # the fraction is above .5, but that is not proven
        ((30, 0, 70), "failed"),  # proven to answer too few
        ((64, 6, 30), "not proven"),  # the score is above the mark, but that is not proven
        ((50, 5, 45), "not proven"),  # neither is proven
        ((40, 30, 30), "failed"),
        ((0, 0, 100), "failed"),  # nothing is answered
    ],
)
def test_both_claims_must_be_proven(counts: tuple[int, int, int], verdict: str) -> None:
    assert judge_answered(rows_of(*counts), RULE, GOAL, 0.95).verdict == verdict


def test_nothing_answered_is_no_score_at_all() -> None:
    report = judge_answered(rows_of(0, 0, 20), RULE, GOAL, 0.95)
    assert (report.score.examples, report.score.interval.low, report.score.interval.high) == (0, 0.0, 1.0)
    assert report.coverage and report.coverage.share.mean == 0


def test_without_an_abstention_the_report_is_that_of_judge() -> None:
    rows = rows_of(70, 1, 29)
    assert judge_answered(rows, None, GOAL, 0.95) == judge(rows, GOAL, 0.95)


def test_a_failure_is_not_an_answer_and_is_reported() -> None:
    failed = Failure("server", "gone")
    rows = [*rows_of(70, 0, 0), row(99, 0.0, None, stop="error", failure=failed)]
    report = judge_answered(rows, RULE, GOAL, 0.95)
    assert report.score.examples == 70 and report.asked.examples == 71 and report.failures == {"server": 1}
    assert given(rows[-1].answer, RULE).text == "answer 99" and given(rows[-1].answer, RULE).abstained is False


def test_a_sure_answer_that_the_metric_cannot_score_counts_as_wrong() -> None:
    rows = [*rows_of(9, 0, 0), replace(row(9, 0.0, 0.9), failure=Failure("metric", "no number"))]
    assert judge_answered(rows, RULE, GOAL, 0.95).score.mean == pytest.approx(0.9)


def test_an_unsure_answer_is_withheld_with_the_words_of_the_job() -> None:
    sure, unsure = Answer("yes", signals={"sure": 0.5}), Answer("no", "length", signals={"sure": 0.49})
    assert given(sure, RULE) == replace(sure, abstained=False)
    withheld = given(unsure, RULE)
    assert (withheld.text, withheld.draft, withheld.abstained, withheld.stop) == ("Ask Mara.", "no", True, "stop")
    assert not keeps(RULE, Answer("yes"))  # without a signal nothing is sure


def test_groups_count_once_in_both_bounds() -> None:
    alone = judge_answered(rows_of(70, 1, 29), RULE, GOAL, 0.95)
    grouped = [replace(one, group=f"g{number // 5}") for number, one in enumerate(rows_of(70, 1, 29))]
    together = judge_answered(grouped, RULE, GOAL, 0.95)
    assert alone.coverage and together.coverage
    assert together.coverage.share.interval.low < alone.coverage.share.interval.low
    assert together.score.interval.low < alone.score.interval.low


def test_a_threshold_never_lies_on_a_signal_and_equal_ones_stay_together() -> None:
    rows = [row(n, float(n > 1), sure) for n, sure in enumerate([0.2, 0.2, 0.6, 0.6, 0.9])]
    found = thresholds(rows, "sure")
    assert [(count, total) for _, count, total in found] == [(1, 1.0), (3, 3.0), (5, 3.0)]
    assert [value for value, _, _ in found] == pytest.approx([0.75, 0.4, -0.8])


@pytest.mark.parametrize("sure", [math.nan, math.inf, -math.inf])
def test_a_signal_that_is_no_finite_number_is_none(sure: float) -> None:
    known = [row(n, float(n > 9), 0.2 + 0.1 * n) for n in range(40)]
    odd = [row(40 + n, 1.0, sure) for n in range(20)]
    for rows in ([*known, *odd], [*odd, *known], [one for pair in zip(odd, known, strict=False) for one in pair]):
        found = thresholds(rows, "sure")
        assert all(math.isfinite(value) for value, _, _ in found)
        assert found[-1][1] == sum(one in known for one in rows)
        assert not any(keeps(Abstention("sure", value, ""), odd[0].answer) for value, _, _ in found)
    assert thresholds(odd, "sure") == []


def test_the_curve_falls_from_the_surest_answer_to_all() -> None:
    rows = [row(n, float(n >= 50), n / 100) for n in range(100)]
    points = curve(rows, "sure")
    assert points[0] == (0.01, 1.0) and points[-1] == (1.0, 0.5) and len(points) <= 60
    assert [share for share, _ in points] == sorted(share for share, _ in points)


def test_both_bounds_hold_together_as_often_as_one_look_promises() -> None:
    """1,000 tests of 80 questions; with the error spent twice, either bound would be wrong too often."""
    draw = np.random.default_rng(5)
    level, wrong = 0.9, 0
    for _ in range(1000):
        sure, right = draw.random(80) < 0.7, draw.random(80) < 0.85
        rows = [row(n, float(r), float(s)) for n, (s, r) in enumerate(zip(sure, right, strict=True))]
        report = judge_answered(rows, RULE, GOAL, level)
        assert report.coverage is not None
        wrong += report.score.interval.low > 0.85 or report.coverage.share.interval.low > 0.7
    assert 1 - levels_of(level).score + 1 - levels_of(level).share == pytest.approx(0.1)
    assert wrong / 1000 <= 0.1


def test_a_report_with_unequal_values_keeps_them_in_bounds() -> None:
    draw = random.Random(3)
    rows = [row(n, draw.random(), draw.random()) for n in range(60)]
    report = judge_answered(rows, RULE, GOAL, 0.95)
    assert report.score.interval.low <= report.score.mean <= report.score.interval.high
