"""Results of exports: how each form compares with the specialist."""

from collections.abc import Sequence
from dataclasses import dataclass

from gradschool.errors import ModelError
from gradschool.package.verdicts import bounded
from gradschool.records import Gate, Score, Verdict


@dataclass(frozen=True, slots=True)
class FormResult:
    """One row of the parity table: an exported form compared with the specialist."""

    form: str
    bytes: int
    same_prompts: int | None  # None: the form does not report its tokens
    divergence: float | None  # mean KL divergence of the next token over all probes, in nats
    same_answers: int
    ended: int  # answers that stopped before the length limit
    score: Score
    verdict: Verdict
    tokens_per_second: float
    gates: tuple[Gate, ...] = ()
    parts: str = ""  # the first difference from the specialist

    @property
    def sound(self) -> bool:
        """No gate rejects it."""
        return all(gate.held for gate in self.gates)


@dataclass(frozen=True, slots=True)
class Shipped:
    """The content of an export, for its card; `forms` are the rows of the table that are part of it."""

    to: str
    forms: tuple[str, ...]
    result: FormResult
    file: str = ""  # the GGUF file's name
    base_file: str = ""  # the GGUF file of the base, in a command
    ollama: str = ""  # the last version of Ollama that can use it; empty if none can
    context: int = 0  # context length of the test, in tokens
    system: str = ""
    shown: int = 0  # fixed examples before each question
    nearest: int = 0  # examples chosen for each question, which a file cannot do
    passages: int = 0
    rank: int = 0
    sees: bool = False  # the base reads images
    alone: FormResult | None = None  # without what the file cannot contain

    @property
    def has_messages(self) -> bool:
        """Whether a file has the instructions and the examples; it cannot hold images, which these may have."""
        return self.shown > 0 and not self.sees


class ExportRejected(ModelError):
    """An export differs too much from the specialist, so it was deleted; `tried` are the rows of the parity table."""

    def __init__(self, tried: Sequence[FormResult]) -> None:
        self.tried = list(tried)
        last = next(result for result in reversed(self.tried) if not result.sound)
        broken = "; ".join(f"{gate.name}: {gate.evidence}" for gate in last.gates if not gate.held)
        where = f" First difference: {last.parts}." if last.parts else ""
        super().__init__(
            f"The export {last.form} differs too much from the specialist, so it was deleted.",
            f"{broken}.{where}",
            "use a finer --format or another form; --max-drop sets how much of the score may be lost.",
        )


def result_line(result: FormResult) -> str:
    """One row of the table in a sentence."""
    divergence = "" if result.divergence is None else f", mean KL {result.divergence:.4f} nats"
    size = f"{result.bytes / 1e6:.1f} MB, " if result.bytes else ""
    return (
        f"{result.form}: {size}{bounded(result.score)}{divergence}, "
        f"{result.same_answers} of {result.score.examples} answers identical, "
        f"{result.tokens_per_second:.0f} tokens/s: {'accepted' if result.sound else 'rejected'}."
    )
