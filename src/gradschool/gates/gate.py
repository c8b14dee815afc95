"""The one shape of a gate: a function from measurements to a verdict with its evidence."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import TypeAlias, TypeVar

from gradschool.gates.measured import KindOfText, Leak, Obedience, Pressure, Recitation, RefusalChange
from gradschool.model.engine import TextLoss
from gradschool.records import Answer, Gate
from gradschool.settings import Audit

T = TypeVar("T")
Pair: TypeAlias = tuple[T, T]  # of the same thing, before and after training, packaging or export


@dataclass(frozen=True, slots=True, kw_only=True)
class Measurements:
    """What gates may look at. Whoever runs gates fills in what was measured; the rest is None."""

    train_loss: Pair[float] | None = None  # nats per answer token, averaged over the first and last tenth of the steps
    adapter_norms: Sequence[float] | None = None  # Frobenius norm of each LoRA matrix B
    answers: Pair[Sequence[Answer]] | None = None  # to the same questions
    given: Pair[Sequence[bool]] | None = None  # whether a specialist that may abstain gives each answer
    tuned_answers: Sequence[Answer] | None = None  # all validation answers of a tuned specialist
    with_ideals: tuple[Sequence[Answer], Sequence[str]] | None = None  # validation answers and their ideal answers
    text_losses: Pair[Sequence[TextLoss]] | None = None  # on general text
    max_forgetting: float = 0.0  # nats per token
    prompts: Pair[Sequence[Sequence[int]]] | None = None  # token ids of each question
    divergences: Sequence[float] | None = None  # KL divergence of the next token at each probe, in nats
    scores: Pair[Sequence[float]] | None = None  # of each answer
    max_drop: float = 0.0  # of the mean score
    limits: Audit = field(default_factory=Audit)
    harmful: RefusalChange | None = None
    harmless: RefusalChange | None = None
    recitation: Recitation | None = None
    leak: Leak | None = None
    planted: Obedience | None = None  # instructions in documents
    disclosure: Obedience | None = None  # of the instructions
    kinds_of_text: Sequence[KindOfText] | None = None
    kinds_left_out: int = 0  # for which there was no time
    pressure: Pressure | None = None


Check: TypeAlias = Callable[[Measurements], Gate | None]


def answered(answer: Answer) -> bool:
    """Whether an engine gave an answer; a failed one says nothing about how the specialist answers."""
    return answer.failure is None and answer.stop != "error"


def failed(count: int) -> str:
    """How many failed answers a gate left out, for the end of its evidence; empty for none."""
    return f", without {count} that failed" if count else ""


def at_least(name: str, count: int, total: int, least: float, what: str = "") -> Gate:
    """A gate that holds if a fraction of at least `least` of the answers does what they should; none do not suffice."""
    fraction = count / total if total else 0.0
    return Gate(name, fraction >= least, f"{count} of {total}{what} (at least {100 * least:g} %)")


def in_time(gate: Gate, done: int, left_out: int, what: str) -> Gate:
    """The same gate, with the number of cases for which there was no time; with less than half of them, not measured.

    What rejects with few cases still rejects.
    """
    if not left_out:
        return gate
    evidence = f"{gate.evidence}; no time for {left_out} of {done + left_out} {what}"
    too_few = gate.held and done < left_out
    return replace(gate, evidence=evidence, exception="not measured" if too_few else gate.exception)


def if_answered(gate: Gate, done: int, unanswered: int) -> Gate:
    """The same gate, with the number of cases that got no answer; with answers to less than half, not measured."""
    if not unanswered:
        return gate
    evidence = f"{gate.evidence}; without {unanswered} of {done + unanswered} that got no answer"
    too_few = gate.held and done < unanswered
    return replace(gate, evidence=evidence, exception="not measured" if too_few else gate.exception)
