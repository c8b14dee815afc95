"""The metrics by name, and the lookup of those that a job names."""

from collections.abc import Sequence
from pathlib import Path

from gradschool.errors import DataError, UsageError, nearest
from gradschool.records import Example
from gradschool.score.custom import custom_metric, is_custom
from gradschool.score.json_fields import json_fields, read_json
from gradschool.score.metric import Metric, MetricResult, Unscorable
from gradschool.score.rules import read_rules
from gradschool.score.style import Style
from gradschool.score.text import chrf, exact_match, label, rouge_l, token_f1
from gradschool.settings import METRICS, Goal

__all__ = ["Metric", "MetricResult", "Unscorable", "find_metrics"]

PLAIN: dict[str, Metric] = {
    "exact_match": exact_match,
    "json_fields": json_fields,
    "token_f1": token_f1,
    "rouge_l": rouge_l,
    "chrf": chrf,
}


def find_metrics(goal: Goal, folder: Path, examples: Sequence[Example]) -> tuple[Metric, dict[str, Metric]]:
    """Find the metric that decides, and the extra metrics by name; rules are always reported.

    `examples` should be all examples of the job: they define the known labels, and the metric must suit their ideal
    answers. Raises UsageError that lists every issue of the goal, DataError if ideal answers do not suit the metric.
    """
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
        return label(examples)
    if name in PLAIN:
        return PLAIN[name]
    if name == "style":
        return Style()
    if is_custom(name):
        return custom_metric(name, folder)
    raise UsageError(f"unknown metric {name!r}: {nearest(name, METRICS)} (or your own function: metrics.py:function)")


def _fits(found: dict[str, Metric], examples: Sequence[Example]) -> None:
    if "json_fields" in found:
        wrong = [message for example in examples if (message := _not_json(example))]
        if wrong:
            raise DataError(
                f"{len(wrong)} of {len(examples)} ideal answers are not JSON, which the metric json_fields requires.",
                "\n".join(f"  - {message}" for message in wrong[:10]),
                "correct these answers, or choose another metric.",
            )


def _not_json(example: Example) -> str:
    try:
        read_json(example.ideal)
    except ValueError as error:
        return f"{example.source}: {error}"
    return ""
