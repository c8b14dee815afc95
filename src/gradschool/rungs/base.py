"""The base rung: the base model as it is, with which every other rung is compared."""

import time

from gradschool.job import Job
from gradschool.model.engine import Engine
from gradschool.records import Work
from gradschool.rungs.rung import Candidate, Rung, RungInputs, made, try_all
from gradschool.specialist import Specialist

NAME = "base"


def base(best: Specialist, inputs: RungInputs) -> Work[Candidate]:
    """Score the base model without instructions, examples or passages."""
    began = time.monotonic()
    [(recipe, rows)] = yield from try_all(best, [best.recipe], inputs, NAME)
    return made(recipe, rows, began)


def reason_to_skip(job: Job, engine: Engine) -> str:
    """The base rung always runs."""
    return ""


BASE = Rung(NAME, base, reason_to_skip, "the model alone")
