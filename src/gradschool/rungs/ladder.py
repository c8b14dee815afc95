"""The rungs in the order in which they are climbed."""

from gradschool.job import Job
from gradschool.model.engine import Engine
from gradschool.rungs.base import BASE
from gradschool.rungs.ground import GROUND
from gradschool.rungs.prompt import PROMPT
from gradschool.rungs.rung import Rung
from gradschool.rungs.tune import TUNE

LADDER: tuple[Rung, ...] = (BASE, PROMPT, GROUND, TUNE)


def looks(job: Job, engine: Engine) -> int:
    """How often the test set may be opened: once for each rung that can run."""
    return sum(not rung.reason_to_skip(job, engine) for rung in LADDER)
