"""The base rung: the base model as it is, with which every other rung is compared."""

import time

from gradschool.job import Job
from gradschool.model.engine import Engine
from gradschool.records import Work
from gradschool.rungs.comparing import try_compared
from gradschool.rungs.rung import (
    Candidate,
    Rung,
    RungInputs,
    best_of,
    free_and_constrained,
    made,
    scores_of,
    try_all,
)
from gradschool.specialist import Specialist

NAME = "base"


def base(best: Specialist, inputs: RungInputs) -> Work[Candidate]:
    """Score the base model without instructions, examples or passages."""
    began = time.monotonic()
    tried = yield from try_all(best, free_and_constrained([best.recipe], inputs), inputs, NAME)
    tried += yield from try_compared(best, best_of(tried)[0], inputs, NAME)
    return made(*best_of(tried), began, scores_of(tried) if len(tried) > 1 else ())


def reason_to_skip(job: Job, engine: Engine) -> str:
    """The base rung always runs."""
    return ""


BASE = Rung(NAME, base, reason_to_skip, "the model alone")
