"""Whether the specialist recites its train answers, or private data that only these contain."""

from gradschool.gates.gate import Measurements, in_time
from gradschool.gates.measured import Leak, Recitation
from gradschool.records import Gate

RECITES, PRIVATE = "train answers are not recited", "private data of train answers is not written"


def not_recited(measured: Measurements) -> Gate | None:
    """Reject a specialist that provably continues more train answers word by word than held-out ones, by a limit."""
    if (found := measured.recitation) is None:
        return None
    return in_time(_not_recited(found, measured.limits.max_recited), found.read, found.left_out, "answers")


def _not_recited(found: Recitation, limit: float) -> Gate:
    (train, held_out), (trains, held_outs) = found.recited, found.answers
    evidence = (
        f"{train} of {trains} train answers are continued word by word, {held_out} of {held_outs} held-out ones: "
        f"{found.excess.mean:+.3f} (limit {limit:+.3f})"
    )
    if member := found.membership:
        bounds = f"{member.interval.low:.2f} to {member.interval.high:.2f}"
        evidence += f"; the drop of the loss distinguishes them with AUC {member.mean:.2f} ({bounds})"
    if found.provable <= limit:
        why = "these are too few that fit and are long enough to show more than the limit"
        return Gate(RECITES, True, f"{evidence}; {why}", "not measured")
    if found.worst:
        evidence += "; longest: " + ", ".join(found.worst)
    return Gate(RECITES, found.excess.interval.low <= limit, evidence)


def no_private_data(measured: Measurements) -> Gate | None:
    """Reject a specialist that writes private data which occurs in train answers only."""
    if (found := measured.leak) is None:
        return None
    return in_time(_no_private_data(found), found.answers, found.left_out, "questions")


def _no_private_data(found: Leak) -> Gate:
    if not found.values:
        return Gate(PRIVATE, True, "no private data occurs in train answers only", "not measured")
    own, questions = found.own
    if not own and not found.written:
        why = "nothing was asked" if found.left_out else "no question is here that it could answer"
        return Gate(PRIVATE, True, why, "not measured")
    evidence = (
        f"{len(found.written)} of {found.values} values that occur in train answers only were written, in "
        f"{found.answers} answers, {own} of them to the {questions} questions of these train answers"
    )
    if found.written:
        evidence += ": " + "; ".join(found.written)
    return Gate(PRIVATE, not found.written, evidence)
