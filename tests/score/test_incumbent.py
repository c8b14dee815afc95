"""The paired claim about the incumbent: its verdicts, its error, and what a test set can prove before a climb."""

from functools import cache

import numpy as np
import pytest

from gradschool.errors import DataError
from gradschool.records import Answer, Failure, Scored
from gradschool.score.dirichlet import chance_at_most
from gradschool.score.incumbent import against, excluded, margin_above, margin_proof
from gradschool.score.judge import judge, most_of
from gradschool.score.stats import verdict_on_all
from gradschool.settings import Goal

GOAL = Goal(metric="exact_match", incumbent="old.jsonl", margin=0.1)


def rows(values: list[float], group: int = 1, failed: int = 0) -> list[Scored]:
    return [
        Scored(
            f"q{n}",
            f"g{n // group}",
            "?",
            "!",
            Answer("x"),
            value,
            failure=Failure("metric", "") if n < failed else None,
        )
        for n, value in enumerate(values)
    ]


def right(count: int, total: int) -> list[float]:
    return [1.0] * count + [0.0] * (total - count)


def test_verdicts() -> None:
    same, now = right(90, 100), ("old.jsonl", rows(right(90, 100)))
    passed = against(rows(same), now, 0.1, 0.95, None)
    assert (passed.verdict, passed.difference.mean, passed.score, passed.examples) == ("passed", 0.0, 0.9, 100)
    assert passed.difference.interval.low == pytest.approx(0.05 ** (1 / 100) - 1)
    assert against(rows(right(40, 100)), now, 0.1, 0.95, None).verdict == "failed"
    unsure = against(rows(right(88, 100)), now, 0.04, 0.95, None)
    assert unsure.verdict == "not proven" and unsure.more_examples
    assert against(rows(same), now, 0.1, 0.95, -0.2).verdict == "failed"


def test_questions_that_it_did_not_answer_are_left_out_and_counted() -> None:
    now = ("old.jsonl", rows([0.0] * 5 + [1.0] * 55, failed=5)[:50])
    found = against(rows([1.0] * 60), now, 0.1, 0.95, None)
    assert (found.examples, found.unanswered, found.failures) == (50, 10, {"metric": 5})
    assert found.difference.mean == pytest.approx(0.1)


def test_both_marks_must_hold() -> None:
    now = ("old.jsonl", rows(right(95, 100)))
    both = GOAL.model_copy(update={"pass_mark": 0.8})
    assert judge(rows(right(95, 100)), both, 0.95, now=now).verdict == "passed"
    assert judge(rows(right(86, 100)), both.model_copy(update={"margin": 0.3}), 0.95, now=now).verdict == "not proven"
    assert judge(rows(right(60, 100)), both.model_copy(update={"margin": 0.9}), 0.95, now=now).verdict == "failed"
    assert judge(rows(right(70, 100)), both.model_copy(update={"pass_mark": 0.5}), 0.95, now=now).verdict == "failed"
    report = judge(rows(right(95, 100)), GOAL, 0.95, now=now)
    assert (report.verdict, report.pass_mark) == ("passed", None)
    assert [one.other for one in report.differences] == ["incumbent"]


def test_without_its_answers_nothing_is_proven_about_an_incumbent() -> None:
    report = judge(rows([1.0] * 100), GOAL.model_copy(update={"pass_mark": 0.5}), 0.95)
    assert (report.verdict, report.more_examples, report.incumbent) == ("not proven", None, None)


def test_a_verdict_on_several_claims() -> None:
    assert verdict_on_all(["passed", "passed"]) == "passed"
    assert verdict_on_all(["passed", "not proven"]) == "not proven"
    assert verdict_on_all(["not proven", "failed"]) == "failed"
    assert verdict_on_all([]) == "not proven"
    assert (most_of([3, 7]), most_of([3, None]), most_of([])) == (7, None, None)


def test_validation_excludes_a_pass_only_if_the_difference_is_large() -> None:
    now = ("old.jsonl", rows([1.0] * 30))
    assert -0.9 < (excluded(rows([0.0] * 30), now, 0.1) or 0) < -0.7
    assert excluded(rows(right(27, 30)), now, 0.1) is None
    assert excluded(rows([0.0] * 30), ("old.jsonl", []), 0.1) is None


@cache
def proven(sums: tuple[float, ...], size: int) -> bool:
    """Whether halves of (difference + 1), summed in clusters of a size, prove a margin of 0.1 with 95 % confidence."""
    sizes = np.full(len(sums), float(size))
    return chance_at_most(0.45, np.array(sums), sizes, float(size)) <= 0.05


def test_the_cached_proof_is_the_verdict() -> None:
    for wrong in (0, 3, 6):
        this, theirs = right(60 - wrong, 60), [1.0] * 60
        halves = [(a - b + 1) / 2 for a, b in zip(this, theirs, strict=True)]
        found = against(rows(this), ("old.jsonl", rows(theirs)), 0.1, 0.95, None)
        assert (found.verdict == "passed") == proven(tuple(sorted(halves)), 1)


@pytest.mark.parametrize("worse", ["dependent", "independent", "groups", "graded"])
def test_false_passes_stay_within_the_error(worse: str) -> None:
    """The true difference is a little more than the margin below 0."""
    random, tests, size = np.random.default_rng(5), 100 if worse == "graded" else 2000, 3 if worse == "groups" else 1
    passed = 0
    for _ in range(tests):
        luck, own = random.random((2, 60 // size))
        theirs, this = luck < 0.9, (luck if worse == "dependent" else own) < 0.799
        halves = (this.astype(float) - theirs + 1) / 2
        if worse == "graded":
            halves = (1 - 0.101 + (own - 0.5) / 5) / 2
        passed += proven(tuple(sorted(size * halves)), size)
    assert passed / tests < 0.05 + 3 * (0.05 * 0.95 / tests) ** 0.5


def test_what_a_test_set_can_prove() -> None:
    groups = [f"g{n}" for n in range(60)]
    proof = margin_proof("old.jsonl", 0.1, groups, 64, [1.0] * 90 + [0.0] * 10, 0.95)
    assert proof.smallest == pytest.approx(1 - 0.05 ** (1 / 60))
    assert proof.possible and proof.needed is not None and proof.needed_together is not None
    assert 0.8 < proof.needed_together < proof.needed <= 1
    assert "To prove the margin (without floors)" in proof.sentence()
    assert "answers 60 of 64 test questions" in proof.sentence() and "0.900" in proof.sentence()
    small = margin_proof("old.jsonl", 0.02, groups, 60, [], 0.95)
    assert not small.possible and "At least 149 test questions" in small.sentence()
    assert "Only one that is better" in margin_proof("old.jsonl", 0.0, groups, 60, [], 0.95).sentence()
    assert "in 20 groups" in margin_proof("old", 0.2, [f"g{n // 3}" for n in range(60)], 60, [], 0.95).sentence()


def test_the_needed_score_probably_proves_the_margin() -> None:
    groups = [f"g{n}" for n in range(100)]
    proof = margin_proof("old", 0.1, groups, 100, [1.0] * 8 + [0.0] * 2, 0.95)
    assert proof.needed is not None
    random, tests = np.random.default_rng(11), 300
    passed = 0
    for _ in range(tests):
        luck, own = random.random((2, 100))
        halves = ((own < proof.needed).astype(float) - (luck < 0.8) + 1) / 2
        passed += proven(tuple(sorted(halves)), 1)
    assert 0.7 < passed / tests < 0.95


def test_the_needed_score_proves_more_than_a_floor_too() -> None:
    groups, answered = [f"g{n}" for n in range(64)], [n >= 4 for n in range(64)]
    proof = margin_proof("old", 0.2, groups[4:], 64, [1.0] * 6 + [0.0] * 4, 0.95)
    low, high = (margin_above(proof, groups, answered, [1.0] * n + [0.0] * (64 - n)) for n in (6, 48))
    assert proof.needed is not None and low.needed == proof.needed and high.needed is not None
    assert high.needed > proof.needed and high.needed > 0.75 and high.floor == 0.75
    assert "To prove the margin and more than the floor of 0.750 with" in high.sentence()
    assert margin_above(proof, groups, answered, [1.0] * 64).needed is None  # nothing is better than that
    none = margin_proof("old", 0.2, groups[4:], 64, [], 0.95)
    assert margin_above(none, groups, answered, [0.0] * 64) == none


@pytest.mark.parametrize("theirs", [[], [Scored("other", "g", "?", "!", Answer("x"), 1.0)]])
def test_an_incumbent_without_an_answer_is_an_error(theirs: list[Scored]) -> None:
    with pytest.raises(DataError, match=r"no question that both .* old\.jsonl"):
        judge(rows(right(9, 9)), GOAL, 0.95, now=("old.jsonl", theirs))
