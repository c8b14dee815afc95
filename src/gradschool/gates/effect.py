"""Did training do what it was for: an adapter that is not nothing, other answers, a lower loss, answers that end."""

from collections.abc import Sequence

from gradschool.records import Answer, Gate

MIN_STOP_RATE = 0.9


def adapter_is_not_zero(norms: Sequence[float]) -> Gate:
    """Refuse an adapter whose B matrices are all zero: it would change nothing. `norms` are their Frobenius norms."""
    moved = sum(norm > 0 for norm in norms)
    return Gate("the adapter is not zero", moved > 0, f"{moved} of {len(norms)} layers have changed")


def answers_changed(before: Sequence[Answer], after: Sequence[Answer]) -> Gate:
    """Refuse a tuned specialist that answers every question just as the untuned one did."""
    changed = sum(a.text != b.text for a, b in zip(before, after, strict=True))
    return Gate("tuning changed answers", changed > 0, f"{changed} of {len(before)} validation answers are different")


def loss_fell(first: float, last: float) -> Gate:
    """Refuse a training whose loss on its own rows did not fall; means over the first and last tenth of the steps."""
    return Gate("training loss fell", last < first, f"from {first:.3f} to {last:.3f} nats per answer token")


def learnt_to_stop(answers: Sequence[Answer], least: float = MIN_STOP_RATE) -> Gate:
    """Refuse a specialist that runs on: the share of answers that ended with a stop token."""
    stopped = sum(answer.stop == "stop" for answer in answers)
    share = stopped / len(answers) if answers else 0.0
    return Gate(
        "answers end by themselves", share >= least, f"{stopped} of {len(answers)} did; at least {least:.0%} must"
    )
