"""A goal names its metrics; all its mistakes are reported before anything runs."""

from dataclasses import replace
from pathlib import Path

import pytest

from gradschool.errors import DataError, UsageError
from gradschool.score.metric import Unscorable
from gradschool.score.metric_info import METRIC_INFO, MetricInfo, metric_info
from gradschool.score.metrics import find_metrics, trust_code
from gradschool.settings import METRICS, Goal, Rule
from score_samples import example, examples

SHORT = Rule(name="short", kind="max_words", value=2)
JSON = examples('{"a": 1}', '{"a": 2}')


@pytest.mark.parametrize("name", METRICS)
def test_every_metric_of_the_settings_is_there(name):
    metric, also = find_metrics(Goal(metric=name, rules=(SHORT,) if name == "rules" else ()), Path(), JSON)
    assert also == {}
    if name != "style":  # which has to learn its author first: tests/score/test_style.py
        assert metric('{"a": 1}', JSON[0]).value == pytest.approx(1)


@pytest.mark.parametrize(
    ("name", "ideal", "others", "answer", "value"),
    [
        ("exact_match", "Paris", ("Paris, France",), "Paris, France", 1),
        ("exact_match", "Paris", ("Paris, France",), "France", 0),
        ("token_f1", "in the spring", ("1 May", "May"), "on 1 May", pytest.approx(4 / 5)),
        ("label", "refund", ("return",), "Return.", 1),
        ("json_fields", '{"a": 1}', ("none", '{"a": 2}'), '{"a": 2}', 1),
        ("chrf", "Paris", ("Lutetia",), "Lutetia", pytest.approx(1)),
    ],
)
def test_the_best_of_several_right_answers_counts(name, ideal, others, answer, value):
    one = replace(example(ideal), other_answers=others)
    metric, _ = find_metrics(Goal(metric=name), Path(), [one])
    assert metric(answer, one).value == value
    assert metric(answer, example(ideal)).value < 1


def test_right_answers_that_cannot_be_compared_do_not_count():
    one = replace(example("?!"), other_answers=("yes, please", "…"))
    metric, _ = find_metrics(Goal(metric="rouge_l"), Path(), [one])
    assert metric("yes please", one).value == pytest.approx(1)
    with pytest.raises(Unscorable, match="ideal answer has none"):
        metric("yes", example("?!"))


def test_of_equally_good_answers_the_one_with_better_parts_counts():
    one = replace(example('{"a": [1, 2]}'), other_answers=('{"a": [2, 1]}',))
    metric, _ = find_metrics(Goal(metric="json_fields"), Path(), [one])
    assert metric('{"a": [2, 1]}', one).parts == {"valid JSON": 1, "exact": 1}


def test_a_function_of_the_user_sees_all_right_answers(tmp_path):
    (tmp_path / "m.py").write_text(
        "def f(answer, example):\n    return answer in (example.ideal, *example.other_answers)\n"
    )
    goal = Goal(metric="m.py:f")
    trust_code(goal, tmp_path)
    one = replace(example("Paris"), other_answers=("Lutetia",))
    metric, _ = find_metrics(goal, tmp_path, [one])
    assert (metric("Lutetia", one).value, metric("Rome", one).value) == (1, 0)


def test_quotes_of_a_keyboard_equal_typeset_ones():
    one = example("I don\u2019t \u201cknow\u201d it.")
    for name in ("exact_match", "token_f1", "rouge_l", "chrf"):
        metric, _ = find_metrics(Goal(metric=name), Path(), [one])
        assert metric('I don\'t "know" it.', one).value == pytest.approx(1), name


def test_every_metric_has_its_metadata():
    assert METRIC_INFO.keys() == {*METRICS}
    assert metric_info("metrics.py:polite") == MetricInfo()


def test_rules_and_extra_metrics_are_reported_next_to_the_deciding_one():
    goal = Goal(metric="token_f1", extra_metrics=("chrf", "token_f1", "chrf"), rules=(SHORT,))
    _, also = find_metrics(goal, Path(), examples("a b"))
    assert list(also) == ["chrf", "rules"]
    assert also["rules"]("one two three", example("")).parts == {"short": 0}


def test_all_issues_at_once(tmp_path):
    goal = Goal(
        metric="rougel", extra_metrics=("metrics.py:f", "blue"), rules=(SHORT, Rule(name="r", kind="regex", value="["))
    )
    with pytest.raises(UsageError) as caught:
        find_metrics(goal, tmp_path, examples("a"))
    text = str(caught.value)
    assert "4 issues" in text
    for part in ("did you mean 'rouge_l'", "metrics.py does not exist", "'blue'", "rule 'r' (regex)"):
        assert part in text


def test_rules_without_rules():
    with pytest.raises(UsageError, match=r"goal\.rules"):
        find_metrics(Goal(metric="rules"), Path(), examples("a"))


def test_ideals_that_are_not_json_are_named():
    with pytest.raises(DataError, match=r"1 of 2 ideal answers(.|\n)*examples\.jsonl:2"):
        find_metrics(Goal(metric="json_fields"), Path(), examples("{}", "no"))


@pytest.mark.parametrize("name", ["token_f1", "rouge_l", "chrf"])
@pytest.mark.parametrize("ideal", ["Договор вступает в силу 1 мая.", "合同从五月一日起生效。", "สัญญามีผลในเดือนพฤษภาคม"])
def test_every_script_can_be_scored(name, ideal):
    metric, _ = find_metrics(Goal(metric=name), Path(), examples(ideal))
    assert metric(ideal, examples(ideal)[0]).value == pytest.approx(1)
    assert 0.8 < metric(ideal[:-1], examples(ideal)[0]).value <= 1
