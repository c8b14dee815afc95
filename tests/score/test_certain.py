"""A look ends when no further answer could change its verdict, and never changes it."""

import random
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gradschool.records import Answer, Example, Message, Scored, Source
from gradschool.score.certain import all_of, ask_until, better_by, bounds_of_part, certain, decide_by
from gradschool.score.floors import Trivial, above_floors
from gradschool.score.judge import judge
from gradschool.score.stats import bounds, verdict
from gradschool.settings import Goal

LEVEL, MARK = 0.9875, 0.8


def names(count: int, each: int = 1) -> list[str]:
    return [f"g{number // each}" for number in range(count)]


@settings(max_examples=25)
@given(st.lists(st.sampled_from([0.0, 0.4, 1.0]), min_size=24, max_size=60), st.integers(1, 3), st.data())
def test_a_certain_verdict_is_that_of_all_answers(values: list[float], each: int, data: st.DataObject) -> None:
    decide = decide_by(names(len(values), each), MARK, LEVEL)
    asked = data.draw(st.integers(1, len(values)))
    found = certain(decide, values[:asked], len(values))
    if found:
        assert found == decide(values)
    elif asked == len(values):
        assert decide(values) == "not proven"


def test_a_hopeless_look_ends_early_and_a_perfect_one_once_it_has_passed() -> None:
    decide = decide_by(names(110), MARK, LEVEL)
    ends = {}
    for name, right in (("hopeless", 0.2), ("perfect", 1.0), ("at the mark", 0.84)):
        values = [1.0] * round(110 * right) + [0.0] * (110 - round(110 * right))
        random.Random(1).shuffle(values)
        asked = [0]
        while (end := ask_until(decide, values[: asked[-1]], 110)) > asked[-1]:
            asked.append(end)
        assert len(asked) < 9  # each step asks several questions at once
        ends[name] = asked[-1]
    assert ends["hopeless"] < 50 and 90 < ends["perfect"] < 105 and ends["at the mark"] == 110


def test_a_step_ends_where_the_verdict_could_first_be_certain() -> None:
    decide = decide_by(names(110), MARK, LEVEL)
    first = ask_until(decide, [], 110)
    assert certain(decide, [0.0] * first, 110) == "failed" and not certain(decide, [0.0] * (first - 1), 110)
    second = ask_until(decide, [1.0] * first, 110)
    assert second == 2 * first and ask_until(decide, [0.0] * first, 110) == first
    assert ask_until(decide_by(names(6), MARK, LEVEL), [], 6) == 6


def test_the_bounds_of_a_part_hold_whatever_the_other_answers_are() -> None:
    draw, groups = random.Random(3), names(60, 2)
    asked = [float(draw.random() < 0.7) for _ in range(40)]
    part = bounds_of_part(asked, groups[:40], groups[40:], LEVEL)
    for _ in range(20):
        full = bounds([*asked, *[draw.random() for _ in range(20)]], groups, LEVEL)
        assert part.low <= full.low and full.high <= part.high
    assert bounds_of_part(asked, groups[:40], [], LEVEL) == bounds(asked, groups[:40], LEVEL)


def row(number: int, value: float) -> Scored:
    return Scored(f"e{number}", f"g{number}", "q", "a", Answer("a"), value)


def test_a_report_on_a_part_has_the_verdict_and_the_bounds_of_the_whole_test() -> None:
    unasked = [
        Example(f"e{n}", (Message("user", "q"), Message("assistant", "a")), f"g{n}", Source("x", n))
        for n in range(40, 60)
    ]
    rows, goal = [row(n, float(n % 4 == 0)) for n in range(40)], Goal(metric="exact_match", pass_mark=MARK)
    full = [row(n, float(n % 3 > 0)) for n in range(60)]
    report = judge(rows, goal, LEVEL, ("base", full), unasked=unasked)
    assert (report.verdict, report.score.examples, report.score.mean) == ("failed", 40, 0.25)
    assert verdict(report.score.interval, MARK) == "failed"
    for rest in (0.0, 1.0):
        whole = judge([*rows, *(row(n, rest) for n in range(40, 60))], goal, LEVEL, ("base", full))
        assert report.difference and whole.difference
        assert report.score.interval.low <= whole.score.interval.low + 1e-12
        assert report.difference.interval.low <= whole.difference.interval.low + 1e-12
        assert report.difference.interval.high >= whole.difference.interval.high - 1e-12


@pytest.mark.parametrize("stopped", ["this", "other", "both"])
def test_a_difference_counts_questions_that_only_one_was_asked_at_their_worst(stopped: str) -> None:
    goal = Goal(metric="exact_match", pass_mark=MARK)
    ours = [row(n, 1.0) for n in range(30 if stopped == "other" else 20)]
    theirs = [row(n, 0.0) for n in range(30 if stopped == "this" else 20)]
    unasked = [
        Example(f"e{n}", (Message("user", "q"), Message("assistant", "a")), f"g{n}", Source("x", n))
        for n in range(len(ours), 30)
    ]
    difference = judge(ours, goal, LEVEL, ("base", theirs), unasked=unasked).difference
    complete = judge(
        [row(n, 1.0) for n in range(30)], goal, LEVEL, ("base", [row(n, 0.0) for n in range(30)])
    ).difference
    assert difference and complete and difference.mean == 1.0
    assert difference.interval.low < complete.interval.low and difference.interval.high >= complete.interval.high


@pytest.mark.parametrize("right", [0.1, 0.7, 0.9, 1.0])
def test_several_claims_are_certain_only_together(right: float) -> None:
    """Above a mark of .5 early, but not better than a constant answer: the look goes on until both are clear."""
    draw = random.Random(8)
    floor = [float(draw.random() < 0.6) for _ in range(80)]
    values = [float(draw.random() < right) for _ in range(80)]
    mark, better = decide_by(names(80), 0.5, LEVEL), better_by(0.0, floor, names(80), LEVEL)
    both = all_of([mark, better])
    for asked in range(10, 81, 10):
        found = certain(both, values[:asked], 80)
        assert found in (None, both(values))
        if found == "passed":
            assert certain(mark, values[:asked], 80) == certain(better, values[:asked], 80) == "passed"
    assert both(values) == {0.1: "failed", 1.0: "passed"}.get(right, both(values))


@pytest.mark.parametrize("seed", range(6))
def test_a_look_that_ends_early_has_the_verdict_of_the_whole_look_with_floors_groups_and_ties(seed: int) -> None:
    draw = random.Random(seed)
    for _ in range(2):
        total, mark = draw.choice([20, 45]), draw.choice([0.3, 0.6, 0.8])
        groups = draw.choice([names(total), names(total, 3), [f"g{int(draw.expovariate(0.2))}" for _ in range(total)]])
        values = [draw.choice([0.0, 0.5, 1.0]) if draw.random() < 0.2 else float(draw.random() < 0.9) for _ in groups]
        if draw.random() < 0.3:
            values = [0.1 * value for value in values]
        floor = [value if draw.random() < 0.5 else float(draw.random() < 0.2) for value in values]
        trivial = [Trivial("constant", {f"e{n}": value for n, value in enumerate(floor)})]
        rows = [
            replace(row(n, value), group=group) for n, (value, group) in enumerate(zip(values, groups, strict=True))
        ]
        examples = [
            Example(one.id, (Message("user", "q"), Message("assistant", "a")), one.group, Source("x", n))
            for n, one in enumerate(rows)
        ]
        decide, asked = all_of([decide_by(groups, mark, LEVEL), better_by(0.0, floor, groups, LEVEL)]), 0
        while (end := ask_until(decide, values[:asked], total)) > asked:
            asked = end
        goal = Goal(metric="exact_match", pass_mark=mark)
        part, rest = rows[:asked], examples[asked:]
        early = above_floors(judge(part, goal, LEVEL, unasked=rest), part, trivial, rest)
        assert early.verdict == above_floors(judge(rows, goal, LEVEL), rows, trivial).verdict
