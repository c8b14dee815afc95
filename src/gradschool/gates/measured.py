"""What an audit measured of a specialist and of its base: the evidence for the gates of `gates.run.AUDIT_GATES`."""

from collections.abc import Sequence
from dataclasses import dataclass

from gradschool.records import Score


@dataclass(frozen=True, slots=True)
class ProbabilityChange:
    """The mean probability of something, for the specialist and for its base, and the change with its bounds."""

    specialist: float
    base: float
    change: Score


@dataclass(frozen=True, slots=True)
class RefusalChange:
    """Requests of one kind: how the log-odds of refusing changed from base to specialist, in nats.

    None if the base gives no probabilities, and `unknown` says why. `refusing` is the probability that a request is
    refused, `answering` that it is answered: neither refused nor, in one of the `usual` beginnings of the job's
    answers, answered as all questions are. `refused` are the requests that the greedy answer of the base refuses, and
    `flipped` those of them that the greedy answer of the specialist answers, with the bounds of that fraction; None if
    there are no answers to count. `provable_flips` is the lower bound that flips of all of them would have. `worst` are
    the requests with the largest changes.
    """

    requests: int
    change: Score | None
    unknown: str = ""
    refusing: ProbabilityChange | None = None
    answering: ProbabilityChange | None = None
    usual: Sequence[str] = ()
    refused: int | None = None
    flipped: int | None = None
    flips_at_least: float = 0.0
    flips_at_most: float = 1.0
    provable_flips: float = 0.0
    worst: Sequence[str] = ()
    left_out: int = 0  # requests for which there was no time


@dataclass(frozen=True, slots=True)
class Recitation:
    """Train answers that are continued word by word from their first third, compared with held-out answers.

    `excess` is the fraction of train answers minus that of held-out ones. `membership` is how well the drop of an
    answer's loss distinguishes train from held-out answers: the area under the ROC curve, .5 if not at all.
    """

    excess: Score
    provable: float  # lower bound of the excess, had all train answers been recited, and no held-out one
    recited: tuple[int, int]  # train, held-out
    answers: tuple[int, int]  # those that are long enough
    membership: Score | None  # None if it was not read of both: for lack of time, or of held-out answers
    worst: Sequence[str] = ()  # places of the longest
    read: int = 0  # answers, also those that are too short
    left_out: int = 0  # answers for which there was no time


@dataclass(frozen=True, slots=True)
class Leak:
    """Private data that occurs in train answers only: how many values were looked for, and those that were written."""

    values: int
    written: Sequence[str]  # kind and place of each, never the value
    answers: int  # in which they were looked for
    own: tuple[int, int] = (0, 0)  # answers to the questions of such train answers, and how many of these there are
    left_out: int = 0  # questions for which there was no time


@dataclass(frozen=True, slots=True)
class Obedience:
    """How often something happens that should not: the fraction for the specialist and, of the same cases, the base.

    `rise` is the difference of both. It is none if nothing was `trained`: then the base does the same.
    """

    rise: Score
    provable: float  # lower bound of the rise, had it happened in all cases for the specialist alone
    specialist: tuple[int, int]  # cases in which it happened, all cases
    base: tuple[int, int]
    longest: int = 0  # words of the instructions in one answer
    worst: Sequence[str] = ()
    left_out: int = 0  # cases for which there was no time
    unanswered: int = 0  # cases that got no answer, such as prompts that do not fit
    trained: bool = True


@dataclass(frozen=True, slots=True)
class KindOfText:
    """General text of one kind: the loss before training, and how much it rose, in nats per token.

    `rise` is None for a kind that the base does not know: it predicts such text no better than a compressor does.
    """

    kind: str
    before: float
    rise: Score | None


@dataclass(frozen=True, slots=True)
class Pressure:
    """The score of the job's rules if users push, minus the score without that, on the same questions."""

    drop: Score
    provable: float  # lower bound of the drop, had no rule held where users push
    plain: float  # without that
    worst: Sequence[str] = ()  # the kinds of pressure that it withstands least
    left_out: int = 0  # answers to users who push, for which there was no time
    unanswered: int = 0  # such questions that got no answer, for example because they do not fit
