"""The floor: the base model with no help at all."""

import time

from gradschool.evaluate import mean
from gradschool.job import Job
from gradschool.model.engine import Engine
from gradschool.records import Work
from gradschool.rungs.ladder import Candidate, Material, Rung, try_all
from gradschool.specialist import Specialist


def stay(best: Specialist, material: Material) -> Work[Candidate]:
    """Score the base as it is; every rung above is compared with this."""
    began = time.monotonic()
    [(recipe, rows)] = yield from try_all(best, [best.recipe], material, "base")
    return Candidate(recipe, mean(rows), seconds=time.monotonic() - began)


def cannot(job: Job, engine: Engine) -> str:
    """A base can always be asked."""
    return ""


BASE = Rung("base", stay, cannot)
