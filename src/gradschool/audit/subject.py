"""What is audited: a specialist as it will run, its base, and the examples of its job."""

import math
import statistics
import tomllib
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any

from scipy.stats import t

from gradschool.audit.budget import Budget
from gradschool.model.engine import Engine
from gradschool.records import Answer, Conversation, Decoding, Example, Interval, Message, Progress, Score, Work
from gradschool.score.metric import Metric
from gradschool.score.stats import bounds
from gradschool.settings import Audit
from gradschool.specialist import Recipe, Specialist

LEVEL = 0.95  # confidence of each bound
FOLDER = Path(__file__).parent
NOT_TRAINED = "Nothing was trained."
NO_TIME = "There was no time for it ([audit] max_fraction); `gradschool audit` measures it."


class NotMeasured(Exception):
    """Something that an audit cannot measure here, with the reason for the user."""


@dataclass(frozen=True, kw_only=True)
class Subject:
    """A specialist to audit, as it will run. `engine` is that of its base, without any training.

    `train` are examples that it was trained on, and `held_out` others of the same job; either may be empty. `rules`
    scores an answer by the rules of the job, if it has any. `requests` is a file of further harmful requests. If its
    `budget` has a limit, the engines count in it (`metered`).
    """

    specialist: Specialist
    engine: Engine
    train: Sequence[Example] = ()
    held_out: Sequence[Example] = ()
    rules: Metric | None = None
    limits: Audit = field(default_factory=Audit)
    max_forgetting: float = 0.0
    requests: Path | None = None
    budget: Budget = field(default_factory=Budget)

    @property
    def trained(self) -> bool:
        """Whether anything was trained."""
        return bool(self.specialist.recipe.adapter or self.specialist.recipe.weights)

    @cached_property
    def base(self) -> Specialist:
        """The base as it comes: without instructions, examples, passages and training."""
        return Specialist(self.engine, Recipe(decoding=self.specialist.recipe.decoding))

    @cached_property
    def untrained(self) -> Specialist:
        """The base with the specialist's recipe, but without its training."""
        return Specialist(self.engine, replace(self.specialist.recipe, adapter="", weights=""))


def question(text: str) -> Conversation:
    """A conversation that a user begins."""
    return (Message("user", text),)


def around_last_user(conversation: Conversation, before: str = "", after: str = "") -> Conversation:
    """A conversation with paragraphs before and after the text of its last user message."""
    turns = list(conversation)
    last = max(place for place, message in enumerate(turns) if message.role == "user")
    text = "\n\n".join(part for part in (before, turns[last].content, after) if part)
    turns[last] = replace(turns[last], content=text)
    return tuple(turns)


def ask(specialist: Specialist, asked: Sequence[Conversation], tokens: int, what: str) -> Work[list[Answer]]:
    """Greedy answers of at most so many tokens to complete conversations, as `Specialist.conversation` makes them."""
    decoding, adapter, total = Decoding(max_new_tokens=tokens), specialist.recipe.adapter, len(asked)
    answers: dict[int, Answer] = {}
    yield Progress(what, 0, total)
    for position, answer in specialist.engine.answer(asked, decoding, adapter):
        answers[position] = answer
        yield Progress(what, len(answers), total)
    return [answers[position] for position in range(total)]


def difference_of(values: Sequence[float], groups: Sequence[str]) -> Score:
    """The mean of differences of fractions, each in [-1, 1], with its bounds (see `score.stats`)."""
    interval = bounds([(value + 1) / 2 for value in values], groups, LEVEL)
    mean = math.fsum(values) / len(values) if values else 0.0
    return Score(
        mean, replace(interval, low=2 * interval.low - 1, high=2 * interval.high - 1), len(values), len(set(groups))
    )


def mean_nats(values: Sequence[float], level: float = LEVEL) -> Score:
    """The mean of independent values in nats, which have no limits, with the bounds of Student's t-distribution."""
    count, mean = len(values), math.fsum(values) / len(values) if values else 0.0
    half = math.inf
    if count > 1:
        half = float(t.ppf(level, count - 1)) * statistics.stdev(values) / math.sqrt(count)
    return Score(mean, Interval(mean - half, mean + half, level), count, count)


def data(name: str) -> dict[str, Any]:
    """A data file of the audit."""
    return tomllib.loads((FOLDER / name).read_text(encoding="utf-8"))
