"""The ladder: all rungs, in the order in which they are climbed."""

from collections.abc import Sequence

from gradschool.job import Job
from gradschool.model.engine import Engine
from gradschool.rungs.base import BASE
from gradschool.rungs.ground import GROUND
from gradschool.rungs.prompt import PROMPT
from gradschool.rungs.rung import Rung
from gradschool.rungs.tune import TUNE

LADDER: tuple[Rung, ...] = (BASE, PROMPT, GROUND, TUNE)


def count_looks(ladder: Sequence[Rung], job: Job, engine: Engine) -> int:
    """How often the test set is used: once for each rung that can run."""
    return sum(not rung.reason_to_skip(job, engine) for rung in ladder)
