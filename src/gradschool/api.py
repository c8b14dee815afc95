"""The Python API: climb a job, check it, open a specialist and ask it, audit it.

Everything here is also an attribute of `gradschool`. Errors are the `GradschoolError`s of `gradschool.errors`.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeAlias, get_args

from pydantic import TypeAdapter

from gradschool import audits
from gradschool import job as jobs
from gradschool.audits import Audited
from gradschool.climbing import Climbed
from gradschool.climbing import climb as climb_run
from gradschool.data.formats import NoConversation
from gradschool.data.issues import Issue
from gradschool.data.pictures import Pictures
from gradschool.data.row_reader import RowReader
from gradschool.errors import GradschoolError, UsageError, nearest
from gradschool.events import result_of
from gradschool.examine import Examined, Shown, examine
from gradschool.job import Job
from gradschool.model import hosts
from gradschool.model.engine import Runtime
from gradschool.options import RENAMED, keyword_of, options
from gradschool.package import bundle
from gradschool.records import (
    Abstention,
    AgainstIncumbent,
    Answer,
    ComparedBase,
    Conversation,
    Cost,
    Coverage,
    Difference,
    Event,
    Example,
    Failure,
    Floor,
    Gate,
    Image,
    Interval,
    Message,
    Note,
    Passage,
    Progress,
    Report,
    RungResult,
    Score,
    Source,
    Split,
    Step,
    Use,
)
from gradschool.run import Run, allow_run
from gradschool.score import metrics
from gradschool.score.incumbent import MarginProof
from gradschool.score.provable import Proof
from gradschool.settings import Data, Rule, Settings
from gradschool.specialist import Specialist
from gradschool.survey import Surveyed
from gradschool.tune.train_job import help_train_under_torchrun
from gradschool.tune.world import current

__all__ = [
    "Abstention",
    "AgainstIncumbent",
    "Answer",
    "Audited",
    "Climbed",
    "ComparedBase",
    "Cost",
    "Coverage",
    "Difference",
    "Event",
    "Examined",
    "Example",
    "Failure",
    "Floor",
    "Gate",
    "GradschoolError",
    "Image",
    "Interval",
    "Issue",
    "Job",
    "MarginProof",
    "Message",
    "Note",
    "OpenSpecialist",
    "Passage",
    "Progress",
    "Proof",
    "Report",
    "Rule",
    "RungResult",
    "Score",
    "Settings",
    "Shown",
    "Source",
    "Split",
    "Step",
    "Surveyed",
    "Use",
    "audit_specialist",
    "check",
    "climb",
    "iter_climb",
    "open_specialist",
    "read_job",
    "resume",
]

RESULT = TypeAdapter(Climbed)
ROLES = ("system", "user", "assistant", "tool")
QUESTION = "A question is a string, a list of messages with role and content, or a row."  # in errors about questions
ASK = 'ask ["…"] or [[{"role": "user", "content": "…"}]].'
ARGUMENTS = "the arguments"  # in errors about settings
Question: TypeAlias = str | Sequence[Message | Mapping[str, str]] | Mapping[str, Any]


def read_job(path: str | Path, **settings: object) -> Job:
    """Read a job from its folder, a .toml file, or a bare file of examples.

    `settings` override the file's; their names are those of the command line's options: `pass_mark`, `learning_rates`.
    """
    return jobs.read_job(_path(path), _overrides(settings), ARGUMENTS)


def check(
    job: str | Path | Job, *, allow_host: str | None = None, trust_code: bool = False, **settings: object
) -> Examined:
    """Read, check and split the examples of a job, and report what its test set can prove. Writes nothing.

    `allow_host` and `trust_code` are those of `climb`.
    """
    return result_of(examine(_trusted(_job(job, settings), allow_host, trust_code), rows=0))


def climb(
    job: str | Path | Job,
    *,
    run: str | Path | None = None,
    allow_host: str | None = None,
    trust_code: bool = False,
    **settings: object,
) -> Climbed:
    """Climb a job to the first rung that is proven to reach the pass mark, and package that specialist.

    `run` is the folder for everything the climb writes; by default runs/NAME-1, runs/NAME-2, … `settings` override the
    job's. In a program that torchrun starts, rank 0 climbs, the other processes help with its trainings, and all return
    the same result.

    `allow_host` allows a model server, and `trust_code` the code of a custom metric; both are remembered for the user.
    """
    return _last(iter_climb(job, run=run, allow_host=allow_host, trust_code=trust_code, **settings))


def iter_climb(
    job: str | Path | Job,
    *,
    run: str | Path | None = None,
    allow_host: str | None = None,
    trust_code: bool = False,
    **settings: object,
) -> Iterator[Event | Climbed]:
    """Climb as `climb` does, and yield every note, progress, training step and rung result; last, the `Climbed`.

    The job is read at once; the run starts with the first event. If torchrun started several processes, only rank 0
    yields events; the others yield the `Climbed` alone.
    """
    read = _trusted(_job(job, settings), allow_host, trust_code)
    folder = None if run is None else _path(run)
    return _climb(lambda: Run.start(read, folder))


def resume(
    run: str | Path, *, allow_host: str | None = None, trust_code: bool = False, trust_run: bool = False
) -> Climbed:
    """Continue an interrupted run, with the job and the settings it began with; a finished one returns its result.

    `allow_host` and `trust_code` are those of `climb`. `trust_run` allows a run that the user did not begin here to
    read the files of the job that it names; it is remembered. Raises TrustError for such a run without it.
    """
    folder = _path(run)
    if trust_run:
        allow_run(folder)
    _trusted(Run.open(folder).job, allow_host, trust_code)
    return _last(_climb(lambda: Run.open(folder)))


def open_specialist(
    folder: str | Path, *, base: str | None = None, allow_host: str | None = None, runtime: Runtime = "torch"
) -> "OpenSpecialist":
    """Open a packaged specialist: verify its files, load its base; `base` is another location of the same base model.

    `folder` is the specialist's, or that of its run. A base in a folder is found by its hashes if it was used before.
    With the `runtime` "llama", llama.cpp runs a base that is from a GGUF file, on that very file.
    Raises DamagedError if a file or the base is not the one that was packaged, and TrustError if its base is on a
    server that the user has not allowed; `allow_host` allows it.
    """
    if runtime not in get_args(Runtime):
        raise UsageError(f"There is no runtime {runtime!r}.", "", f"choose {' or '.join(get_args(Runtime))}.")
    if allow_host:
        hosts.allow_host(allow_host)
    return OpenSpecialist(result_of(bundle.open_specialist(_path(folder), base, runtime)))


def audit_specialist(
    folder: str | Path,
    *,
    base: str | None = None,
    train: str | Path | None = None,
    requests: str | Path | None = None,
    held_out: str | Path | None = None,
    allow_host: str | None = None,
) -> Audited:
    """Audit a packaged specialist (or that of a run), or an adapter in PEFT's format, against its base.

    `train` is a file of the examples that it was trained on; without it, those of its run are read if they are here.
    `held_out` is a file of other examples of its job, by default the test questions of a package; an adapter comes with
    none. `requests` is a text file of further harmful requests, one per line. Writes nothing. The result has `gates`,
    each with `result`, `evidence`, `held` and `exception` ("not measured" or "nothing to lose" are no passes), and
    `result` and `held` for all.
    """
    if allow_host:
        hosts.allow_host(allow_host)
    files = [None if file is None else _path(file) for file in (train, requests, held_out)]
    return result_of(audits.audit_specialist(_path(folder), base, *files))


class OpenSpecialist:
    """A specialist in memory, ready to answer."""

    def __init__(self, specialist: Specialist) -> None:
        self._specialist = specialist

    def answer(self, questions: Iterable[Question]) -> list[Answer]:
        """Answer questions in one batch; the answers are in the order of the questions.

        A question is a string, a conversation (messages with `role` and `content`, the last one to be answered), or a
        row as examples have them (`{"instruction": "…", "input": "…"}`), whose ideal answer is not read.
        An answer has `text`, `stop` (why it ended), `citations` (passages of the documents) and `failure`, if any.
        """
        if isinstance(questions, (str, Mapping)) or not isinstance(questions, Iterable):
            raise UsageError(f"{questions!r} is not a list of questions.", QUESTION, ASK)
        conversations = [_conversation(question) for question in questions]
        answers = dict(self._specialist.answer(conversations))
        return [answers[position] for position in range(len(conversations))]

    def stream(self, question: Question) -> Iterator[str]:
        """Answer one question in chunks of text, as they are generated; citation marks are not resolved."""
        return self._specialist.stream(_conversation(question))


def _conversation(question: Question) -> Conversation:
    if isinstance(question, str):
        return (Message("user", question),)
    if isinstance(question, Mapping):
        return _conversation_of_row(question)
    if isinstance(question, Sequence) and any(map(_in_parts, question)):
        return _conversation_of_row({"messages": list(question)})
    try:
        conversation = tuple(m if isinstance(m, Message) else Message(m["role"], m["content"]) for m in question)
    except (KeyError, TypeError) as error:
        what = f"A message has no {error}." if isinstance(error, KeyError) else f"{question!r} is not a question."
        raise UsageError(what, QUESTION, ASK) from error
    if not conversation:
        raise UsageError("A conversation is empty.", QUESTION, ASK)
    for message in conversation:
        if message.role not in ROLES:
            raise UsageError(f"{message.role!r} is not a role.", f"The roles are {', '.join(ROLES)}.", ASK)
        if not isinstance(message.content, str):
            raise UsageError(f"{message.content!r} is not the content of a message.", "The content is a string.", ASK)
    return conversation


def _in_parts(message: Any) -> bool:
    """Whether the content of a message is a list of parts, such as texts and images."""
    content = message.get("content") if isinstance(message, Mapping) else None
    return isinstance(content, list) and any(isinstance(part, Mapping) for part in content)


def _conversation_of_row(row: Mapping[str, Any]) -> Conversation:
    if "role" in row:
        raise UsageError(f"{row!r} is a message, not a question.", QUESTION, ASK)
    try:
        return RowReader(Data(), pictures=Pictures((Path.cwd(),))).question(row).messages
    except NoConversation as error:
        raise UsageError(f"{row!r} is not a question.", f"The row: {error}.", ASK) from error


def _path(value: str | Path) -> Path:
    try:
        return Path(value)
    except TypeError as error:
        raise UsageError(f"{value!r} is not a path.", "A path is a string or a Path.", "give one of these.") from error


def _job(job: str | Path | Job, settings: Mapping[str, object]) -> Job:
    if isinstance(job, Job):
        return jobs.change_job(job, _overrides(settings), ARGUMENTS) if settings else job
    return read_job(job, **settings)


def _trusted(job: Job, allow_host: str | None, trust_code: bool) -> Job:
    """The same job, after remembering what its caller allows."""
    if allow_host:
        hosts.allow_host(allow_host)
    if trust_code:
        metrics.trust_code(job.settings.goal, job.folder)
    return job


def _overrides(settings: Mapping[str, object]) -> dict[str, object]:
    """Settings by their path in job.toml."""
    paths = {keyword_of(option.path): option.path for option in options()} | {"rules": "goal.rules"}
    renamed = {keyword_of(old): new for old, new in RENAMED.items()}
    for name in settings:
        if name in renamed:
            raise UsageError(f"{name!r} {renamed[name].now(keyword_of)}.", "", "use the new name.")
        if name not in paths:
            raise UsageError(
                f"There is no setting {name!r}.",
                "`gradschool settings` lists every setting.",
                nearest(name, paths),
            )
    hosts.named_by_user(settings.get("base_model"), settings.get("api_key_env"))
    return {paths[name]: value for name, value in settings.items()}


def _climb(start: Callable[[], Run]) -> Iterator[Event | Climbed]:
    if help_train_under_torchrun():
        yield RESULT.validate_python(current().receive())
        return
    with start() as run:
        climbed = yield from run.recorded(climb_run(run))
    current().broadcast(RESULT.dump_python(climbed, mode="json"))
    yield climbed


def _last(events: Iterator[Event | Climbed]) -> Climbed:
    for event in events:
        if isinstance(event, Climbed):
            return event
    raise AssertionError("a climb ends with its result")
