"""The nouns that every floor shares, as plain frozen records.

Text positions count characters from 0; lines and pages count from 1; times are seconds; sizes are bytes.
"""

from collections.abc import Generator
from dataclasses import dataclass, field
from typing import Any, Literal, TypeAlias, TypeVar

Verdict = Literal["passed", "failed", "not proven"]
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Message:
    """One turn of a conversation; `role` is system, user, assistant or tool."""

    role: str
    content: str


Conversation: TypeAlias = tuple[Message, ...]


@dataclass(frozen=True, slots=True)
class Source:
    """Where something was read: a file as the user named it, and a line in it."""

    file: str
    line: int

    def __str__(self) -> str:
        return f"{self.file}:{self.line}"


@dataclass(frozen=True, slots=True)
class Example:
    """One piece of the work a person wants: a conversation whose last message is the ideal answer.

    `group` is the thread, document or customer it comes from: examples of one group never stand on both sides of
    a split. `date` is when it was written, in ISO 8601, or empty.
    """

    id: str
    messages: Conversation
    group: str
    source: Source
    date: str = ""

    @property
    def question(self) -> Conversation:
        """All that stands before the ideal answer."""
        return self.messages[:-1]

    @property
    def ideal(self) -> str:
        """The answer that the person would have liked."""
        return self.messages[-1].content

    @property
    def last_user(self) -> str:
        """What was last asked: the text to search documents and other examples with."""
        return next((m.content for m in reversed(self.question) if m.role == "user"), "")


@dataclass(frozen=True, slots=True)
class Split:
    """Which examples are learnt from, chosen on and judged on: frozen ids, and a hash over ids and contents."""

    train: tuple[str, ...]
    validation: tuple[str, ...]
    test: tuple[str, ...]
    hash: str


@dataclass(frozen=True, slots=True)
class Passage:
    """A piece of a document and its exact place: `document_text[start:end] == text`."""

    id: str
    text: str
    file: str
    start: int
    end: int
    first_line: int
    last_line: int
    heading: str = ""
    page: int | None = None

    def as_citation(self) -> dict[str, Any]:
        """The JSON object in which answers cite it."""
        return {
            "file": self.file,
            "lines": [self.first_line, self.last_line],
            "page": self.page,
            "text": self.text,
        }

    def __str__(self) -> str:
        lines = f"{self.first_line}" if self.first_line == self.last_line else f"{self.first_line}-{self.last_line}"
        return f"{self.file}:{lines}"


@dataclass(frozen=True, slots=True)
class Decoding:
    """How answers are drawn: greedy at temperature 0, else sampled with `seed`."""

    max_new_tokens: int = 256
    temperature: float = 0.0
    top_p: float = 1.0
    seed: int = 0


FailureKind = Literal["empty answer", "cut off", "too long for the model", "server", "metric", "no answer"]


@dataclass(frozen=True, slots=True)
class Failure:
    """Why there is no score: counted apart by kind, never a quiet 0."""

    kind: FailureKind
    reason: str


@dataclass(frozen=True, slots=True)
class Answer:
    """What an engine said: the text, why it stopped, and what it cost."""

    text: str
    stop: Literal["stop", "length", "error"] = "stop"
    prompt_tokens: int = 0
    new_tokens: int = 0
    seconds: float = 0.0
    citations: tuple[Passage, ...] = ()
    failure: Failure | None = None


@dataclass(frozen=True, slots=True)
class Interval:
    """Bounds of a mean; `level` is the confidence that each bound holds on its own (one-sided)."""

    low: float
    high: float
    level: float


@dataclass(frozen=True, slots=True)
class Score:
    """The mean of one metric over examples, with its bounds; a failed example counts as 0 and is named apart."""

    mean: float
    interval: Interval
    examples: int
    groups: int


@dataclass(frozen=True, slots=True)
class Scored:
    """One row of the evidence: a question, its answer and what each metric made of it."""

    id: str
    group: str
    question: str
    ideal: str
    answer: Answer
    value: float
    parts: dict[str, float] = field(default_factory=dict)  # other metrics, and every rule by name
    failure: Failure | None = None


@dataclass(frozen=True, slots=True)
class Cost:
    """What answers cost, in the mean per answer."""

    prompt_tokens: float
    new_tokens: float
    seconds: float


@dataclass(frozen=True, slots=True)
class Difference:
    """A paired comparison with another candidate on the same examples: mean of (this - other), two-sided interval."""

    other: str
    mean: float
    interval: Interval


@dataclass(frozen=True, slots=True)
class Report:
    """What a candidate scored on one set of examples, and what may be concluded from it."""

    metric: str
    score: Score
    verdict: Verdict
    pass_mark: float
    more_examples: int | None  # how many more test examples would probably settle a `not proven`; None: none would
    parts: dict[str, Score] = field(default_factory=dict)
    failures: dict[str, int] = field(default_factory=dict)
    cost: Cost = Cost(0.0, 0.0, 0.0)
    difference: Difference | None = None


@dataclass(frozen=True, slots=True)
class Gate:
    """A check beside the score that can refuse a specialist."""

    name: str
    held: bool
    evidence: str


# Events: what long work says about itself. Terminal, page and tests read the same ones.


@dataclass(frozen=True, slots=True)
class Note:
    """A decision or a remark with its reason, in a sentence for a person."""

    text: str
    level: Literal["info", "warning"] = "info"


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a long step is; `total` 0 means that the end is unknown."""

    what: str
    done: int
    total: int
    unit: str = "examples"


@dataclass(frozen=True, slots=True)
class Step:
    """One optimiser step: losses are nats per answer token, `tokens` counts all tokens seen so far."""

    step: int
    steps: int
    epoch: float
    loss: float
    learning_rate: float
    tokens: int
    validation_loss: float | None = None
    other_losses: dict[str, float] = field(default_factory=dict)  # of further objectives, by name


@dataclass(frozen=True, slots=True)
class RungResult:
    """A rung is done: what it scored on the test examples, what its gates say, and what it cost to make."""

    rung: str
    report: Report | None
    gates: tuple[Gate, ...] = ()
    skipped: str = ""  # why the rung could not run
    recipe: str = ""  # what the candidate is made of, in a few words
    seconds: float = 0.0  # to make it and to put it to the test
    peak_memory: int = 0  # bytes, of the whole process
    tokens_trained: int = 0

    @property
    def passed(self) -> bool:
        """Proven to reach the pass mark, and no gate refuses it."""
        return self.report is not None and self.report.verdict == "passed" and self.sound

    @property
    def sound(self) -> bool:
        """No gate refuses it."""
        return all(gate.held for gate in self.gates)


Event: TypeAlias = Note | Progress | Step | RungResult
Work: TypeAlias = Generator[Event, None, T]  # long work: yields events, returns its result
