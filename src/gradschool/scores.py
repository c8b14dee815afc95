"""Scores with their bounds, what they are compared with (rungs, floors, an incumbent), and the results of gates."""

from dataclasses import dataclass, field
from typing import Literal

from gradschool.values import Count, Fraction, Level, Real

Verdict = Literal["passed", "failed", "not proven"]


@dataclass(frozen=True, slots=True)
class Interval:
    """Confidence bounds of a mean; `level` is the confidence of each bound alone (one-sided)."""

    low: Real
    high: Real
    level: Level


@dataclass(frozen=True, slots=True)
class Score:
    """The mean of one metric over examples, with its bounds; a failed example counts as 0."""

    mean: Real
    interval: Interval
    examples: Count
    groups: Count


@dataclass(frozen=True, slots=True)
class Difference:
    """A paired comparison with the rung `other` on the same examples: mean of (this - other), two-sided bounds."""

    other: str
    mean: Real
    interval: Interval


@dataclass(frozen=True, slots=True)
class ComparedBase:
    """A base of several that a job names, as it was compared with the others on validation; no score: it was left out.

    `reason` says why it was chosen or not. The difference is the best base's from this one.
    """

    base: str
    bytes: Count = 0  # of its files; 0: not known
    chosen: bool = False
    reason: str = ""
    score: Score | None = None
    difference: Difference | None = None  # none of the best one
    recipe: str = ""  # that reached the score, in a few words
    tokens_per_second: Real = 0.0  # written, on validation
    seconds: Real = 0.0  # to compare it


@dataclass(frozen=True, slots=True)
class Abstention:
    """When a specialist abstains, and what it says then: if the `signal` of its answer is below the `threshold`."""

    signal: str
    threshold: Real
    text: str


FloorKind = Literal["constant", "nearest", "question", "letter", "probe", "nearest image"]


@dataclass(frozen=True, slots=True)
class Floor:
    """The score of trivial answers, which need no model, to the same test questions; and how far a rung is above it.

    The answers are one `constant` text, the ideal answer to the `nearest` training question, the `question` itself, or
    one `letter`. For labels of images, also those of a linear `probe` on what the base's vision tower computes, and of
    the `nearest image` by it. A rung must be proven better than each floor that is `binding`; others are only reported.
    """

    kind: FloorKind
    score: Score
    difference: Difference
    answer: str = ""  # the constant text
    binding: bool = True


@dataclass(frozen=True, slots=True)
class Coverage:
    """How many questions a specialist answered that abstains if it is not sure: the others are for a person.

    `curve` is the risk-coverage curve: the fraction that would be answered at other thresholds, from the surest
    question on, and the score of these answers.
    """

    share: Score  # 1 for each question that it answered
    min_share: Real
    abstention: Abstention
    all_answers: Real  # the mean score if it had answered every question
    curve: tuple[tuple[float, float], ...] = ()


@dataclass(frozen=True, slots=True)
class AgainstIncumbent:
    """The paired comparison with what the user has now, on the questions that it answered, and its verdict."""

    name: str  # of its file
    margin: Real  # by which a score may be lower
    difference: Difference
    verdict: Verdict
    score: Real  # of the incumbent on these questions
    examples: Count
    groups: Count
    unanswered: Count  # questions without an answer of the incumbent
    more_examples: int | None  # as in Report
    failures: dict[str, int] = field(default_factory=dict)  # of the incumbent's answers, by kind; each counts as 0
    # The upper bound of the difference on validation, if that excludes the margin: then the test set decides nothing.
    validation_high: Real | None = None


@dataclass(frozen=True, slots=True)
class Use:
    """How a climb uses its test set, which sets what its verdict means."""

    climb: Count = 1  # the number of climbs on this test set, with this one
    budget: Fraction = 0.0  # this climb's part of the error probability; 0 in older runs
    chance: Fraction = 0.0  # the highest probability that one of these climbs passes falsely
    per_group: Count = 0  # the most test examples of a group; 0: all of them
    unasked: Count = 0  # questions that were not asked, because no answers to them could change the verdict


@dataclass(frozen=True, slots=True)
class Gate:
    """The result of a check that a specialist must pass in addition to its score.

    A gate with an `exception` does not reject, and has not passed either: what it needs could not be measured, or the
    base had nothing to lose.
    """

    name: str
    held: bool
    evidence: str
    exception: Literal["", "not measured", "nothing to lose"] = ""

    @property
    def result(self) -> str:
        """The result in words: passed, failed, or why it is neither."""
        return (self.exception or "passed") if self.held else "failed"
