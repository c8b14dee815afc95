"""Floors: trivial answers are found on train and scored on test; a specialist that is hardly better does not pass."""

import random
from collections.abc import Sequence

import pytest

from finish import finish
from gradschool.records import Answer, Example, Interval, Report, Scored
from gradschool.score.floors import Trivial, above_floors, best_constant, find_floors
from gradschool.score.judge import judge
from gradschool.score.metrics import find_metrics
from gradschool.score.text import exact_match, token_f1
from gradschool.settings import Goal
from score_samples import example

SILENT = "The handbook does not say."
TOPICS = ("oven", "kiln", "lathe", "press", "crane", "pump", "drill", "saw", "forge", "mill")


def questions(count: int, silent: float, start: int = 0) -> list[Example]:
    """Questions about machines; a fraction has no answer in the handbook."""
    made = []
    for number in range(start, start + count):
        topic = TOPICS[number % 10]
        unanswered = number * 7 % 10 < 10 * silent
        ideal = SILENT if unanswered else f"Every {number} hours, as its plate says."
        made.append(example(ideal, f"How often is the {topic} number {number} oiled?", number))
    return made


def values(rows: Sequence[float], floor: Sequence[float], mark: float, level: float = 0.95) -> Report:
    """The report on rows with these values, next to one floor with these."""
    scored = [Scored(f"e{n}", f"e{n}", "?", "!", Answer("a"), value) for n, value in enumerate(rows)]
    trivial = Trivial("constant", {row.id: value for row, value in zip(scored, floor, strict=True)}, SILENT)
    return above_floors(judge(scored, Goal(metric="token_f1", pass_mark=mark), level), scored, [trivial])


def test_the_constant_is_the_train_answer_that_scores_best_for_all_questions():
    assert best_constant(questions(60, 0.6), exact_match) == SILENT
    # Words in common are worth more than a text that is right three times.
    typical = [example(f"Please oil the {topic} on Monday morning.", topic, n) for n, topic in enumerate(TOPICS * 3)]
    rare = [example("No.", f"May the {topic} run?", 100 + n) for n, topic in enumerate(TOPICS[:3])]
    assert "on Monday morning" in best_constant([*typical, *rare], token_f1)


def test_the_constant_is_chosen_at_a_bounded_cost():
    asked = 0

    def counting(answer, one):
        nonlocal asked
        asked += 1
        return token_f1(answer, one)

    best_constant(questions(3_000, 0.2), counting)
    short, asked = asked, 0
    assert 0 < short <= 12 * 25 + 4 * 100
    best_constant([example("x" * 5_000 + f" {number}", "?", number) for number in range(200)], counting)
    assert 0 < asked <= 12 * 5 + 4 * 5  # long texts take longer to compare


@pytest.mark.parametrize("ideals", [["", "", ""], ["?", "!", "."], ["a"] * 3, [" ", "b", "c"]])
def test_answers_without_words_are_no_obstacle(ideals):
    train = [example(ideal, "", number) for number, ideal in enumerate(ideals)]
    found, _ = finish(find_floors(train, train, exact_match, "exact_match"))
    assert {one.kind for one in found} == {"constant", "nearest", "question"}


def test_trivial_answers_are_scored_on_the_test_questions():
    train, test = questions(60, 0.6), questions(20, 0.6, 60)
    found, _ = finish(find_floors(train, test, exact_match, "exact_match"))
    constant, nearest, question = found
    assert constant.answer == SILENT and sum(constant.values.values()) / 20 == pytest.approx(0.6)
    assert set(nearest.values) == {one.id for one in test} and 0 < sum(nearest.values.values()) < 20
    assert not question.binding and sum(question.values.values()) == 0
    assert constant.binding and nearest.binding


def test_the_nearest_question_lends_its_answer():
    train = [example(f"{topic} answer", f"What does the {topic} do?", n) for n, topic in enumerate(TOPICS)]
    test = [example(f"{topic} answer", f"Tell me, the {topic}?", 50 + n) for n, topic in enumerate(TOPICS)]
    found, _ = finish(find_floors(train, test, exact_match, "exact_match"))
    assert {one.kind: sum(one.values.values()) for one in found}["nearest"] == 10


def test_rules_must_be_followed_better_than_by_the_question_or_a_letter(tmp_path):
    rules = (
        {"name": "short", "kind": "max_words", "value": 20},
        {"name": "no thanks", "kind": "not_contains", "value": "thanks"},
        {"name": "signed", "kind": "contains", "value": "Brelm"},
    )
    goal = Goal.model_validate({"metric": "rules", "rules": rules, "pass_mark": 0.6})
    metric, _ = find_metrics(goal, tmp_path, [])
    train = [example(f"Oil it {n} times. Brelm", f"The {topic}?", n) for n, topic in enumerate(TOPICS)]
    found, _ = finish(find_floors(train, train, metric, "rules"))
    scores = {one.kind: (sum(one.values.values()) / 10, one.binding) for one in found}
    assert scores["letter"] == scores["question"] == (pytest.approx(2 / 3), True)
    assert scores["constant"] == scores["nearest"] == (1.0, False)  # ideal answers follow the rules by construction


def test_a_score_above_the_mark_does_not_pass_if_a_constant_scores_as_much():
    """94 of 100 answers are the constant, which is right 61 times; the rest are right once."""
    floor = [1.0] * 61 + [0.0] * 39
    report = values([*floor[:-6], 1.0, 0.0, 0.0, 0.0, 0.0, 0.0], floor, 0.45)
    assert report.score.mean == pytest.approx(0.62) and report.score.interval.low > 0.45
    assert report.verdict == "not proven" and report.more_examples is None
    assert report.floor and report.floor.score.mean == pytest.approx(0.61)
    assert report.unbeaten == report.floors


def test_a_score_that_is_proven_better_than_the_floor_passes():
    report = values([1.0] * 90 + [0.0] * 10, [1.0] * 40 + [0.0] * 60, 0.7)
    assert report.verdict == "passed" and not report.unbeaten
    [floor] = report.floors
    assert floor.difference.mean == pytest.approx(0.5) and floor.difference.interval.low > 0.3


def test_a_score_that_is_proven_worse_than_the_floor_fails():
    report = values([1.0] * 60 + [0.0] * 40, [1.0] * 95 + [0.0] * 5, 0.4)
    assert report.verdict == "failed" and report.more_examples is None


def test_more_test_examples_are_advised_only_if_few_would_prove_the_difference():
    floor = [1.0] * 30 + [0.0] * 30
    close = values([1.0] * 36 + [0.0] * 24, [1.0] * 22 + [0.0] * 22 + [1.0] * 7 + [0.0] * 9, 0.3)
    assert close.verdict == "not proven" and close.more_examples is not None and close.more_examples <= 240
    equal = values(floor, list(reversed(floor)), 0.3)
    assert equal.verdict == "not proven" and equal.more_examples is None


def test_failed_stays_failed_and_a_report_without_floors_is_as_it_was():
    assert values([0.0] * 60, [0.0] * 60, 0.5).verdict == "failed"
    rows = [Scored(f"e{n}", f"e{n}", "?", "!", Answer("a"), 1.0) for n in range(60)]
    report = judge(rows, Goal(pass_mark=0.8), 0.95)
    assert above_floors(report, rows, []) == report
    assert above_floors(report, rows, [Trivial("constant", {"other": 1.0}, "a")]) == report


def test_floors_cost_no_error_budget():
    """A specialist that is no better than a floor, and well above the pass mark, rarely passes."""
    draw = random.Random(3)
    passed = 0
    for _ in range(300):
        rows, floor = ([float(draw.random() < 0.7) for _ in range(60)] for _ in range(2))
        passed += values(rows, floor, 0.3).verdict == "passed"
    assert passed / 300 <= 0.05 + 3 * (0.05 * 0.95 / 300) ** 0.5


def test_all_floors_must_be_beaten():
    rows = [Scored(f"e{n}", f"e{n}", "?", "!", Answer("a"), float(n < 90)) for n in range(100)]
    low = Trivial("constant", {row.id: float(n < 20) for n, row in enumerate(rows)}, "a")
    high = Trivial("nearest", {row.id: float(n < 88) for n, row in enumerate(rows)})
    report = judge(rows, Goal(pass_mark=0.7), 0.95)
    assert above_floors(report, rows, [low]).verdict == "passed"
    assert above_floors(report, rows, [low, high]).verdict == "not proven"
    reported = above_floors(report, rows, [low, Trivial("nearest", high.values, binding=False)])
    assert reported.verdict == "passed" and len(reported.floors) == 2
    assert isinstance(report.score.interval, Interval)
