"""The evidence sections of the result page: coverage, calibration, further metrics, failures and cost."""

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from gradschool.package.base_words import about_bases, behind_best, size_of
from gradschool.package.coverage_words import rule_of
from gradschool.package.verdicts import confidences, differences
from gradschool.records import Report, RungResult
from gradschool.report.facts import Facts
from gradschool.report.questions import Question, failure_examples


def evidence(facts: Facts, questions: Sequence[Question]) -> dict[str, Any]:
    """The sections of the report page that need no answers, as a page shows them; a section without content is empty.

    Scores are those of the test examples, and the calibration is on validation.
    """
    return {
        "rungs_tested": [_rung(result, result.report) for result in facts.tested if result.report],
        "confidence": confidences(facts.tested),
        "parts": list(dict.fromkeys(part for result in facts.tested if result.report for part in result.report.parts)),
        "failures": _failures(facts, questions),
        "coverage": _coverage(facts),
        "calibration": _calibration(facts),
        "bases": [asdict(one) | {"below_best": behind_best(one), "size": size_of(one)} for one in facts.bases],
        "about_bases": about_bases(facts.bases),
        "environment": _environment(facts),
    }


def _rung(result: RungResult, report: Report) -> dict[str, Any]:
    return {
        "rung": result.rung,
        "recipe": result.recipe,
        "score": asdict(report.score),
        "differences": differences(report),
        "parts": {name: asdict(score) for name, score in report.parts.items()},
        "failures": dict(report.failures),
        "cost": asdict(report.cost),
        "seconds": result.seconds,
        "tokens_trained": result.tokens_trained,
        "peak_memory": result.peak_memory,
    }


def _failures(facts: Facts, questions: Sequence[Question]) -> list[dict[str, str]]:
    """The kinds of failures, each with an example."""
    kinds = dict.fromkeys(kind for result in facts.tested if result.report for kind in result.report.failures)
    examples = failure_examples(questions)
    return [{"kind": kind, "example": examples.get(kind, "")} for kind in kinds]


def _coverage(facts: Facts) -> dict[str, Any] | None:
    report = facts.chosen.report if facts.chosen else None
    if report is None or report.coverage is None:
        return None
    coverage = report.coverage
    return {
        "rule": rule_of(coverage),
        "share": asdict(coverage.share),
        "min_share": coverage.min_share,
        "all_answers": coverage.all_answers,
        "score": asdict(report.score),
        "pass_mark": report.pass_mark,
        "curve": [list(point) for point in coverage.curve],
    }


def _calibration(facts: Facts) -> dict[str, Any] | None:
    found = facts.calibration
    return asdict(found) | {"answers": found.answers, "error": found.error} if found else None


def _environment(facts: Facts) -> list[tuple[str, str]]:
    """What the run was made with, as rows of a table."""
    made = facts.environment
    if made is None:
        return []
    packages = ", ".join(f"{name} {version}" for name, version in made.packages.items())
    rows = [("Python", made.python), ("Packages", packages), ("System", made.system), ("Processor", made.processor)]
    rows += [("Cores", str(made.cores or "not known")), ("Memory", f"{made.memory / 1e9:.0f} GB")]
    return [*rows, *((use.capitalize(), one.reason or one.name) for use, one in facts.formats.items())]
