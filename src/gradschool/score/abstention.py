"""Specialists that abstain: the answers that are sure enough to be given, and the verdict on these.

The threshold is fixed before the test. So the answered test examples are a random sample of all questions that the
specialist would answer, and their score has the bounds of any score. The fraction of answered questions is a mean too.
Both claims share the error of a look (`data.proof.levels_of`), so that both lower bounds hold together with its
confidence (Bonferroni).

Source: El-Yaniv & Wiener (2010), "On the Foundations of Noise-free Selective Classification", JMLR 11.
"""

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from gradschool.data.proof import levels_of
from gradschool.records import Abstention, Answer, Coverage, Interval, Report, Score, Scored, Verdict
from gradschool.score.judge import judge, mean
from gradschool.score.stats import bounds, verdict
from gradschool.settings import Goal

MAX_POINTS = 60  # of a risk-coverage curve


def keeps(abstention: Abstention, answer: Answer) -> bool:
    """Whether an answer is sure enough to be given; a failure of the engine is not an answer."""
    if answer.failure is not None or answer.stop == "error":
        return False
    sure = _sure(answer, abstention.signal)
    return sure is not None and sure >= abstention.threshold


def _sure(answer: Answer, signal: str) -> float | None:
    """The signal of an answer; None if it is unknown or no finite number, which has no place among others."""
    value = answer.signals.get(signal, math.nan)
    return value if math.isfinite(value) else None


def given(answer: Answer, abstention: Abstention) -> Answer:
    """An answer as the specialist gives it: withheld if it is not sure enough. Failures stay failures."""
    if keeps(abstention, answer) or answer.failure is not None or answer.stop == "error":
        return replace(answer, abstained=False)
    return replace(answer, text=abstention.text, stop="stop", citations=(), abstained=True, draft=answer.text)


def judge_answered(
    rows: Sequence[Scored], abstention: Abstention | None, goal: Goal, level: float, **others: Any
) -> Report:
    """Judge the answers that a specialist gives, and the fraction of questions that it answers; both must be proven.

    `rows` are all answers, and `others` are arguments of `judge`. Without `abstention` all answers are given, and the
    report is that of `judge`.
    """
    if abstention is None:
        return judge(rows, goal, level, **others)
    levels, answered = levels_of(level), [keeps(abstention, row.answer) for row in rows]
    kept = [row for row, sure in zip(rows, answered, strict=True) if sure]
    groups = [row.group for row in rows]
    interval = bounds([float(sure) for sure in answered], groups, levels.share)
    share = Score(sum(answered) / len(rows), interval, len(rows), len(set(groups)))
    report = judge(kept or rows, goal, levels.score, **others)
    if not kept:
        report = replace(report, score=Score(0.0, Interval(0.0, 1.0, levels.score), 0, 0), parts={})
    least, mark = goal.min_answered or 0.0, 0.0 if report.pass_mark is None else report.pass_mark
    found = _both(verdict(report.score.interval, mark), verdict(share.interval, least))
    return replace(
        report,
        verdict="failed" if report.validation_high is not None else found,
        more_examples=_more(report, share, found),
        failures=dict(Counter(row.failure.kind for row in rows if row.failure).most_common()),
        coverage=Coverage(share, least, abstention, mean(rows), tuple(curve(rows, abstention.signal))),
    )


def _both(score: Verdict, share: Verdict) -> Verdict:
    """The verdict on two claims that must both hold."""
    if "failed" in (score, share):
        return "failed"
    return "passed" if score == share == "passed" else "not proven"


def _more(report: Report, share: Score, found: Verdict) -> int | None:
    """How many more test examples would settle the score; the report counts answered ones."""
    if found != "not proven" or not report.more_examples or not share.mean:
        return None
    return round(report.more_examples / share.mean)


def curve(rows: Sequence[Scored], signal: str) -> list[tuple[float, float]]:
    """The risk-coverage curve: (fraction answered, score of these answers) for each threshold, from the highest on.

    Questions without an answer are never answered. At most MAX_POINTS points, evenly spread.
    """
    cuts = [(count / len(rows), total / count) for _, count, total in thresholds(rows, signal)]
    if len(cuts) <= MAX_POINTS:
        return cuts
    return [cuts[round(place * (len(cuts) - 1) / (MAX_POINTS - 1))] for place in range(MAX_POINTS)]


def thresholds(rows: Sequence[Scored], signal: str) -> list[tuple[float, int, float]]:
    """Every threshold that divides rows, the highest first: its value, and number and sum of the answers above it.

    It lies in the middle between two signals, so that rounding does not move an answer across it.
    """
    known = ((_sure(row.answer, signal), row.value) for row in rows)
    sure = sorted(((value, score) for value, score in known if value is not None), reverse=True)
    found, total = [], 0.0
    for count, (value, score) in enumerate(sure, 1):
        total += score
        following = sure[count][0] if count < len(sure) else None
        if following != value:
            middle = value - 1.0 if following is None else (value + following) / 2
            found.append((middle, count, total))
    return found
