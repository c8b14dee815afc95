"""What a packaged specialist was tested on: its test questions, how they are scored, and what it answered."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from pydantic import TypeAdapter, ValidationError

from gradschool.errors import DamagedError, UsageError
from gradschool.evaluate import Measure
from gradschool.files import read_json, read_lines
from gradschool.package.bundle import QUESTIONS
from gradschool.package.manifest import Manifest
from gradschool.records import Example, RungResult, Scored
from gradschool.score.metrics import find_metrics
from gradschool.score.stats import look_level
from gradschool.settings import Goal, saved_settings


@dataclass(frozen=True, slots=True)
class Evidence:
    """The test of a specialist, to be taken again by whatever is made of it."""

    goal: Goal
    measure: Measure
    examples: Sequence[Example]
    rows: Sequence[Scored]
    results: Sequence[RungResult]
    level: float  # confidence of each bound


def read_evidence(folder: Path, manifest: Manifest) -> Evidence:
    """Read the evidence of a specialist whose manifest was verified.

    Raises UsageError where it was packed without its questions, or its metric is not on this machine.
    """
    place = folder / "evidence"
    if not (place / QUESTIONS).exists():
        raise UsageError(
            f"{folder} does not hold its test questions.",
            "It was packed by an earlier version; without them nothing that is made of it can be tested.",
            "climb again.",
        )
    try:
        written = read_json(place / "run.json")
        goal = saved_settings(written["settings"]).goal
        examples = TypeAdapter(list[Example]).validate_python(read_lines(place / QUESTIONS))
        rows = TypeAdapter(list[Scored]).validate_python(read_lines(place / "test.jsonl"))
        results = TypeAdapter(list[RungResult]).validate_python(read_json(place / "results.json"))
    except (OSError, ValueError, KeyError, TypeError, ValidationError) as error:
        raise DamagedError(f"The evidence in {folder} cannot be read.", str(error), "climb again.") from error
    measure = Measure(*find_metrics(goal, Path(written["folder"]), examples))
    level = manifest.score.level if manifest.score else look_level(goal.error_budget, 1)
    return Evidence(goal, measure, examples, rows, results, level)
