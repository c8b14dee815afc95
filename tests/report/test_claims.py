"""A pass that is recorded is compared with what its answers give: on the incumbent, the floors and the abstentions."""

from dataclasses import replace
from typing import Any

import pytest

from gradschool.records import Abstention, Answer, Report, Scored
from gradschool.report.claims import not_proven, other_bounds, other_score
from gradschool.score.abstention import judge_answered
from gradschool.score.floors import Trivial, above_floors
from gradschool.settings import Goal

NUMBER = 120
SURE = Abstention("probability", 0.5, "Please ask a person.")
FLOORS = tuple(Trivial(kind, {f"q{n}": 0.1 for n in range(NUMBER)}, "no") for kind in ("constant", "nearest"))


def rows(wrong: int, unsure: int = 0) -> list[Scored]:
    """Scored answers, of which the last are wrong or unsure."""
    signals = [{"probability": 0.1 if n >= NUMBER - unsure else 0.9} for n in range(NUMBER)]
    return [
        Scored(f"q{n}", f"g{n}", "Where?", "Borth", Answer("Borth", signals=signals[n]), float(n < NUMBER - wrong))
        for n in range(NUMBER)
    ]


def judged(goal: Goal, ours: list[Scored], theirs: list[Scored] | None = None, sure: bool = False) -> Report:
    now = ("logs.jsonl", theirs) if theirs else None
    found = judge_answered(ours, SURE if sure else None, goal, 0.975, now=now)
    return above_floors(found, [row for row in ours if not sure or row.answer.signals["probability"] > 0.5], FLOORS)


def changed(report: Report, path: str, value: Any) -> Report:
    """A report with one value changed; its path has dots."""
    name, _, rest = path.partition(".")
    return replace(report, **{name: changed(getattr(report, name), rest, value) if rest else value})


COMPARED = Goal(metric="exact_match", pass_mark=0.7, incumbent="logs.jsonl", margin=0.1)


def test_what_follows_from_the_answers_is_not_doubted() -> None:
    for theirs, goal in ((rows(6), COMPARED), (None, replace_goal(COMPARED, incumbent=None))):
        report = judged(goal, rows(3), theirs)
        assert report.verdict == "passed" and not not_proven(report, report, goal, without_floors=False)


def replace_goal(goal: Goal, **values: Any) -> Goal:
    return goal.model_copy(update=values)


@pytest.mark.parametrize(
    ("path", "value", "reason"),
    [
        ("incumbent", None, "an incumbent whose answers are not in the run"),
        ("incumbent.margin", 0.4, "its margin is 0.4, and that of its job 0.1"),
        ("incumbent.score", 0.2, "the incumbent's score is 0.200, and its answers score 0.950"),
        ("incumbent.unanswered", 60, "answers of the incumbent are compared"),
        ("incumbent.difference.interval.low", 0.5, "its difference from the incumbent is not that"),
        ("metric", "chrf", "its metric is chrf, and that of its job exact_match"),
        ("floors", (), "is not compared with always answering"),
        ("score.interval.low", 0.99, "its lower bound is 0.990"),
        ("use.budget", 0.01, "the confidence of its bounds"),
    ],
)
def test_each_claim_is_compared_with_the_answers(path: str, value: Any, reason: str) -> None:
    found = judged(COMPARED, rows(3), rows(6))
    assert reason in not_proven(changed(found, path, value), found, COMPARED, without_floors=False)


def test_an_incumbent_that_is_better_and_floors_that_are_not_beaten_leave_no_pass() -> None:
    honest = judged(COMPARED, rows(3), rows(6))
    found = judged(COMPARED, rows(30), rows(3))
    assert not_proven(honest, found, COMPARED, without_floors=False) and other_score(honest.score, found.score)
    high = above_floors(honest, rows(3), [replace(one, values=dict.fromkeys(one.values, 1.0)) for one in FLOORS])
    claimed = replace(honest, floors=tuple(replace(one, score=high.floors[0].score) for one in honest.floors))
    assert "not proven better than always answering" in not_proven(claimed, high, COMPARED, without_floors=False)


@pytest.mark.parametrize(
    ("path", "value", "reason"),
    [
        ("coverage", None, "it abstains, and its job does not allow that"),
        ("coverage.min_share", 0.1, "it must answer 0.1, and by its job 0.5"),
        ("coverage.share.mean", 1.0, "of the fraction that it answers, its score is 1.000"),
        ("coverage.share.interval.low", 0.99, "it answers fewer questions than it says"),
    ],
)
def test_the_fraction_that_is_answered_is_compared_too(path: str, value: Any, reason: str) -> None:
    goal = replace_goal(COMPARED, incumbent=None, min_answered=0.5)
    found = judged(goal, rows(20, unsure=20), sure=True)
    assert found.verdict == "passed" and not not_proven(found, found, goal, without_floors=False)
    assert reason in not_proven(changed(found, path, value), found, goal, without_floors=False)
    assert "does not allow" in not_proven(found, found, replace_goal(goal, min_answered=None), without_floors=False)


@pytest.mark.parametrize("forged", [{"low": 0.9, "high": 1.0}, {"low": 0.0, "high": 0.5}])
def test_bounds_are_not_narrower_than_those_of_the_answers(forged: dict[str, float]) -> None:
    score = judged(replace_goal(COMPARED, incumbent=None), rows(60)).score
    assert "its bounds are" in other_bounds(replace(score, interval=replace(score.interval, **forged)), score)
    wider = replace(score, interval=replace(score.interval, low=0.0, high=1.0))
    assert not other_bounds(wider, score) and not other_bounds(score, score)
