"""Answers become rows of evidence, rows become a report."""

import pytest

from gradschool.errors import DataError, UsageError
from gradschool.records import Answer, Failure, Interval, Scored
from gradschool.score.judge import judge, score
from gradschool.score.metric import MetricResult, Unscorable
from gradschool.score.metrics import find_metrics
from gradschool.score.stats import bounds, more_examples
from gradschool.score.text import exact_match, token_f1
from gradschool.settings import Goal, Rule
from score_samples import example, examples

GOAL = Goal(metric="exact_match", pass_mark=0.8)


def refuses(answer, one):
    raise Unscorable("no idea")


def row(number, value, group="", **more):
    return Scored(f"e{number}", group or f"e{number}", "?", "!", Answer("x"), value, **more)


def test_one_row_per_example_in_order():
    rows = score(examples("a", "b"), [Answer("a", new_tokens=3), Answer("x")], exact_match, {"token_f1": token_f1})
    assert [(r.id, r.group, r.question, r.ideal, r.value) for r in rows] == [
        ("e1", "e1", "What is it?", "a", 1),
        ("e2", "e2", "What is it?", "b", 0),
    ]
    assert rows[0].answer.new_tokens == 3
    assert rows[0].failure is None
    # "a" is an article to SQuAD: both texts are empty then, and equal.
    assert [r.parts for r in rows] == [{"token_f1": 1}, {"token_f1": 0}]


@pytest.mark.parametrize(
    ("answer", "metric", "kind"),
    [
        (Answer("a", failure=Failure("server", "gone")), exact_match, "server"),
        (Answer(" \n"), exact_match, "empty answer"),
        (Answer("a", stop="error"), exact_match, "no answer"),
        (Answer("a"), refuses, "metric"),
        (Answer("b b b", stop="length"), exact_match, "cut off"),
    ],
)
def test_failures_have_a_kind_and_count_as_0(answer, metric, kind):
    (found,) = score([example("a")], [answer], metric, {"token_f1": token_f1})
    assert found.value == 0
    assert found.failure.kind == kind
    assert found.failure.reason


def test_a_truncated_answer_has_its_score():
    (found,) = score([example("red fish")], [Answer("red fish red", stop="length")], token_f1, {})
    assert found.value == pytest.approx(0.8)
    assert found.failure is None


def test_another_metric_that_cannot_score_is_not_counted_as_0():
    def picky(answer, one):
        if answer == "b":
            raise Unscorable("b")
        return MetricResult(1.0, {"inner": 0.5})

    rows = score(examples("a", "b"), [Answer("a"), Answer("b")], exact_match, {"picky": picky})
    assert rows[0].parts == {"picky": 1, "picky: inner": 0.5, "picky: no score": 0}
    assert rows[1].parts == {"picky": 0, "picky: no score": 1}
    assert [r.failure for r in rows] == [None, None]


def test_rules_are_parts_by_their_names_and_never_hide_another(tmp_path):
    rules = (Rule(name="exact", kind="max_words", value=9), Rule(name="short", kind="max_words", value=2))
    ones = examples('{"a": 1}')
    metric, also = find_metrics(Goal(metric="json_fields", rules=rules), tmp_path, ones)
    (found,) = score(ones, [Answer('{"a": 2}')], metric, also)
    assert found.parts == {"valid JSON": 1, "exact": 0, "rules": 1, "rules: exact": 1, "short": 1}


def test_judge_counts_everything():
    rows = [
        row(1, 1.0, parts={"short": 1.0}),
        row(2, 0.5, parts={"short": 0.0}),
        row(3, 0.0, failure=Failure("server", "gone")),
        row(4, 0.0, failure=Failure("server", "gone")),
        row(5, 0.0, failure=Failure("empty answer", "none")),
    ]
    report = judge(rows, GOAL, 0.95)
    assert (report.metric, report.pass_mark) == ("exact_match", 0.8)
    assert (report.score.mean, report.score.examples, report.score.groups) == (0.3, 5, 5)
    assert report.score.interval == bounds([1.0, 0.5, 0, 0, 0], list("abcde"), 0.95)
    assert report.failures == {"server": 2, "empty answer": 1}
    assert report.parts["short"].mean == 0.2  # failed examples count as 0 here too
    assert report.difference is None


def test_a_part_that_does_not_apply_is_left_out_of_its_mean():
    report = judge([row(1, 1.0, parts={"table": 0.5}), row(2, 1.0)], GOAL, 0.95)
    assert (report.parts["table"].mean, report.parts["table"].examples) == (0.5, 1)


def test_verdicts_and_what_would_settle_them():
    assert judge([row(i, 1.0) for i in range(40)], GOAL, 0.95).verdict == "passed"
    assert judge([row(i, 0.0) for i in range(40)], GOAL, 0.95).verdict == "failed"
    open_rows = [row(i, float(i % 10 > 0)) for i in range(20)]
    report = judge(open_rows, GOAL, 0.95)
    assert report.verdict == "not proven"
    assert report.more_examples == more_examples([r.value for r in open_rows], [r.id for r in open_rows], 0.8, 0.95) > 0
    assert judge([row(i, 1.0) for i in range(40)], GOAL, 0.95).more_examples is None


def test_bounds_depend_on_groups():
    spread = judge([row(i, 1.0) for i in range(40)], GOAL, 0.95)
    one = judge([row(i, 1.0, group="one thread") for i in range(40)], GOAL, 0.95)
    assert (spread.verdict, one.verdict) == ("passed", "not proven")
    assert one.score.groups == 1


def test_the_difference_is_over_common_examples():
    rows, others = [row(i, 1.0) for i in range(30)], [row(i, 0.5) for i in range(29, 9, -1)]
    found = judge(rows, GOAL, 0.95, ("base", others)).difference
    assert (found.other, found.mean) == ("base", 0.5)
    assert 0 < found.interval.low < 0.5 < found.interval.high
    assert judge(rows, GOAL, 0.95, ("base", [])).difference is None


def test_cost_is_the_mean():
    answers = [Answer("a", "stop", 10, 2, 0.5), Answer("b", "stop", 30, 4, 1.5)]
    cost = judge(score(examples("a", "b"), answers, exact_match, {}), GOAL, 0.95).cost
    assert (cost.prompt_tokens, cost.new_tokens, cost.seconds) == (20, 3, 1)


def test_no_verdict_without_a_pass_mark_or_answers():
    with pytest.raises(UsageError, match="pass_mark"):
        judge([row(1, 1.0)], Goal(metric="label"), 0.95)
    with pytest.raises(DataError, match="no answers"):
        judge([], GOAL, 0.95)


def test_a_missing_answer_raises_value_error():
    with pytest.raises(ValueError, match="shorter"):
        score(examples("a", "b"), [Answer("a")], exact_match, {})


def test_the_report_has_the_level_of_its_bounds():
    report = judge([row(1, 1.0, parts={"p": 1.0})], GOAL, 0.9875, ("base", [row(1, 0.0)]))
    assert isinstance(report.score.interval, Interval)
    assert {report.score.interval.level, report.parts["p"].interval.level, report.difference.interval.level} == {0.9875}
