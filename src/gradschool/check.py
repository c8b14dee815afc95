"""What `gradschool check` finds out: the data, its faults, what the test can prove, and what would be trained on."""

from dataclasses import dataclass

from gradschool.data.issues import Issue
from gradschool.job import Job
from gradschool.model.local import LocalEngine
from gradschool.records import Message, Note, Split, Work
from gradschool.rungs.prompt import instructions_of
from gradschool.score.stats import look_level, needed_score, provable
from gradschool.specialist import Recipe, Specialist
from gradschool.workspace import open_job


@dataclass(frozen=True, slots=True)
class Shown:
    """One example as the model would be trained on it: pieces of text, each with whether it is learnt."""

    id: str
    source: str
    tokens: int
    trained_tokens: int
    pieces: list[tuple[str, bool]]


@dataclass(frozen=True, slots=True)
class Examined:
    """All that can be known about a job before it is climbed."""

    name: str
    form: str
    columns: dict[str, str]
    issues: list[Issue]
    split: Split
    groups: int
    pass_mark: float
    highest_provable: float  # the mark that would be proved if every answer were right
    needed: float | None  # the true score with which the pass mark is proved four times in five
    shown: list[Shown]
    tokens: tuple[int, int, int] | None  # shortest, median and longest example with its instructions
    context_length: int


def examine(job: Job, rows: int) -> Work[Examined]:
    """Read, check and split a job's examples and render some of them, without writing anything."""
    data = yield from open_job(job)
    level = look_level(data.goal.error_budget, data.looks)
    pass_mark = data.goal.pass_mark or 1.0
    recipe = Recipe(instructions_of(job), decoding=data.decoding)
    specialist = Specialist(data.engine, recipe)
    shown, lengths = [], []
    if isinstance(data.engine, LocalEngine):
        for number, example in enumerate(data.train):
            conversation, _ = specialist.conversation(example.question)
            rendered = data.engine.chat.render((*conversation, Message("assistant", example.ideal)))
            lengths.append(len(rendered.token_ids))
            if number < rows:
                pieces = data.engine.chat.show(rendered)
                shown.append(Shown(example.id, str(example.source), lengths[-1], rendered.trained_tokens, pieces))
        lengths.sort()
    else:
        yield Note("The base is not on this machine: which tokens it reads cannot be shown, and it cannot be tuned.")
    return Examined(
        name=job.name,
        form=data.reading.form,
        columns=data.reading.columns,
        issues=data.issues,
        split=data.split,
        groups=len({example.group for example in data.test}),
        pass_mark=pass_mark,
        highest_provable=provable(len(data.test), level),
        needed=needed_score(len(data.test), pass_mark, level),
        shown=shown,
        tokens=(lengths[0], lengths[len(lengths) // 2], lengths[-1]) if lengths else None,
        context_length=data.engine.context_length,
    )
