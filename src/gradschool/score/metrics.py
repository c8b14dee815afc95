"""The metrics by name, and the lookup of those that a job names."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from gradschool.errors import DataError, UsageError, nearest
from gradschool.files import is_inside
from gradschool.records import Example
from gradschool.score.custom import custom_file, custom_metric, demand_trust, is_custom
from gradschool.score.json_fields import json_fields, read_ideal
from gradschool.score.metric import Metric, MetricResult, Unscorable
from gradschool.score.rules import read_rules
from gradschool.score.style import Style
from gradschool.score.text import chrf, exact_match, label, rouge_l, token_f1
from gradschool.score.time_limit import demand_time
from gradschool.settings import METRICS, Goal
from gradschool.trust import remember_code

__all__ = ["Metric", "MetricResult", "Unscorable", "find_metrics"]

PLAIN: dict[str, Metric] = {
    "exact_match": exact_match,
    "json_fields": json_fields,
    "token_f1": token_f1,
    "rouge_l": rouge_l,
    "chrf": chrf,
}


def files_of(goal: Goal) -> list[str]:
    """The files that a goal names, relative to the job's folder: code of custom metrics, and JSON schemas."""
    schemas = [rule.value for rule in goal.rules if rule.kind == "json_schema" and isinstance(rule.value, str)]
    return list(dict.fromkeys([*_code_of(goal), *schemas]))


def _code_of(goal: Goal) -> list[str]:
    return [custom_file(name) for name in (goal.metric, *goal.extra_metrics) if is_custom(name)]


def trust_code(goal: Goal, folder: Path) -> None:
    """Remember that the user allows the custom metrics of a goal to run."""
    for name in _code_of(goal):
        if (folder / name).is_file():
            remember_code(folder / name)


def find_metrics(goal: Goal, folder: Path, examples: Sequence[Example]) -> tuple[Metric, dict[str, Metric]]:
    """Find the metric that decides, and the extra metrics by name; rules are always reported.

    `examples` should be all examples of the job: they define the known labels, and the metric must suit their ideal
    answers. Raises UsageError that lists every issue of the goal, DataError if ideal answers do not suit the metric,
    TrustError before code runs that the user has not allowed.
    """
    for name in files_of(goal):
        if not is_inside(folder / name, folder):
            raise UsageError(
                f"{name!r}, a file of [goal], is outside of the folder {folder}.",
                "Files of metrics and rules are part of the job.",
                "copy it into that folder, and name it relative to it.",
            )
    names = [goal.metric, *(name for name in dict.fromkeys(goal.extra_metrics) if name != goal.metric)]
    if goal.rules and "rules" not in names:
        names.append("rules")
    follows_rules, issues = read_rules(goal.rules, folder)
    found: dict[str, Metric] = {}
    for name in names:
        if name == "rules" and not goal.rules:
            issues.append("metric = 'rules' needs rules: write [[goal.rules]] with name, kind and value.")
        try:
            found[name] = follows_rules if name == "rules" else _find(name, folder, examples)
        except UsageError as error:
            issues.append("\n    ".join(str(error).splitlines()))
    if issues:
        raise UsageError(
            f"The goal has {len(issues)} issue{'s' * (len(issues) > 1)}:",
            "\n".join(f"  - {issue}" for issue in issues),
            "correct [goal] in job.toml; `gradschool settings` lists its keys.",
        )
    _fits(found, examples)
    return found.pop(goal.metric), found


def _find(name: str, folder: Path, examples: Sequence[Example]) -> Metric:
    if name == "label":
        return best_of_right_answers(label(examples))
    if name in PLAIN:
        return best_of_right_answers(PLAIN[name])
    if name == "style":
        return Style()
    if is_custom(name):
        demand_trust(name, folder)
        return custom_metric(name, folder)
    raise UsageError(f"unknown metric {name!r}: {nearest(name, METRICS)} (or your own function: metrics.py:function)")


def best_of_right_answers(metric: Metric) -> Metric:
    """The metric with the best score over the ideal answer and the other right answers, as SQuAD's script takes it.

    Right answers that the metric cannot compare with, such as text where JSON is expected, do not count, unless there
    are no others. Of equal scores, the one with the better parts is taken.
    """

    def best(answer: str, example: Example) -> MetricResult:
        found: list[MetricResult] = []
        reasons: list[Unscorable] = []
        for right in (example.ideal, *example.other_answers):
            demand_time()
            ideal = replace(example.messages[-1], content=right)
            try:
                found.append(metric(answer, replace(example, messages=(*example.question, ideal))))
            except Unscorable as reason:
                reasons.append(reason)
        if not found:
            raise reasons[0]
        return max(found, key=lambda one: (one.value, sum(one.parts.values())))

    return best


def _fits(found: dict[str, Metric], examples: Sequence[Example]) -> None:
    if "json_fields" in found:
        wrong = [message for example in examples if (message := _unfit(example))]
        if wrong:
            raise DataError(
                f"{len(wrong)} of {len(examples)} ideal answers cannot be compared by the metric json_fields.",
                "\n".join(f"  - {message}" for message in wrong[:10]),
                "correct these answers, or choose another metric.",
            )


def _unfit(example: Example) -> str:
    try:
        read_ideal(example.ideal, str(example.source))
    except Unscorable as error:
        return str(error)
    return ""
