"""Write the job.toml of a preparation: task, a metric that fits the answers, and the rules of the guidelines."""

import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import tomli_w

from gradschool.prepare.folder import OTHERS
from gradschool.prepare.guidelines import Guideline
from gradschool.score.metric_info import metric_info
from gradschool.settings import BUILT_IN, METRICS, Purpose

HEAD = """\
# Written by `gradschool prepare`. Edit it freely: later preparations never overwrite an edited file.
# `gradschool check {quoted}` says what the test set can prove; `gradschool settings` lists every key.
"""
PASS_MARK_NOTE = "# How good is good enough, from 0 to 1? This is a guess; set the pass mark that your use needs.\n"


@dataclass(frozen=True, slots=True)
class AnswerStats:
    """Statistics of the answers, for the choice of a metric."""

    labels: int = 0  # number of classes; 0 if the answers are not class labels
    json: float = 0.0  # fraction that is a JSON object
    words: float = 0.0  # per answer, on average
    latin: bool = True


def metric_for(purpose: Purpose, answers: AnswerStats) -> tuple[str, tuple[str, ...]]:
    """The metric of the goal, and the extra metrics."""
    likeness = "chrf" if not answers.latin or purpose == "style" else "rouge_l"
    if purpose == "style":
        return "style", (likeness,)
    if purpose == "persona":  # not the rules: an answer that says almost nothing keeps most of them
        return "token_f1", (likeness,)
    if answers.json == 1:
        return "json_fields", ("exact_match",)
    if answers.labels:
        return "label", ()
    if answers.words <= 3:
        return "exact_match", ("token_f1",)
    return likeness, ("token_f1",)


def job_file(
    purpose: Purpose,
    folder: str,
    *,
    author: str,
    answers: AnswerStats,
    guidelines: Sequence[Guideline],
    documents: bool,
    by_time: bool,
    pass_mark: float | None,
) -> str:
    """The text of job.toml."""
    metric, extra = metric_for(purpose, answers)
    assert metric in METRICS
    mark = pass_mark or metric_info(metric).default_pass_mark
    data: dict[str, Any] = {"examples": "examples.jsonl"}
    if documents:
        data["documents"] = "documents"
    if purpose == "style":
        data["others"] = OTHERS
    if guidelines:
        data["guidelines"] = "guidelines.md"
    parts = [
        HEAD.format(quoted=shlex.quote(folder)),
        tomli_w.dumps({"task": task_for(purpose, author, answers), "base_model": BUILT_IN}),
        "\n" + tomli_w.dumps({"data": data}),
    ]
    if by_time:
        parts.append("\n" + tomli_w.dumps({"split": {"by": "time"}}))
    goal: dict[str, Any] = {"metric": metric, "pass_mark": mark}
    if extra:
        goal["extra_metrics"] = list(extra)
    parts.append("\n" + tomli_w.dumps({"goal": goal}).replace("pass_mark", PASS_MARK_NOTE + "pass_mark"))
    for one in guidelines:
        if one.rule:
            sentence = " ".join(one.sentence.split())
            rule = tomli_w.dumps({"name": one.rule.name, "kind": one.rule.kind, "value": one.rule.value})
            parts.append(f"\n# {sentence}\n[[goal.rules]]\n{rule}")
    return "".join(parts)


def task_for(purpose: Purpose, author: str, answers: AnswerStats) -> str:
    """A one-sentence task for the user to improve."""
    if purpose == "style":
        return f"Write what is asked for, or the reply to the message, in the voice of {author or 'the author'}."
    if purpose == "persona":
        return "Answer the customer as the agent does."
    if answers.labels:
        return "Answer with the one label that fits."
    return "Answer with the fields as one JSON object." if answers.json == 1 else "Answer as the examples do."
