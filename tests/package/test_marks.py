"""The verdict of a job with an incumbent, in words: what is proven, excluded or left open, and no more."""

from typing import Any

import pytest

from gradschool.package.marks import difference, incumbent, marks
from gradschool.package.verdicts import decided, plain_verdict, verdict_sentence, what_settles
from gradschool.records import AgainstIncumbent, Difference, Gate, Interval, Report, RungResult, Score, Verdict


def report(verdict: Verdict, low: float, high: float, mark: float | None = None, **more: Any) -> Report:
    one = Difference("incumbent", (low + high) / 2, Interval(low, high, 0.95))
    now = AgainstIncumbent(
        "old.jsonl",
        0.05,
        one,
        more.pop("its", verdict),
        0.82,
        58,
        58,
        2,
        90,
        {"metric": 3},
        more.pop("ruled_out", None),
    )
    score = Score(0.8, Interval(0.7, 0.88, 0.95), 60, 60)
    return Report("label", score, verdict, mark, 90 if verdict == "not proven" else None, incumbent=now, **more)


def said(given: Report, *gates: Gate) -> tuple[str, str]:
    result = RungResult("prompt", given, gates)
    return plain_verdict(result), verdict_sentence(result)


def test_passed() -> None:
    plain, figures = said(report("passed", -0.04, 0.06))
    assert plain.startswith(
        "It can be used: its test score is 0.800 (old.jsonl scores 0.820, and the difference on 58 "
    )
    assert "proven to be at most 0.040 worse than old.jsonl" in plain
    assert figures.startswith(
        "Passed: the prompt rung is proven to be at most 0.05 worse than old.jsonl: label 0.800 on 60"
    )
    assert "(without 2 that it did not answer), 3 of its answers failed and count as 0" in figures
    better, both = said(report("passed", 0.01, 0.2, 0.6))
    assert "at least 0.010 better than old.jsonl" in better and "at least 0.700 is proven too" in better
    assert "proven to reach the pass mark of 0.6 and to be at most 0.05 worse" in both


def test_failed() -> None:
    plain, figures = said(report("failed", -0.3, -0.1))
    assert "Do not use it" in plain and "proven to be at least 0.100 worse than old.jsonl" in plain
    assert figures.startswith("Not passed: the best on validation is the prompt rung, and it is not at most 0.05 worse")
    plain, figures = said(report("failed", -0.04, 0.06, 0.95, its="passed"))
    assert "stay below the pass mark" in plain and "worse than old.jsonl on other" not in plain
    assert "below the pass mark of 0.95" in figures
    ruled_out = report("failed", -0.3, -0.1, ruled_out=-0.09)
    plain, figures = said(ruled_out)
    assert "on validation it is at least 0.090 worse than old.jsonl, and the margin is 0.05" in plain
    assert "the test decides nothing here" in figures and decided(ruled_out) == "failed on validation"
    assert "on validation its score is at most 0.600" in said(report("failed", -0.3, -0.1, 0.7, validation_high=0.6))[0]


def test_not_proven() -> None:
    plain, figures = said(report("not proven", -0.08, 0.04))
    assert "58 examples cannot prove that it is at most 0.05 worse than old.jsonl. About 90 more test examples" in plain
    assert "with answers of the incumbent" in plain and figures.startswith("Not proven: ")
    plain, _ = said(report("not proven", -0.04, 0.04, 0.75, its="passed"))
    assert "60 examples cannot prove that it reaches the pass mark of 0.75." in plain
    plain, _ = said(report("not proven", -0.18, 0.04, 0.85))
    assert "neither prove nor exclude that it reaches the pass mark of 0.85 and that it is at most 0.05 worse" in plain


def test_a_gate_rejects_a_specialist_that_is_as_good() -> None:
    plain, figures = said(report("passed", -0.04, 0.06), Gate("forgetting", False, "too much"))
    assert "failed the check “forgetting”" in plain and figures.startswith("Not passed: the prompt rung is rejected")


def test_words_for_tables() -> None:
    both, alone = report("passed", -0.04, 0.06, 0.6), report("passed", -0.04, 0.06)
    assert (marks(both), marks(alone)) == (
        "pass mark 0.6, at most 0.05 worse than old.jsonl",
        "at most 0.05 worse than old.jsonl",
    )
    assert marks(Report("label", both.score, "not proven", None, None)) == "no pass mark"
    assert both.incumbent and incumbent(both.incumbent).startswith(
        "the incumbent old.jsonl scores 0.820 on 58 questions"
    )
    assert difference(both.incumbent) == "+0.010, bounds -0.040 to +0.060"
    assert "too close to the margin" in what_settles(Report("label", both.score, "not proven", None, None))
    assert pytest.approx(0.01) == both.differences[0].mean
