"""The data types shared by all packages, as frozen dataclasses.

Text positions count characters from 0; lines and pages count from 1; times are in seconds, sizes in bytes.
"""

import math
from collections.abc import Generator
from dataclasses import dataclass, field
from typing import Any, Literal, TypeAlias, TypeVar

from gradschool.constraint import Constraint as Constraint
from gradschool.messages import IMAGE as IMAGE
from gradschool.messages import Conversation as Conversation
from gradschool.messages import Image as Image
from gradschool.messages import Message as Message
from gradschool.messages import as_text as as_text
from gradschool.messages import last_user as last_user
from gradschool.scores import Abstention as Abstention
from gradschool.scores import AgainstIncumbent as AgainstIncumbent
from gradschool.scores import ComparedBase as ComparedBase
from gradschool.scores import Coverage as Coverage
from gradschool.scores import Difference as Difference
from gradschool.scores import Floor as Floor
from gradschool.scores import FloorKind as FloorKind
from gradschool.scores import Gate as Gate
from gradschool.scores import Interval as Interval
from gradschool.scores import Score as Score
from gradschool.scores import Use as Use
from gradschool.scores import Verdict as Verdict
from gradschool.values import Count, Fraction, NewTokens, Real, Seed, Temperature, Value

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class BaseIdentity:
    """Identifies a base model: what kind of engine runs it, its name, and the hashes that would show a change.

    `revision` is a commit of the Hub, `bits` is "4" for a base in NF4, and `address` is that of a server.
    """

    kind: str = ""
    name: str = ""
    revision: str = ""
    weights: str = ""  # SHA-256
    template: str = ""  # SHA-256 of the chat template
    bits: str = ""
    address: str = ""
    files: str = ""  # SHA-256 over config and tokenizer; empty if an earlier version saved it
    gguf: str = ""  # SHA-256 of the file that the weights are from; empty if they are not from GGUF

    def other_part(self, expected: "BaseIdentity") -> str:
        """The part in which this base differs from an expected one, as far as that one's hashes are known."""
        for part, name in (("weights", "weights"), ("template", "chat template"), ("files", "tokenizer or config")):
            if getattr(expected, part) and getattr(expected, part) != getattr(self, part):
                return name
        return ""


@dataclass(frozen=True, slots=True)
class Source:
    """Where something was read: a file, as the user named it, and a line."""

    file: str
    line: Count

    def __str__(self) -> str:
        return f"{self.file}:{self.line}"


@dataclass(frozen=True, slots=True)
class Example:
    """A conversation whose last message is the ideal answer.

    `group` is the thread, document or customer it comes from; a split never separates examples of one group. `date` is
    when it was written, in ISO 8601, or empty. `other_answers` are right answers in other words.
    """

    id: str
    messages: Conversation
    group: str
    source: Source
    date: str = ""
    other_answers: tuple[str, ...] = ()

    @property
    def question(self) -> Conversation:
        """The messages before the ideal answer."""
        return self.messages[:-1]

    @property
    def ideal(self) -> str:
        """The ideal answer."""
        return self.messages[-1].content

    @property
    def images(self) -> tuple[Image, ...]:
        """The images of the question."""
        return tuple(image for message in self.question for image in message.images)

    @property
    def last_user(self) -> str:
        """The last user message: the query for searching documents and other examples."""
        return last_user(self.question)


@dataclass(frozen=True, slots=True)
class Split:
    """The ids of the train, validation and test examples, and a hash over ids and contents.

    `reason` says in a sentence why the parts have these sizes. `near` are clusters of examples with near-duplicate
    questions, which make one unit of their groups. Splits of older runs have neither.
    """

    train: tuple[str, ...]
    validation: tuple[str, ...]
    test: tuple[str, ...]
    hash: str
    reason: str = ""
    near: tuple[tuple[str, ...], ...] = ()
    per_group: int = 0  # the most test examples of a group; 0: all of them
    left_out: tuple[str, ...] = ()  # further examples of test groups, which nothing uses

    @property
    def ids(self) -> frozenset[str]:
        """The ids of all examples that were split."""
        return frozenset((*self.train, *self.validation, *self.test, *self.left_out))

    def __str__(self) -> str:
        """The sizes and their reason, in one line."""
        parts = f"{len(self.train)} train, {len(self.validation)} validation, {len(self.test)} test"
        because = f", because {self.reason}" if self.reason else ""
        return f"{len(self.ids)} examples: {parts}{self._capped()} (split {self.hash[:8]}){because}"

    def _capped(self) -> str:
        if not self.per_group:
            return ""
        near = frozenset(id_ for ids in self.near for id_ in ids)
        alike = "near-duplicates of one question" if near.issuperset(self.left_out) else "each group"
        return f" (at most {self.per_group} of {alike}, which proves more; {len(self.left_out)} are left out)"

    def advice(self) -> str:
        """The sizes, their reason and what changes them, in one line."""
        option = "--max-test" if self.reason.startswith("max_test") else "--test-share"
        return f"{self}; change with `{option}`."


@dataclass(frozen=True, slots=True)
class Passage:
    """A passage of a document with its exact position: `document_text[start:end] == text`.

    `table_head` is the first row of the table that the passage continues, which names the columns of its rows.
    """

    id: str
    text: str
    file: str
    start: Count
    end: Count
    first_line: Count
    last_line: Count
    heading: str = ""
    page: Count | None = None
    table_head: str = ""

    def as_citation(self) -> dict[str, Any]:
        """The JSON object that represents it in the citations of an answer."""
        lines = [self.first_line, self.last_line]
        return {"file": self.file, "lines": lines, "page": self.page, "text": self.text}

    def __str__(self) -> str:
        lines = f"{self.first_line}" if self.first_line == self.last_line else f"{self.first_line}-{self.last_line}"
        return f"{self.file}:{lines}"


@dataclass(frozen=True, slots=True)
class Decoding:
    """How tokens are sampled: greedily at temperature 0, else with nucleus sampling (`top_p`) and `seed`.

    With `log_probs`, answers have `signals`. A `constraint` says what an answer may be.
    """

    max_new_tokens: NewTokens = 256
    temperature: Temperature = 0.0
    top_p: Fraction = 1.0
    seed: Seed = 0
    log_probs: bool = field(default=False, repr=False)  # it changes no text; answers are saved by a hash of the repr
    constraint: Constraint | None = field(default=None, repr=False)  # older runs have none in that hash

    @property
    def compares(self) -> bool:
        """Whether labels are compared instead of being written."""
        return self.constraint is not None and bool(self.constraint.bias)


@dataclass(frozen=True, slots=True)
class NumberFormat:
    """The number format that a base computes in on a kind of device, and the reason, with what was measured."""

    name: Literal["float32", "bfloat16", "float16"]
    device: str
    reason: str = ""


FailureKind = Literal["empty answer", "cut off", "too long for the model", "server", "metric", "no answer"]


@dataclass(frozen=True, slots=True)
class Failure:
    """Why an example has no score; failures count as 0 and are reported by kind."""

    kind: FailureKind
    reason: str


@dataclass(frozen=True, slots=True)
class Answer:
    """The answer of an engine: its text, finish reason and cost.

    `signals` say how sure it is, by name; higher is surer. `abstained` is None for a specialist that answers every
    question. If it is true, `text` says that the question is for a person, and `draft` is the answer that was withheld.
    `label_log_probs` are those of all labels, in nats, where labels were compared and nothing was corrected.
    """

    text: str
    stop: Literal["stop", "length", "error"] = "stop"
    prompt_tokens: Count = 0
    new_tokens: Count = 0
    seconds: Real = 0.0
    citations: tuple[Passage, ...] = ()
    failure: Failure | None = None
    signals: dict[str, float] = field(default_factory=dict)
    abstained: bool | None = None
    draft: str = ""
    label_log_probs: tuple[Real, ...] = ()


@dataclass(frozen=True, slots=True)
class SavedAnswer:
    """An answer with the id of its example, as a run saves it."""

    id: str
    answer: Answer


@dataclass(frozen=True, slots=True)
class Scored:
    """A question, its answer, and the value of each metric."""

    id: str
    group: str
    question: str
    ideal: str
    answer: Answer
    value: Value
    parts: dict[str, Real] = field(default_factory=dict)  # other metrics, and every rule by name
    failure: Failure | None = None


@dataclass(frozen=True, slots=True)
class Cost:
    """Average cost per answer."""

    prompt_tokens: Real
    new_tokens: Real
    seconds: Real


@dataclass(frozen=True, slots=True)
class Report:
    """The scores of a candidate on one set of examples, and the verdict: on the pass mark, the incumbent, or both."""

    metric: str
    score: Score
    verdict: Verdict
    pass_mark: Real | None
    more_examples: Count | None  # how many more would probably decide a `not proven`; None: no number would
    parts: dict[str, Score] = field(default_factory=dict)
    failures: dict[str, Count] = field(default_factory=dict)
    cost: Cost = Cost(0.0, 0.0, 0.0)
    difference: Difference | None = None  # from the rung that this one was built on; older runs: from the previous one
    best_difference: Difference | None = None  # from the rung with the best score so far, if that is another one
    group_name: str = ""  # the column that names the groups, if there is one
    # The upper bound on validation, if that lies below the pass mark: then the test set decides nothing.
    validation_high: Real | None = None
    use: Use = field(default_factory=Use)
    floors: tuple[Floor, ...] = ()  # none in older runs
    coverage: Coverage | None = None  # if it abstains; then all scores are those of the answered questions
    incumbent: AgainstIncumbent | None = None

    @property
    def floor(self) -> Floor | None:
        """The floor to beat with the highest score."""
        return max((one for one in self.floors if one.binding), key=lambda one: one.score.mean, default=None)

    @property
    def unbeaten(self) -> tuple[Floor, ...]:
        """The floors to beat that this rung is not proven to be better than."""
        return tuple(one for one in self.floors if one.binding and one.difference.interval.low <= 0)

    @property
    def on_validation(self) -> bool:
        """Whether validation decided the verdict, so that the test set decides nothing."""
        return self.validation_high is not None or bool(self.incumbent and self.incumbent.validation_high is not None)

    @property
    def asked(self) -> Score:
        """A score of all test examples, also of those that were not answered."""
        return self.coverage.share if self.coverage else self.score

    @property
    def differences(self) -> tuple[Difference, ...]:
        """The comparisons: with the incumbent, the rung that this one was built on, and the best one so far."""
        now = self.incumbent.difference if self.incumbent else None
        return tuple(one for one in (now, self.difference, self.best_difference) if one)

    @property
    def more_groups(self) -> int | None:
        """How many groups `more_examples` are, of the present size; None if every example is its own group."""
        if not self.more_examples or self.score.groups == self.score.examples:
            return None
        return math.ceil(self.more_examples * self.score.groups / self.score.examples)


# Events: the progress reports of long work, for terminal, report page and tests.


@dataclass(frozen=True, slots=True)
class Note:
    """A message to the user: a decision with its reason, a warning, or a detail that is shown on request."""

    text: str
    level: Literal["info", "warning", "detail"] = "info"


@dataclass(frozen=True, slots=True)
class Progress:
    """The progress of a long step; `total` is 0 if unknown."""

    what: str
    done: Count
    total: Count
    unit: str = "examples"


@dataclass(frozen=True, slots=True)
class Step:
    """One optimizer step; losses are in nats per answer token, `tokens` counts all tokens trained on so far."""

    step: Count
    steps: Count
    epoch: float
    loss: float
    learning_rate: float
    tokens: Count
    validation_loss: float | None = None
    other_losses: dict[str, float] = field(default_factory=dict)  # of further objectives, by name
    training: str = ""  # its name: training, trial-RATE or curve-COUNT-training; events of older runs have none


@dataclass(frozen=True, slots=True)
class RungResult:
    """The result of a rung: test scores, gates and cost; `report` is None if it was skipped."""

    rung: str
    report: Report | None
    gates: tuple[Gate, ...] = ()
    skipped: str = ""  # why the rung could not run
    recipe: str = ""  # the candidate's recipe in a few words
    seconds: Real = 0.0  # to make and to test it
    peak_memory: Count = 0  # bytes, of the process
    tokens_trained: Count = 0

    @property
    def passed(self) -> bool:
        """Whether it is proven to reach the pass mark and passed all gates."""
        return self.report is not None and self.report.verdict == "passed" and self.sound

    @property
    def sound(self) -> bool:
        """Whether it passed all gates."""
        return all(gate.held for gate in self.gates)


Event: TypeAlias = Note | Progress | Step | RungResult  # what long work yields while it runs
Work: TypeAlias = Generator[Event, None, T]  # long work: a generator of events that returns a T; run it to get the T
