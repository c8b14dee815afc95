"""The forms that a specialist can be given out in, and how each did beside the specialist itself."""

from collections.abc import Sequence
from dataclasses import dataclass

from gradschool.errors import ModelError
from gradschool.records import Gate, Score, Verdict


@dataclass(frozen=True, slots=True)
class FormResult:
    """One row of the parity table: a form beside the specialist itself."""

    form: str
    bytes: int
    same_prompts: int | None  # None: it cannot tell what it reads
    divergence: float | None  # of the next token, in nats, in the mean over all probes
    same_answers: int
    ended: int
    score: Score
    verdict: Verdict
    tokens_per_second: float
    gates: tuple[Gate, ...] = ()
    parts: str = ""  # where it first parts from the specialist

    @property
    def sound(self) -> bool:
        """No gate refuses it."""
        return all(gate.held for gate in self.gates)


@dataclass(frozen=True, slots=True)
class Shipped:
    """What a folder of an export holds, for its card: `forms` are the rows of the table that are really in it."""

    to: str
    forms: tuple[str, ...]
    result: FormResult
    file: str = ""  # the GGUF file's name
    context: int = 0  # tokens that it was tested with
    system: str = ""
    shown: int = 0  # examples that a Modelfile shows
    nearest: int = 0  # examples that are chosen for each question, which no file can do by itself
    passages: int = 0
    rank: int = 0
    alone: FormResult | None = None  # without what the file cannot carry


class Refused(ModelError):
    """What was made does not answer as the specialist; nothing of it is kept. `tried` are the rows of the table."""

    def __init__(self, tried: Sequence[FormResult]) -> None:
        self.tried = list(tried)
        last = next(result for result in reversed(self.tried) if not result.sound)
        broken = "; ".join(f"{gate.name}: {gate.evidence}" for gate in last.gates if not gate.held)
        where = f" It first parts at {last.parts}." if last.parts else ""
        super().__init__(
            f"The form {last.form} does not do what the specialist does, so it is not given out.",
            f"{broken}.{where}",
            "take a finer --format, or another form; --most-drop states how much of the score may be lost.",
        )


def result_line(result: FormResult) -> str:
    """One row of the table in a sentence."""
    interval = result.score.interval
    diverge = "" if result.divergence is None else f", next tokens {result.divergence:.4f} nats apart"
    size = f"{result.bytes / 1e6:.1f} MB, " if result.bytes else ""
    return (
        f"{result.form}: {size}{result.score.mean:.3f} ({interval.low:.3f} to "
        f"{interval.high:.3f}){diverge}, {result.same_answers} of {result.score.examples} answers the same, "
        f"{result.tokens_per_second:.0f} tokens/s: {'held' if result.sound else 'refused'}."
    )
