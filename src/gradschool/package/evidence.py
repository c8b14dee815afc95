"""The evidence in a packaged specialist: its test questions, how they are scored, and its answers."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from gradschool.data.proof import look_level
from gradschool.errors import DamagedError, UsageError, reason_of
from gradschool.evaluate import Measure, measure_of
from gradschool.files import is_inside, list_of, read_json, read_rows
from gradschool.package.manifest import EVIDENCE, INCUMBENT_FILE, QUESTIONS, RESULTS_FILE, TEST_FILE, Manifest
from gradschool.records import Example, RungResult, Scored
from gradschool.run import FIT_TEXTS
from gradschool.saved_job import JOB_FILE, read_saved_job
from gradschool.score.incumbent import Now
from gradschool.score.metrics import files_of
from gradschool.settings import Goal


@dataclass(frozen=True, slots=True)
class Evidence:
    """The test of a specialist, which every export of it repeats."""

    goal: Goal
    measure: Measure
    examples: Sequence[Example]
    rows: Sequence[Scored]
    results: Sequence[RungResult]
    level: float  # confidence of each bound
    now: Now | None = None  # the incumbent, if the job named one


def demand_files(goal: Goal, evidence: Path) -> None:
    """Raise UsageError if the files of metrics and rules are not in the evidence."""
    for name in files_of(goal):
        if is_inside(evidence / name, evidence) and not (evidence / name).is_file():
            raise UsageError(
                f"{evidence / name} does not exist.",
                "The specialist is scored with it; earlier versions did not pack it.",
                "delete done/package.json in the folder of the run and resume the run: the specialist then holds it.",
            )


def read_evidence(folder: Path, manifest: Manifest) -> Evidence:
    """Read the evidence of a specialist whose manifest was verified.

    Raises UsageError if it holds no test questions, lacks the texts that its metric is fitted to, or its metric is not
    on this machine; DamagedError if the evidence cannot be read.
    """
    place = folder / EVIDENCE
    if not (place / QUESTIONS).exists():
        raise UsageError(
            f"{folder} does not hold its test questions.",
            "An earlier version packed it; without the questions no export can be tested.",
            "climb again.",
        )
    job = read_saved_job(place / JOB_FILE)
    goal = job.settings.goal
    results = _results(folder)
    examples, rows = read_rows(place / QUESTIONS, Example), read_rows(place / TEST_FILE, Scored)
    demand_files(goal, place)
    measure = measure_of(goal, place, examples, place / FIT_TEXTS)
    level = manifest.score.level if manifest.score else look_level(goal.error_budget, 1)
    return Evidence(goal, measure, examples, rows, results, level, read_incumbent(place, manifest))


def read_incumbent(evidence: Path, manifest: Manifest) -> Now | None:
    """The name and the scored answers of the incumbent that a specialist was compared with."""
    if manifest.score is None or manifest.score.incumbent is None:
        return None
    return manifest.score.incumbent.name, read_rows(evidence / INCUMBENT_FILE, Scored)


def constant_answer(folder: Path) -> str:
    """The best constant answer that the climb of a specialist found; empty if an earlier version packed it.

    Raises DamagedError if the evidence cannot be read.
    """
    floors = [floor for result in _results(folder) if result.report for floor in result.report.floors]
    return next((floor.answer for floor in floors if floor.kind == "constant"), "")


def _results(folder: Path) -> list[RungResult]:
    try:
        return list_of(RungResult).validate_python(read_json(folder / EVIDENCE / RESULTS_FILE))
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise DamagedError(f"The evidence in {folder} cannot be read.", reason_of(error), "climb again.") from error
