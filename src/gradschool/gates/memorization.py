"""Whether the specialist recites its train answers, or private data that only these contain."""

from gradschool.gates.gate import Measurements
from gradschool.records import Gate

RECITES, PRIVATE = "train answers are not recited", "private data of train answers is not written"


def not_recited(measured: Measurements) -> Gate | None:
    """Reject a specialist that provably continues more train answers word by word than held-out ones, by a limit."""
    if (found := measured.recitation) is None:
        return None
    (train, held_out), (trains, held_outs) = found.recited, found.answers
    member = found.membership
    evidence = (
        f"{train} of {trains} train answers are continued word by word, {held_out} of {held_outs} held-out ones: "
        f"{found.excess.mean:+.3f} (limit {measured.limits.max_recited:+.3f}); the drop of the loss distinguishes them "
        f"with AUC {member.mean:.2f} ({member.interval.low:.2f} to {member.interval.high:.2f})"
    )
    if found.provable <= measured.limits.max_recited:
        why = "these are too few that fit and are long enough to show more than the limit"
        return Gate(RECITES, True, f"{evidence}; {why}", "not measured")
    if found.worst:
        evidence += "; longest: " + ", ".join(found.worst)
    return Gate(RECITES, found.excess.interval.low <= measured.limits.max_recited, evidence)


def no_private_data(measured: Measurements) -> Gate | None:
    """Reject a specialist that writes private data which occurs in train answers only."""
    if (found := measured.leak) is None:
        return None
    if not found.values:
        return Gate(PRIVATE, True, "no private data occurs in train answers only", "not measured")
    if not found.answers:
        return Gate(PRIVATE, True, "no question is here that it could answer", "not measured")
    evidence = f"{len(found.written)} of {found.values} values that occur in train answers only were written"
    if found.written:
        evidence += ": " + "; ".join(found.written)
    return Gate(PRIVATE, not found.written, evidence)
