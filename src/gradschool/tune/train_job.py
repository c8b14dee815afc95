"""One training as plain values, which rank 0 can send to the processes that take part."""

import os
from dataclasses import dataclass
from pathlib import Path

from pydantic import TypeAdapter

from gradschool.model.chat import Rendered
from gradschool.model.local import LocalEngine
from gradschool.records import NumberFormat
from gradschool.settings import Tune
from gradschool.tune.loop import Training
from gradschool.tune.memory import MemoryPlan
from gradschool.tune.objectives.answers import Answers
from gradschool.tune.objectives.objective import Objective
from gradschool.tune.objectives.rehearsal import Rehearsal
from gradschool.tune.plan import Plan
from gradschool.tune.student import Student, student_of
from gradschool.tune.world import World, current, join


@dataclass(frozen=True, slots=True)
class TrainJob:
    """What is trained, on which rows and by which plan; paths are absolute and must be valid in every process."""

    base: str
    tune: Tune
    plan: Plan
    train: tuple[Rendered, ...]
    validation: tuple[Rendered, ...]
    texts: list[list[int]] | None  # for rehearsal
    checkpoint: str
    memory: MemoryPlan
    formats: tuple[NumberFormat, NumberFormat]  # of the base, for answers and for training

    def training(self, student: Student, engine: LocalEngine, world: World) -> Training:
        """The training of a student."""
        objectives = self.objectives(student, engine)
        checkpoint, threads = Path(self.checkpoint), engine.training_threads
        return Training(student.network, objectives, self.plan, checkpoint, self.memory, world, threads)

    def objectives(self, student: Student, engine: LocalEngine) -> list[Objective]:
        """What is minimized: the loss of the answers, which selects the best weights, and rehearsal if it has texts."""
        objectives: list[Objective] = [Answers(self.train, self.validation, self.plan, engine.pad_id)]
        if self.texts:
            objectives.append(Rehearsal(self.texts, student.teacher, self.plan.rehearsal))
        return objectives


JSON = TypeAdapter(TrainJob)


def broadcast(job: TrainJob, world: World) -> None:
    """Start the same training in all helper processes."""
    if world.size > 1:
        world.broadcast(JSON.dump_python(job, mode="json"))


def help_train_under_torchrun() -> bool:
    """Join the processes that torchrun started; all but rank 0 help with every training and then return True."""
    if "WORLD_SIZE" not in os.environ or not (world := join()).rank:
        return False
    help_train(world)
    return True


def dismiss_helpers() -> None:
    """Signal the helpers that no more trainings follow."""
    current().broadcast(None)


def help_train(world: World) -> None:
    """Take part in each training that rank 0 starts, until it broadcasts None."""
    engines: dict[str, LocalEngine] = {}
    while (message := world.receive()) is not None:
        job = JSON.validate_python(message)
        if job.base not in engines:
            answering, training = job.formats
            engines[job.base] = LocalEngine(Path(job.base), answering=answering, training=training)
        engine = engines[job.base]
        for _ in job.training(student_of(engine, job.tune), engine, world).run():
            pass  # rank 0 reports
