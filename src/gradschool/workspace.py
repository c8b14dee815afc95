"""A job made ready: its examples read, checked and split, its base opened, its metric found."""

from collections.abc import Sequence
from dataclasses import dataclass

from gradschool.data.check import check, too_long
from gradschool.data.issues import Issue, usable
from gradschool.data.near_duplicates import near_duplicates
from gradschool.data.read import Reading, read_examples
from gradschool.data.split import freeze_split, split_of, verify_split
from gradschool.errors import DamagedError, DataError, UsageError
from gradschool.evaluate import Measure, learn_style, untrained
from gradschool.job import Job
from gradschool.model.engine import Engine, open_engine
from gradschool.records import Decoding, Example, Message, Note, Split, Work
from gradschool.run import Run
from gradschool.rungs.ladder import looks
from gradschool.rungs.prompt import instructions_of
from gradschool.score.metrics import find_metrics
from gradschool.settings import Goal
from gradschool.tune.world import current

ROOM = 1.25  # answers may be this much longer than the longest ideal one


@dataclass(frozen=True, slots=True)
class Workspace:
    """All that a climb works with. `issues` are all remarks about the examples, those about length included."""

    engine: Engine
    reading: Reading
    issues: list[Issue]
    train: list[Example]
    validation: list[Example]
    test: list[Example]
    split: Split
    measure: Measure
    goal: Goal
    decoding: Decoding
    looks: int


def open_job(job: Job, run: Run | None = None) -> Work[Workspace]:
    """Make a job ready; what costs nothing to check is checked before anything slow begins.

    A run keeps its split: examples that changed since are an error. Without a run nothing is written.
    """
    goal = job.settings.goal
    check_job(job)
    reading = read_examples(job.path(job.settings.data.examples), job.settings.data)
    checked = check(reading)
    measure = Measure(*find_metrics(goal, job.folder, checked.examples))
    yield Note(f"{reading.form}: {len(checked.examples)} usable examples, {len(checked.issues)} remarks about them.")
    engine = yield from open_base(job, run)
    opened = looks(job, engine)
    issues = too_long(checked.examples, engine.count_tokens, engine.context_length)
    examples = usable(checked.examples, issues)
    split = (run and run.kept("split", Split)) or divide(examples, job, opened)
    if run:
        split = run.keep("split", split, Split)
        verify_split(examples, split)
    train, validation, test = split_of(examples, split)
    parts = f"{len(train)} examples to learn from, {len(validation)} to choose by, {len(test)} for the verdict"
    yield Note(f"{parts} (split {split.hash[:8]}).")
    decoding = decoding_for([*train, *validation], engine, job)
    if run and measure.wants_style:
        bases = untrained(engine, instructions_of(job), decoding)
        measure = yield from learn_style(measure, bases, train, run.answers("style"))
    all_issues = [*checked.issues, *issues]
    return Workspace(engine, reading, all_issues, train, validation, test, split, measure, goal, decoding, opened)


def open_base(job: Job, run: Run | None) -> Work[Engine]:
    """Open the job's base; a run that goes on gets the very base that it began with.

    Raises DamagedError where weights or chat template have changed since.
    """
    kept: dict[str, str] | None = run.kept("engine", dict[str, str]) if run else None
    settings = job.settings
    if kept and kept.get("revision") and settings.revision is None:
        settings = settings.model_copy(update={"revision": kept["revision"]})
    engine: Engine = yield from open_engine(settings, job.folder)
    if run and run.keep("engine", engine.identity, dict[str, str]) != engine.identity:
        raise DamagedError(
            f"The base model {settings.base_model!r} is not the one that this run began with.",
            "Its weights or its chat template have changed since.",
            "put the old base back, or start a new climb.",
        )
    return engine


def check_job(job: Job) -> None:
    """Refuse, before anything is read, a job that names no pass mark or files that are not there."""
    data, goal = job.settings.data, job.settings.goal
    if goal.pass_mark is None:
        raise UsageError(
            "The job names no pass mark.",
            "A climb stops at the first rung proven to reach it; without one it could not stop.",
            "write pass_mark = 0.8 (or whatever is good enough) under [goal], or give --pass-mark 0.8.",
        )
    if job.settings.quantization and job.settings.tune.method == "full":
        raise UsageError(
            'quantization and [tune] method = "full" exclude each other.',
            "Only LoRA layers can be trained over a quantized base.",
            'take method = "lora", or leave quantization out.',
        )
    if job.settings.quantization and current().size > 1:
        raise UsageError(
            "quantization works in one process only.",
            "Quantized layers cannot be sharded over several.",
            "start the climb without torchrun, or leave quantization out.",
        )
    for key, name in (("documents", data.documents), ("guidelines", data.guidelines)):
        if name and not job.path(name).exists():
            raise DataError(
                f"data.{key} = {name!r}: {job.path(name)} does not exist.",
                "The path is relative to the job's folder.",
                "correct it, or leave the key out.",
            )


def divide(examples: Sequence[Example], job: Job, opened: int) -> Split:
    """Split examples so that no group, and no two that ask nearly the same, stand on both sides."""
    clusters = near_duplicates(examples, job.settings.data.near_duplicate)
    return freeze_split(examples, job.settings.split, job.settings.goal, clusters, opened)


def decoding_for(examples: Sequence[Example], engine: Engine, job: Job) -> Decoding:
    """How answers are drawn: as the job says, and a quarter longer than the longest ideal answer where it does not."""
    answers = job.settings.answers
    longest = max(engine.count_tokens((Message("user", example.ideal),)) for example in examples)
    most = min(round(longest * ROOM) + 8, max(1, engine.context_length // 2))
    return Decoding(max_new_tokens=answers.max_new_tokens or most, temperature=answers.temperature)
