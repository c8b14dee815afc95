"""What was lost: the loss on general English that has nothing to do with the job, before and after tuning."""

from collections.abc import Sequence
from pathlib import Path

from gradschool.model.engine import TextLoss
from gradschool.records import Gate

NAME = "general English is kept"
GENERAL = Path(__file__).parent / "general.txt"


def general_texts() -> list[str]:
    """The paragraphs on which forgetting is measured; they are part of the package, so that figures compare."""
    return [p.strip() for p in GENERAL.read_text(encoding="utf-8").split("\n\n") if p.strip()]


def nats_per_token(losses: Sequence[TextLoss]) -> float:
    """Mean loss over all tokens of all texts, in nats."""
    return sum(loss.nats for loss in losses) / max(1, sum(loss.tokens for loss in losses))


def forgetting(before: Sequence[TextLoss], after: Sequence[TextLoss], most: float) -> Gate:
    """Refuse a specialist whose loss on general text rose by more than `most` nats per token.

    Follows the 'forgetting' column of PEFT's method comparison, with a text of our own.
    """
    first, last = nats_per_token(before), nats_per_token(after)
    evidence = f"loss on general text {first:.3f} before, {last:.3f} after: {last - first:+.3f} nats per token"
    return Gate(NAME, last - first <= most, f"{evidence}, at most {most:+.2f} allowed")
