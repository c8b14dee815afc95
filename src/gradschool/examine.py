"""What `gradschool check` reports: the data and its issues, what the test set can prove, and the tokens trained on."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from gradschool.data.instructions import instructions_of
from gradschool.data.issues import Issue
from gradschool.job import Job
from gradschool.model.chat import Chat
from gradschool.model.here import features_of
from gradschool.package.floor_words import notes_about
from gradschool.records import Example, Message, Note, Split, Work
from gradschool.rungs.ladder import LADDER
from gradschool.score.floors import Trivial, find_floors
from gradschool.score.incumbent import MarginProof
from gradschool.score.provable import Proof
from gradschool.settings import Goal
from gradschool.specialist import Recipe, Specialist
from gradschool.survey import Surveyed, smallest, survey
from gradschool.workspace import Dataset, Workspace, check_job, open_job


@dataclass(frozen=True, slots=True)
class Shown:
    """One example as it is tokenized for training: segments of text, each with whether the loss is computed on it.

    Without a local base, the segments are the messages that are sent, and the token count is an estimate.
    """

    id: str
    source: str
    tokens: int
    trained_tokens: int
    segments: list[tuple[str, bool]]


@dataclass(frozen=True, slots=True)
class Examined:
    """Everything that can be known about a job before it is climbed."""

    name: str
    form: str
    columns: dict[str, str]
    issues: list[Issue]
    split: Split
    proof: Proof | None  # what the test set can prove about the pass mark, if there is one
    shown: list[Shown]
    first: Example  # as it is trained on, without reasoning
    tokens: tuple[int, int, int] | None  # of the shortest, median and longest example with its instructions
    context_length: int
    groups: int  # of test examples
    margin: MarginProof | None = None  # what it can prove about the margin to the incumbent, if there is one
    unanswered: tuple[str, ...] = ()  # ids of test examples without an answer of the incumbent
    floors: dict[str, float] = field(default_factory=dict)  # scores of trivial answers; not of metrics that are fitted
    bases: tuple[Surveyed, ...] = ()  # if the job names several; the tokens are those of the `base`
    base: str = ""

    @property
    def pass_mark(self) -> float | None:
        """The pass mark of the job."""
        return self.proof.pass_mark if self.proof else None

    @property
    def highest_provable(self) -> float | None:
        """The highest pass mark that this test set can prove; None without a pass mark."""
        return self.proof.highest if self.proof else None

    @property
    def needed(self) -> float | None:
        """The true score at which the pass mark is proven with a probability of 0.8; None: at no score."""
        return self.proof.needed if self.proof else None


def examine(job: Job, rows: int) -> Work[Examined]:
    """Read, check and split a job's examples and tokenize `rows` of them; writes nothing.

    Of several bases, each is opened, and the report is for the smallest one that can be used.
    """
    bases: tuple[Surveyed, ...] = ()
    if len(job.settings.bases) > 1:
        check_job(job)
        bases = yield from survey(job, LADDER)
        job = job.over(smallest(bases))
    workspace = yield from open_job(job)
    data = workspace.data
    shown: list[Shown] = []
    lengths: list[int] = []
    specialist = Specialist(workspace.engine, Recipe(instructions_of(job), decoding=workspace.decoding))
    if workspace.engine.chat:
        shown = tokenize(specialist, workspace.engine.chat, data.train[:rows])
        lengths = sorted(data.lengths[example.id] for example in data.train)
    else:
        yield Note("The base is not on this machine: it cannot be tuned, and its tokens cannot be shown.")
        shown = sent(specialist, data.train[:rows])
    floors = yield from _floors(workspace, job.settings.goal)
    return Examined(
        name=job.name,
        form=data.reading.form,
        columns=data.reading.columns,
        issues=data.issues,
        split=data.split,
        proof=workspace.proof_with(floors),
        shown=shown,
        first=_first(data),
        tokens=(lengths[0], lengths[len(lengths) // 2], lengths[-1]) if lengths else None,
        context_length=workspace.engine.context_length,
        groups=len({example.group for example in data.test}),
        margin=workspace.margin_with(floors),
        unanswered=workspace.incumbent.unanswered if workspace.incumbent else (),
        floors={floor.kind: floor.mean for floor in floors},
        bases=bases,
        base=job.settings.base,
    )


def _floors(workspace: Workspace, goal: Goal) -> Work[tuple[Trivial, ...]]:
    """The scores of trivial answers; none if a metric must be fitted first, which only a climb does."""
    if workspace.measure.unfitted:
        names = ", ".join(metric.name for metric in workspace.measure.unfitted)
        yield Note(f"Floors (scores of trivial answers) are shown in the climb only, because it fits {names}.")
        return ()
    data, seen = workspace.data, features_of(workspace.engine)
    floors = yield from find_floors(data.train, data.test, workspace.measure.decides, goal.metric, seen)
    yield from notes_about(floors, goal.metric, goal.pass_mark)
    return floors


def _first(data: Dataset) -> Example:
    """The first example of the file as a climb uses it; as it was read, if it is left out."""
    first = data.reading.examples[0]
    used = {example.id: example for part in (data.train, data.validation, data.test) for example in part}
    return used.get(first.id) or next((used[e.id] for e in data.reading.examples if e.id in used), first)


def tokenize(specialist: Specialist, chat: Chat, examples: Sequence[Example]) -> list[Shown]:
    """Examples as rows of training."""
    shown = []
    for example in examples:
        conversation, _ = specialist.conversation(example.question)
        row = chat.render((*conversation, Message("assistant", example.ideal)))
        shown.append(Shown(example.id, str(example.source), len(row.token_ids), row.trained_tokens, chat.show(row)))
    return shown


def sent(specialist: Specialist, examples: Sequence[Example]) -> list[Shown]:
    """The messages that are sent for each example: a segment for each, with its role."""
    shown = []
    for example in examples:
        conversation, _ = specialist.conversation(example.question)
        tokens = specialist.engine.count_tokens(conversation)
        segments = [(f"{message.role}: {message.content}\n", False) for message in conversation]
        shown.append(Shown(example.id, str(example.source), tokens, 0, segments))
    return shown
