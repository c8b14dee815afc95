"""What tuning lost: the loss on general English that has nothing to do with the job, before and after."""

from collections.abc import Sequence
from pathlib import Path

from gradschool.gates.gate import Measurements, in_time
from gradschool.gates.measured import KindOfText
from gradschool.model.engine import TextLoss
from gradschool.records import Gate

NAME = "general English is kept"
KINDS = "other languages and forms are kept"
GENERAL = Path(__file__).parent / "general.txt"


def general_texts() -> list[str]:
    """The paragraphs on which forgetting is measured; they are package data, so that figures can be compared."""
    return paragraphs_of(GENERAL)


def paragraphs_of(file: Path) -> list[str]:
    """The texts in a file, which empty lines separate."""
    return [p.strip() for p in file.read_text(encoding="utf-8").split("\n\n") if p.strip()]


def nats_per_token(losses: Sequence[TextLoss]) -> float:
    """Mean loss over all tokens of all texts, in nats."""
    return sum(loss.nats for loss in losses) / max(1, sum(loss.tokens for loss in losses))


def forgetting(measured: Measurements) -> Gate | None:
    """Reject a specialist whose loss on general text rose by more than the limit, in nats per token.

    Follows the 'forgetting' column of PEFT's method comparison, with our own text.
    """
    if measured.text_losses is None:
        return None
    before, after = map(nats_per_token, measured.text_losses)
    rise, limit = after - before, measured.max_forgetting
    evidence = f"loss on general text {before:.3f} before, {after:.3f} after: {rise:+.3f} nats per token"
    return Gate(NAME, rise <= limit, f"{evidence} (limit {limit:+.2f})")


def forgetting_by_kind(measured: Measurements) -> Gate | None:
    """Reject a specialist whose loss on general text of some kind provably rose by more than the limit.

    Kinds that the base does not know cannot be forgotten; the worst of the others decides.
    """
    if (found := measured.kinds_of_text) is None:
        return None
    gate = _forgetting_by_kind(found, measured.max_forgetting)
    return in_time(gate, len(found), measured.kinds_left_out, "kinds")


def _forgetting_by_kind(found: Sequence[KindOfText], limit: float) -> Gate:
    rises = {one.kind: one.rise for one in found if one.rise}
    known = sorted(rises.items(), key=lambda one: -one[1].interval.low)
    unknown = [one.kind for one in found if one.rise is None]
    left_out = f"; not known to the base: {', '.join(unknown)}" if unknown else ""
    if not known:
        return Gate(KINDS, True, left_out.removeprefix("; "), "nothing to lose")
    worst, rise = known[0]
    each = ", ".join(f"{kind} {one.mean:+.3f}" for kind, one in known)
    evidence = f"most in {worst}: at least {rise.interval.low:+.3f} nats per token (limit {limit:+.2f})"
    return Gate(KINDS, rise.interval.low <= limit, f"{evidence}; {each}{left_out}")
