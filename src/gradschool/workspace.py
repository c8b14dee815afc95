"""A workspace: everything a climb works with. Examples read, checked and split, the base opened, the metric found."""

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from gradschool.against_base import demand_trainable, fit_to_base
from gradschool.audit.safety import further_requests
from gradschool.data.check import Checked, check
from gradschool.data.decided import job_examples
from gradschool.data.instructions import instructions_of
from gradschool.data.issues import Issue, carried
from gradschool.data.languages import MIN_LANGUAGE, hardly_spoken, languages
from gradschool.data.leakage import answer_issues
from gradschool.data.ledger import expected_use, folder_of, tested_before, warning
from gradschool.data.near_duplicates import near_duplicates
from gradschool.data.others import messages_in, of_training, read_others
from gradschool.data.proof import Looks
from gradschool.data.reading import Reading
from gradschool.data.split import freeze_split, split_of, verify_split
from gradschool.errors import DamagedError, DataError, UsageError
from gradschool.evaluate import Measure, fit_metrics, untrained
from gradschool.files import hash_of, write_lines
from gradschool.incumbent import Compared, compared, find_incumbent, incumbent_files, incumbent_hash, without_answer
from gradschool.job import Job, demand_named, demand_prepared
from gradschool.model.engine import Engine
from gradschool.model.opening import format_of, is_hub_id, is_moved, open_engine, remember_base
from gradschool.model.places import find_base
from gradschool.model.spoken import evidence_against
from gradschool.records import Constraint, Decoding, Example, Note, Source, Split, Use, Work
from gradschool.run import Run
from gradschool.run_keys import DOCUMENTS, ENGINE, FORMAT, INPUTS, SPLIT, TRAINING_FORMAT, Key
from gradschool.rungs.constraints import constraint_for
from gradschool.rungs.ladder import LADDER, count_looks
from gradschool.rungs.rung import Rung, RungInputs
from gradschool.rungs.untrained import decodings_for, demand_fit
from gradschool.rungs.writer import writer_for
from gradschool.saved_job import JOB_FILE, demand_allowed_run
from gradschool.score.floors import Trivial, floor_to_beat
from gradschool.score.incumbent import MarginProof, margin_above
from gradschool.score.judge import demand_mark
from gradschool.score.metric import BASE_FILLS, BASE_MAY_FILL
from gradschool.score.metrics import files_of, find_metrics
from gradschool.score.provable import Proof, proof_above, proof_of
from gradschool.score.threshold import Look, in_advance
from gradschool.settings import Goal
from gradschool.tune.world import current

# The ids of examples that a base cannot read with which the run's base was compared.
UNREAD: Key[tuple[str, ...]] = Key("unread", tuple[str, ...])
LANGUAGE_TEXTS = 20  # of each language whose tokens are counted


@dataclass(frozen=True, slots=True)
class Dataset:
    """A job's examples: how they were read, every issue with them, and the usable ones by part of the split.

    `lengths` has the tokens of each as a row of training, by its id; it is empty without a local base.
    """

    reading: Reading
    issues: list[Issue]
    split: Split
    train: list[Example]
    validation: list[Example]
    test: list[Example]
    lengths: dict[str, int]


@dataclass(frozen=True, slots=True)
class Workspace:
    """Everything a climb works with."""

    engine: Engine
    data: Dataset
    measure: Measure
    decoding: Decoding  # of a trained base
    untrained_decoding: Decoding
    looks: Looks
    proof: Proof | None  # what the test set can prove about the pass mark at the first look
    incumbent: Compared | None = None
    constraint: Constraint | None = None
    writer: Engine | None = None  # of instructions

    def proof_with(self, floors: Sequence[Trivial]) -> Proof | None:
        """What the test set can prove, with the best floor to beat if there is one."""
        floor = floor_to_beat(floors, self.data.test)
        if self.proof is None or not floor:
            return self.proof
        return proof_above(self.proof, [example.group for example in self.data.test], floor)

    def margin_with(self, floors: Sequence[Trivial]) -> MarginProof | None:
        """What the test set can prove about the margin to the incumbent, with the best floor if there is one."""
        floor, found = floor_to_beat(floors, self.data.test), self.incumbent
        if found is None or not floor:
            return found.proof if found else None
        groups = [example.group for example in self.data.test]
        answered = [example.id not in found.unanswered for example in self.data.test]
        return margin_above(found.proof, groups, answered, floor)

    def inputs(self, run: Run) -> RungInputs:
        """What the rungs of a run may read."""
        data = self.data
        return RungInputs(
            run,
            data.train,
            data.validation,
            self.measure,
            self.decoding,
            data.split.near,
            self.constraint,
            self.writer,
        )


def open_job(job: Job, run: Run | None = None, ladder: Sequence[Rung] = LADDER) -> Work[Workspace]:
    """Open a job; cheap checks come first, before anything slow.

    A run saves its split and the identity of its base, and raises DataError or DamagedError if they have changed since.
    Without a run nothing is written.
    """
    if run and not run.new:
        demand_allowed_run(run.folder / JOB_FILE)
    check_job(job)
    if run:
        demand_same_inputs(run)
    goal = job.settings.goal
    reading, checked, measure = yield from _read(job)
    with carried(checked.issues):
        engine = yield from open_base(job, run)
        writer = yield from writer_for(job, engine)
        looks = Looks(goal.error_budget, count_looks(ladder, job, engine))
        unread = run.saved(UNREAD) if run else None
        examples = [example for example in checked.examples if example.id not in (unread or ())]
        readable = yield from fit_to_base(examples, engine, instructions_of(job), job.settings.tune)
    unspoken = language_issues(readable.examples, engine)
    issues = [*checked.issues, *readable.issues, *unspoken]
    with carried(issues):
        split = divide(readable.examples, job, looks.number, run)
        train, validation, test = split_of(readable.examples, split)
        if engine.trains and any(rung.trains for rung in ladder):
            demand_trainable(readable, (train, validation), job.settings.tune, engine)
        others = (yield from texts_of_others(job, train)) if measure.unfitted else []
        shortage = _shortage(measure, job, train, others)
        use = expected_use(test, goal.error_budget, folder_of(run), run)
        looks = replace(looks, budget=use.budget)
    leaks = answer_issues(train, test)
    data = Dataset(reading, [*issues, *shortage, *leaks], split, train, validation, test, readable.lengths)
    proof = None
    if goal.pass_mark is not None:
        proof = proof_of([example.group for example in test], len(readable.examples), goal.pass_mark, looks.level)
    yield from _notes((*unspoken, *shortage, *leaks) if run else (), split, use, goal)
    if proof:
        yield from _notes_about(proof, goal, looks.level, bool(run))
    constraint = yield from constraint_for(job, engine, train)
    decoding, untrained_decoding = decodings_for([*train, *validation], engine, job)
    with carried(data.issues):
        measure, data = yield from _fitted(measure, job, run, engine, data, others, untrained_decoding)
    with carried(data.issues):
        incumbent = yield from _incumbent(job, run, data, measure, looks.level)
    return Workspace(engine, data, measure, decoding, untrained_decoding, looks, proof, incumbent, constraint, writer)


def _read(job: Job) -> Work[tuple[Reading, Checked, Measure]]:
    """Read and check the examples, and find the metrics, which see the usable ones."""
    reading = job_examples(job)
    checked = check(reading)
    with carried(checked.issues):
        measure = Measure(*find_metrics(job.settings.goal, job.folder, checked.examples))
    warnings = f"{len(checked.issues)} warning{'s' * (len(checked.issues) != 1)}"
    yield Note(f"{reading.form}: {len(checked.examples)} usable examples, {warnings}.")
    return reading, checked, measure


def _fitted(
    measure: Measure,
    job: Job,
    run: Run | None,
    engine: Engine,
    data: Dataset,
    others: Sequence[str],
    decoding: Decoding,
) -> Work[tuple[Measure, Dataset]]:
    """The metrics, which a run fits if they must be; `decoding` is that of the untrained base.

    Without a run, they are fitted only to find out whether the base can fill in for missing texts, which the issues
    then say. Raises DataError if it cannot.
    """
    if run and measure.unfitted:
        bases = untrained(engine, instructions_of(job), decoding)
        return (yield from fit_metrics(measure, bases, data.train, others, run.answers, run.fit_texts)), data
    filled = [replace(one, text=one.text.replace(BASE_MAY_FILL, BASE_FILLS)) for one in data.issues]
    if filled == data.issues or not engine.trains:  # a server is not asked without a climb
        return measure, data
    try:
        yield from demand_fit(measure, engine, job, data.train, others, decoding)
    except DataError as error:
        raise DataError(f"The job cannot be climbed: {error.what}", error.why, error.fix) from error
    return measure, replace(data, issues=filled)


def _notes(issues: Sequence[Issue], split: Split, use: Use, goal: Goal) -> Iterator[Note]:
    """What is said about the examples and their split before the climb."""
    for issue in issues:
        yield Note(str(issue), "warning")
    yield Note(split.advice())
    if again := warning(use, goal.error_budget):
        yield Note(again, "warning")


def _notes_about(proof: Proof, goal: Goal, level: float, climbs: bool) -> Iterator[Note]:
    """What is said before the climb about what the test set can prove."""
    if climbs:
        yield Note(proof.sentence(), "info" if proof.possible else "warning")
    if goal.min_answered is not None:
        yield Note(in_advance(Look(proof.separate, level, proof.pass_mark, goal.min_answered)))


def _incumbent(job: Job, run: Run | None, data: Dataset, measure: Measure, level: float) -> Work[Compared | None]:
    """Read and score the answers of the job's incumbent, if it names one; a run saves those to test questions."""
    goal = job.settings.goal
    if goal.incumbent is None:
        return None
    examples = [*data.train, *data.validation, *data.test]
    found = find_incumbent(goal.incumbent, job.folder, job.settings.data, examples)
    yield from found.notes
    comparison = compared(found, goal, measure, data.train, (data.validation, data.test), level)
    if comparison.unanswered:
        yield Note(without_answer(comparison), "warning")
    if run:
        yield Note(comparison.proof.sentence(), "info" if comparison.proof.possible else "warning")
        given = [(one.id, answer) for one in found.answered(data.test) for answer in found.answers[one.id]]
        write_lines(run.incumbent_answers, [{"id": id_, "answer": asdict(answer)} for id_, answer in given])
    return comparison


def open_base(job: Job, run: Run | None = None) -> Work[Engine]:
    """Open the job's base; a resumed run gets the revision and the number formats that it began with.

    Raises DamagedError if the weights or the chat template have changed since.
    """
    began_with = run.saved(ENGINE) if run else None
    settings = job.settings
    if began_with and began_with.revision and settings.revision is None:
        settings = settings.model_copy(update={"revision": began_with.revision})
    elif began_with and is_moved(began_with, settings.base, job.folder):
        folder = find_base(began_with, settings.base)
        yield Note(f"The base {began_with.name} is now in {folder}.")
        settings = settings.model_copy(update={"base_model": str(folder)})
    answering, training = (run.saved(FORMAT), run.saved(TRAINING_FORMAT)) if run else (None, None)
    engine: Engine = yield from open_engine(settings, job.folder, answering=answering, training=training)
    if run:
        yield from remember_base(settings, engine)
        if began_with is None and (number_format := format_of(engine)):
            run.save(FORMAT, number_format)
    began = run.save(ENGINE, engine.identity) if run else engine.identity
    known = replace(engine.identity, files=engine.identity.files if began.files else "")  # old runs lack it
    if began.weights:  # a folder may have been renamed
        known = replace(known, name=began.name)
    if began != known:
        raise DamagedError(
            f"The base model {settings.base!r} is not the one that this run began with.",
            "Its weights, its tokenizer, its config or its chat template have changed since.",
            "restore the old base, or start a new climb.",
        )
    return engine


def demand_same_inputs(run: Run) -> None:
    """Raise DataError if a file that the run's steps depend on has changed since it began; examples have the split."""
    job = run.job
    data = job.settings.data
    names = (*files_of(job.settings.goal), data.guidelines, data.others, job.settings.answers.json_schema)
    now = {name: hash_of(job.path(name)) for name in names if name} | incumbent_hash(job)
    inputs = run.saved(INPUTS)
    if inputs is None and not run.has_steps:
        inputs = run.save(INPUTS, now)
    if inputs is None and run.names_its_place:
        raise DamagedError(
            f"{run.folder} is damaged: it has finished steps, and does not say which files they are of.",
            f"done/{INPUTS.name}.json is saved before any step; without it, changed files would not be noticed.",
            "restore that file to continue this run, or start a new climb.",
        )
    began = (inputs or {}) | (run.saved(DOCUMENTS) or {})  # earlier versions saved neither
    for name in began:
        if began[name] != now.get(name, hash_of(job.path(name))):
            raise DataError(
                f"{job.path(name)} has changed since this run began.",
                "Results of its old and its new content must not be in one table.",
                "restore it to continue this run, or start a new climb.",
            )


def check_job(job: Job) -> None:
    """Check the settings of a job against each other and that its files exist; reads no data."""
    data, goal = job.settings.data, job.settings.goal
    demand_prepared(job)
    demand_mark(goal)
    if goal.incumbent is not None:
        incumbent_files(goal.incumbent, job.folder)
    if job.settings.revision and len(job.settings.bases) > 1:
        raise UsageError(
            "revision is set, and base_model lists several bases.",
            "A revision is the commit of one base.",
            "leave it out; in the list, write the address of a page with a revision "
            "(https://huggingface.co/owner/name/tree/REVISION).",
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
    named = {f"data.{key}": getattr(data, key) for key in ("documents", "guidelines", "others")}
    for key, name in (named | {"audit.harmful_requests": job.settings.audit.harmful_requests}).items():
        if name:
            demand_named(key, name, job.path(name))
    if name := job.settings.audit.harmful_requests:
        further_requests(job.path(name))
    name = job.settings.ground.embedder
    if name and not Path(name).is_dir() and (job.path(name).exists() or not is_hub_id(name)):
        demand_named("ground.embedder", name, job.path(name))


def language_issues(examples: Sequence[Example], engine: Engine) -> list[Issue]:
    """Report languages of the examples that the base hardly speaks."""
    issues = []
    found = languages(examples)
    total = sum(map(len, found.values()))
    for language, those in found.items():
        if len(those) < MIN_LANGUAGE * total:
            continue
        if evidence := evidence_against(engine, language, [one.ideal for one in those[:LANGUAGE_TEXTS]]):
            what = hardly_spoken(len(those) / total, language, engine.identity.name, evidence)
            text = f"{what}, and name a base that speaks it with --base-model, or leave these examples out"
            issues.append(Issue("language", those[0].source, "kept", text))
    return issues


def texts_of_others(job: Job, train: Sequence[Example]) -> Work[list[str]]:
    """Texts that the author of a style did not write: those of data.others, or else the messages in `train`."""
    if job.settings.data.others is None:
        return messages_in(train)
    texts = yield from read_others(job.path(job.settings.data.others))
    return of_training(texts, train)


def _shortage(measure: Measure, job: Job, train: Sequence[Example], others: Sequence[str]) -> list[Issue]:
    """What metrics that must be fitted may lack; raises DataError if one can never be fitted."""
    issues: list[Issue] = []
    for metric in measure.unfitted:
        stops, lacks = metric.shortage(train, others)
        if stops:
            raise DataError(
                f"The job cannot be climbed: {stops}", "", "add texts of the author, or choose another metric (chrf)."
            )
        if lacks:
            source = Source(job.settings.data.others or train[0].source.file, 1)
            issues.append(Issue("few texts of others", source, "kept", f"{lacks}. {BASE_MAY_FILL}"))
    return issues


def divide(examples: Sequence[Example], job: Job, looks: int, run: Run | None = None) -> Split:
    """Split examples so that no group and no near-duplicates are in two parts; `looks` counts uses of the test set.

    A run's saved split is returned as it is; raises DataError if the examples have changed since.
    """
    split = run.saved(SPLIT) if run else None
    if split is None:
        clusters = near_duplicates(examples, job.settings.data.near_duplicate)
        used = tested_before(examples, folder_of(run)) if job.settings.split.fresh_test else frozenset()
        split = freeze_split(examples, job.settings.split, job.settings.goal, clusters, looks, used)
    if run:
        verify_split(examples, run.save(SPLIT, split))
    return split
