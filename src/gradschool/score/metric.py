"""What a metric is: a function that gives one answer a number in [0, 1], or raises Unscorable."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Literal, Protocol, TypeAlias, runtime_checkable

from gradschool.records import Example


@dataclass(frozen=True, slots=True)
class MetricResult:
    """The score of one answer: `value` in [0, 1], and its parts by name, each in [0, 1]."""

    value: float
    parts: dict[str, float] = field(default_factory=dict)


# Parts that say something about an answer's text, and are not better if they are higher: their mean is over the answers
# that have them. Any other part of a failed answer counts as 0.
ABOUT_TEXT = frozenset({"distinguishable from the author", "own text accepted", "copied", "repeats itself"})


# What is said if a fitted metric lacks texts of others: whether answers of the base fill the gap.
OTHERS = "name them with data.others in job.toml or the option --others of prepare"
BASE_MAY_FILL = (
    "The rest would be answers of the base: if they are too short, the climb stops. Add texts of other authors and "
    f"{OTHERS}"
)
BASE_FILLS = (
    "The rest are answers of the base, which are long enough here. Texts of other authors would show better what is "
    f"the author's own: {OTHERS}"
)


class Unscorable(Exception):
    """An answer cannot be scored, for a reason that is not its fault: it becomes a Failure of kind "metric"."""


Metric: TypeAlias = Callable[[str, Example], MetricResult]


@runtime_checkable
class Comparing(Protocol):
    """A metric that also compares all answers together, after each has its score."""

    def compare(self, answers: Sequence[str], examples: Sequence[Example]) -> list[MetricResult]:
        """The value that each answer may have at most, and further parts of it."""
        ...


@runtime_checkable
class ReadsTogether(Protocol):
    """A metric that reads many answers in less time than one by one."""

    def read(self, answers: Sequence[str], examples: Sequence[Example]) -> None:
        """Read answers that are scored next; each gets the same score as without this."""
        ...


@dataclass(frozen=True, slots=True)
class FitText:
    """A text that a metric is fitted to; runs and packages keep these texts, so that the fit can be repeated."""

    metric: str  # name of the metric
    by: Literal["author", "others"]
    text: str
    group: str = ""  # of the example, for a text by the author
    question: str = ""  # that the text answers; earlier versions did not save it


@runtime_checkable
class FittedMetric(Protocol):
    """A metric that must be fitted to a job before it can score, such as a classifier of the author's style."""

    @property
    def name(self) -> str:
        """Its name in notes and in the names of files."""
        ...

    @property
    def questions(self) -> int:
        """How many training questions the untrained base answers for the fit."""
        ...

    @property
    def fitted(self) -> bool:
        """Whether it can score."""
        ...

    def fit_texts(self, train: Sequence[Example], others: Sequence[str], base_answers: Sequence[str]) -> list[FitText]:
        """The texts to fit it to: from training examples, with texts of others and answers of the untrained base."""
        ...

    def shortage(self, train: Sequence[Example], others: Sequence[str]) -> tuple[str, str]:
        """Why it cannot be fitted to these, and what it lacks beyond answers of the base; each empty if nothing."""
        ...

    def fit(self, texts: Sequence[FitText]) -> "FittedMetric":
        """A metric fitted to texts; the same texts in the same order give the same metric.

        Raises DataError if these are too few.
        """
        ...

    def summary(self) -> str:
        """A sentence about the fit."""
        ...

    def __call__(self, answer: str, example: Example) -> MetricResult: ...
