"""The evidence in a packaged specialist: its test questions, how they are scored, and its answers."""

from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path

from gradschool.data.proof import look_level
from gradschool.errors import DamagedError, UsageError, reason_of
from gradschool.evaluate import Measure, measure_of
from gradschool.files import is_inside, list_of, read_json, read_rows
from gradschool.package.image_files import in_package
from gradschool.package.manifest import (
    EVIDENCE,
    INCUMBENT_FILE,
    QUESTIONS,
    RESULTS_FILE,
    TEST_FILE,
    Manifest,
    specialist_folder,
)
from gradschool.records import Example, RungResult, Scored
from gradschool.run import FIT_TEXTS
from gradschool.saved_job import JOB_FILE, is_own_run, read_saved_job
from gradschool.score.incumbent import Now
from gradschool.score.metrics import files_of, trust_code
from gradschool.score.time_limit import fitting_within
from gradschool.settings import Goal
from gradschool.trust import is_trusted_code, remember_code

ALLOW_FIT = (
    "if you trust whoever made the specialist, add --trust-code, which lets this fit take its time. "
    "In the run that you climbed it in, that is not needed."
)


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
    examples, rows = packaged_questions(folder), read_rows(place / TEST_FILE, Scored)
    goal = read_saved_job(place / JOB_FILE).settings.goal
    results = _results(folder)
    measure = packaged_measure(folder, goal, examples)
    level = manifest.score.level if manifest.score else look_level(goal.error_budget, 1)
    return Evidence(goal, measure, examples, rows, results, level, read_incumbent(place, manifest))


def packaged_questions(folder: Path) -> list[Example]:
    """The test questions in the evidence of a specialist, with their answers; raises UsageError if it holds none."""
    if not (folder / EVIDENCE / QUESTIONS).exists():
        raise UsageError(
            f"{folder} does not hold its test questions.",
            "An earlier version packed it; without the questions no export can be tested.",
            "climb again.",
        )
    return in_package(read_rows(folder / EVIDENCE / QUESTIONS, Example), folder)


def packaged_measure(folder: Path, goal: Goal, examples: Sequence[Example]) -> Measure:
    """How a specialist is scored; `examples` are all that it is scored on.

    The fit of its metric has a limit of time and size, unless the specialist is in a run that the user began, or the
    user has allowed that. Raises ResourceError beyond it, and the errors of `demand_files` and `measure_of`.
    """
    place, record = folder / EVIDENCE, folder.resolve().parent / JOB_FILE
    demand_files(goal, place)
    texts = place / FIT_TEXTS
    own = record.is_file() and is_own_run(record)
    limited = not own and texts.is_file() and not is_trusted_code(texts)
    with fitting_within(ALLOW_FIT) if limited else nullcontext():
        return measure_of(goal, place, examples, texts)


def trust_packaged_code(path: Path) -> None:
    """Remember that the user allows the metrics of a specialist: their code to run, and their fit to take its time."""
    place = specialist_folder(path) / EVIDENCE
    trust_code(read_saved_job(place / JOB_FILE).settings.goal, place)
    if (place / FIT_TEXTS).is_file():
        remember_code(place / FIT_TEXTS)


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
