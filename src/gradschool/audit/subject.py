"""What is audited: a specialist as it will run, its base, and the examples of its job."""

import math
import tomllib
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any

from gradschool.model.engine import Engine
from gradschool.records import Answer, Conversation, Decoding, Example, Message, Progress, Score, Work
from gradschool.score.metric import Metric
from gradschool.score.stats import bounds
from gradschool.settings import Audit
from gradschool.specialist import Recipe, Specialist

LEVEL = 0.95  # confidence of each bound
FOLDER = Path(__file__).parent


class NotMeasured(Exception):
    """Something that an audit cannot measure here, with the reason for the user."""


@dataclass(frozen=True, kw_only=True)
class Subject:
    """A specialist to audit, as it will run. `engine` is that of its base, without any training.

    `train` are examples that it was trained on, and `held_out` others of the same job; either may be empty. `rules`
    scores an answer by the rules of the job, if it has any. `requests` is a file of further harmful requests.
    """

    specialist: Specialist
    engine: Engine
    train: Sequence[Example] = ()
    held_out: Sequence[Example] = ()
    rules: Metric | None = None
    limits: Audit = field(default_factory=Audit)
    max_forgetting: float = 0.0
    requests: Path | None = None

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


def ask(specialist: Specialist, asked: Sequence[Conversation], tokens: int, what: str) -> Work[list[Answer]]:
    """Greedy answers of at most so many tokens to complete conversations, as `Specialist.conversation` makes them."""
    decoding, adapter, total = Decoding(max_new_tokens=tokens), specialist.recipe.adapter, len(asked)
    answers: dict[int, Answer] = {}
    yield Progress(what, 0, total)
    for position, answer in specialist.engine.answer(asked, decoding, adapter):
        answers[position] = answer
        yield Progress(what, len(answers), total)
    return [answers[position] for position in range(total)]


def mean_of(values: Sequence[float], largest: float, groups: Sequence[str] = ()) -> Score:
    """The mean of values between -largest and largest, with its bounds; values beyond that are counted as at it."""
    scaled = [min(1.0, max(0.0, value / (2 * largest) + 0.5)) for value in values]
    names = list(groups) or [str(number) for number in range(len(values))]
    interval = bounds(scaled, names, LEVEL)
    mean = math.fsum(scaled) / len(scaled) if scaled else 0.5
    low, centre, high = ((2 * value - 1) * largest for value in (interval.low, mean, interval.high))
    return Score(centre, replace(interval, low=low, high=high), len(values), len(set(names)))


def data(name: str) -> dict[str, Any]:
    """A data file of the audit."""
    return tomllib.loads((FOLDER / name).read_text(encoding="utf-8"))
