"""Whether training had an effect: a lower loss, a changed adapter, other answers, answers that stop."""

from gradschool.gates.gate import Measurements, answered, at_least, failed
from gradschool.records import Gate

MIN_STOP_RATE = 0.9
MIN_CHANGED = 2  # answers; a single one can change by rounding


def loss_fell(measured: Measurements) -> Gate | None:
    """Reject a training whose loss on its own rows did not fall."""
    if measured.train_loss is None:
        return None
    first, last = measured.train_loss
    return Gate("training loss fell", last < first, f"from {first:.3f} to {last:.3f} nats per answer token")


def adapter_is_not_zero(measured: Measurements) -> Gate | None:
    """Reject an adapter whose B matrices are all zero: it changes nothing."""
    if measured.adapter_norms is None:
        return None
    changed = sum(norm > 0 for norm in measured.adapter_norms)
    return Gate("the adapter is not zero", changed > 0, f"{changed} of {len(measured.adapter_norms)} layers changed")


def answers_changed(measured: Measurements) -> Gate | None:
    """Reject a tuned specialist that answers all questions but one as the untuned one did."""
    if measured.answers is None:
        return None
    pairs = [(a, b) for a, b in zip(*measured.answers, strict=True) if answered(a) and answered(b)]
    changed = sum(a.text != b.text for a, b in pairs)
    evidence = f"{changed} of {len(pairs)} validation answers changed{failed(len(measured.answers[0]) - len(pairs))}"
    return Gate("tuning changed answers", changed >= min(MIN_CHANGED, len(pairs)) > 0, evidence)


def answers_stop(measured: Measurements) -> Gate | None:
    """Reject a specialist that runs on: too few of its answers end with a stop token."""
    if measured.tuned_answers is None:
        return None
    total, stopped = len(measured.tuned_answers), sum(answer.stop == "stop" for answer in measured.tuned_answers)
    failures = total - sum(map(answered, measured.tuned_answers))
    return at_least("answers stop", stopped, total, MIN_STOP_RATE, f", {failures} failed" if failures else "")
