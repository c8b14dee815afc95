"""The tune rung. Its work is imported when it is climbed: a report of a run needs no PyTorch."""

from gradschool.job import Job
from gradschool.model.engine import Engine
from gradschool.records import Work
from gradschool.rungs.rung import Candidate, Rung, RungInputs
from gradschool.specialist import Specialist


def tune(best: Specialist, inputs: RungInputs) -> Work[Candidate]:
    """Train a student on the train examples, as `tuning.py` does."""
    from gradschool.rungs.tuning import tune as train_student

    return train_student(best, inputs)


def reason_to_skip(job: Job, engine: Engine) -> str:
    """The weights must be on this machine."""
    if engine.trains:
        return ""
    return "the base is not on this machine, so that its weights cannot be trained"


TUNE = Rung("tune", tune, reason_to_skip, "training on your examples", trains=True)
