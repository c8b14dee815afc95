"""A small task for rungs: say whether a number is odd or even."""

from pathlib import Path
from typing import Any

from gradschool.evaluate import Measure
from gradschool.job import Job
from gradschool.records import Example, Message, Source
from gradschool.run import Run
from gradschool.rungs.rung import RungInputs
from gradschool.score.metrics import find_metrics
from gradschool.settings import Goal, Settings


def example(number: int, question: str, answer: str) -> Example:
    return Example(f"e{number}", (Message("user", question), Message("assistant", answer)), "g", Source("f", number))


TRAIN = [example(n, f"number {n} please", "even" if n % 2 == 0 else "odd") for n in range(20)]
VALIDATION = [example(100 + n, f"number {n} please", "even" if n % 2 == 0 else "odd") for n in range(6)]


def inputs_of(folder: Path, **settings: Any) -> RungInputs:
    """The inputs of a job with these settings; without an audit, which has tests of its own."""
    given = {"task": "Say odd or even.", **settings, "tune": {"audit": False, **settings.get("tune", {})}}
    job = Job("small", folder, Settings.model_validate(given))
    decides, also = find_metrics(Goal(metric="exact_match"), folder, TRAIN)
    return RungInputs(Run.start(job, folder / "run"), TRAIN, VALIDATION, Measure(decides, also))
