"""Audit a packaged specialist, or an adapter of others over its base, and write down what was found."""

import shlex
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Literal

from gradschool.audit.audit import audit
from gradschool.audit.safety import further_requests
from gradschool.audit.subject import Subject, ask, question
from gradschool.data.check import check
from gradschool.data.decided import job_examples
from gradschool.data.read import read_examples
from gradschool.data.split import split_of
from gradschool.errors import DamagedError, GradschoolError, UsageError
from gradschool.file_names import SERVER
from gradschool.job import demand_named, settings_of_base
from gradschool.model.engine import Engine
from gradschool.model.hosts import named_by_user
from gradschool.model.kinds import ADAPTER, base_of
from gradschool.model.opening import open_engine, path_named
from gradschool.package.bundle import open_specialist
from gradschool.package.evidence import demand_files, packaged_questions
from gradschool.package.manifest import EVIDENCE, MANIFEST, Manifest, read_manifest, specialist_folder
from gradschool.records import Example, Gate, Note, Work
from gradschool.run import Run
from gradschool.run_keys import SPLIT
from gradschool.saved_job import JOB_FILE, is_own_run, may_read_job, read_saved_job
from gradschool.score.rules import read_rules
from gradschool.settings import Data, Settings, Tune
from gradschool.specialist import Recipe, Specialist


@dataclass(frozen=True, slots=True)
class Audited:
    """The result of an audit: what was audited, over which base, and each gate."""

    name: str
    base: str
    gates: tuple[Gate, ...]

    @property
    def held(self) -> bool:
        """Whether no gate rejects it; it may be that none could be measured (`result`)."""
        return all(gate.held for gate in self.gates)

    @property
    def result(self) -> Literal["passed", "failed", "not measured"]:
        """Failed if a gate rejects it, passed if at least one gate passed; else nothing was measured."""
        if not self.held:
            return "failed"
        return "passed" if any(gate.result == "passed" for gate in self.gates) else "not measured"

    def as_json(self) -> dict[str, Any]:
        """All of it as plain values, with the results in words: a gate that holds may not have been measured."""
        gates = [asdict(gate) | {"result": gate.result} for gate in self.gates]
        return {"name": self.name, "base": self.base, "held": self.held, "result": self.result, "gates": gates}


def audit_specialist(
    path: Path,
    base: str | None = None,
    train: Path | None = None,
    requests: Path | None = None,
    held_out: Path | None = None,
) -> Work[Audited]:
    """Audit the specialist in a folder (or in that of its run), or an adapter in PEFT's format over its base.

    `train` are the examples that it was trained on; without them, those of its run are read if that is here. `held_out`
    are others of the same job, by default the test questions of a package; an adapter comes with none. `requests` is a
    file of further harmful requests. Raises UsageError for a folder that is neither.
    """
    if requests:
        demand_named("--requests", str(requests), requests)
        further_requests(requests)
    subject = yield from (_of_adapter(path, base) if is_adapter(path) else _of_specialist(path, base))
    if train:
        subject = replace(subject, train=_named(train, "train"))
    if held_out:
        subject = replace(subject, held_out=_named(held_out, "held-out"))
    if requests:
        subject = replace(subject, requests=requests)
    gates = yield from audit(subject)
    return Audited(str(path), subject.engine.identity.name, gates)


def _named(file: Path, kind: str) -> list[Example]:
    """The examples in a file that the user named; ids are unique in one file only, so the kind is added to them."""
    return [replace(one, id=f"{kind} {one.id}") for one in check(read_examples(file, Data())).examples]


def is_adapter(path: Path) -> bool:
    """Whether a folder holds an adapter in PEFT's format, and is no specialist."""
    return (path / ADAPTER).is_file() and not (path / MANIFEST).exists()


def _of_adapter(path: Path, base: str | None) -> Work[Subject]:
    named_by_user(base)
    name = base or base_of(path / ADAPTER)
    if not name:
        raise UsageError(
            f"The base of the adapter in {path} is not known.",
            f"Its {ADAPTER} names none.",
            "name it: --base FOLDER.",
        )
    if not base and path_named(name, Path()):
        raise UsageError(
            f"The base of the adapter in {path} is a folder: {name}.",
            "A folder that a file of others names is not read without being asked for.",
            f"name it: --base {shlex.quote(name)}.",
        )
    settings = settings_of_base(name)
    if str(settings.base_model).startswith(SERVER):
        raise UsageError(
            f"The adapter in {path} cannot be audited over a server: {name}.",
            "A server cannot apply an adapter to its model.",
            "name the base's folder or its Hub id: --base FOLDER.",
        )
    engine: Engine = yield from open_engine(settings, Path(), packaged=True)
    yield Note(f"{path} is an adapter: it is asked without instructions, over {engine.identity.name}.")
    specialist = Specialist(engine, Recipe(adapter=str(path)))
    # An adapter that does not fit its base would have no part that could be measured: that is an error, not a result.
    yield from ask(specialist, [specialist.conversation(question("Hello"))[0]], 1, "audit: reading the adapter")
    return Subject(specialist=specialist, engine=engine, max_forgetting=Tune().max_forgetting)


def _of_specialist(path: Path, base: str | None) -> Work[Subject]:
    folder = specialist_folder(path)
    manifest = read_manifest(folder)
    specialist = yield from open_specialist(folder, None if manifest.has_weights else base)
    engine = specialist.engine
    if manifest.has_weights:  # its own weights replace those of the base
        engine = yield from _base_of_weights(folder, manifest, base)
    place = folder / EVIDENCE
    examples, goal = packaged_questions(folder), read_saved_job(place / JOB_FILE).settings.goal
    demand_files(goal, place)
    record = folder.parent / JOB_FILE
    # The limits of a stranger's run could be such that no gate rejects it.
    settings = read_saved_job(record).settings if record.is_file() and is_own_run(record) else Settings()
    return Subject(
        specialist=specialist,
        engine=engine,
        train=(yield from _train_of_run(record)),
        held_out=examples,
        rules=read_rules(goal.rules, place)[0] if goal.rules else None,
        limits=settings.audit,
        max_forgetting=settings.tune.max_forgetting,
    )


def _base_of_weights(folder: Path, manifest: Manifest, base: str | None) -> Work[Engine]:
    """The base that a specialist with weights of its own was trained from: its package has no hash of it."""
    named_by_user(base)
    if not base and manifest.in_folder:
        raise UsageError(
            f"The base that {folder} was trained from is a folder: {manifest.base_name}.",
            "A specialist with weights of its own does not say where that is, or how it is recognized.",
            "name it: --base FOLDER.",
        )
    revision = None if base else manifest.base.revision or None
    engine: Engine = yield from open_engine(
        settings_of_base(base or manifest.base_model, revision=revision), Path(), packaged=True
    )
    if engine.identity.template != manifest.base.template:
        raise DamagedError(
            f"{engine.identity.name} is not the base that {folder} was trained from.",
            "Its chat template differs.",
            "name the base that it was trained from: --base FOLDER.",
        )
    return engine


def _train_of_run(record: Path) -> Work[Sequence[Example]]:
    """The train examples of the run that a specialist lies in, if its job is still here, and it may read that."""
    if not record.is_file():
        return ()
    if not may_read_job(record):
        yield Note(f"{record.parent} was not begun here, so its job is not read: name the train examples with --train.")
        return ()
    run = Run.open(record.parent)
    split = run.saved(SPLIT)
    try:
        examples = check(job_examples(run.job)).examples
    except GradschoolError as error:
        yield Note(f"The examples of its job cannot be read, so memorization is not measured: {error.what}", "warning")
        return ()
    return split_of(examples, split)[0] if split else ()
