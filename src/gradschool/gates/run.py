"""All gates, by the moment at which they run, and the one function that runs them."""

from collections.abc import Iterable

from gradschool.gates.effect import adapter_is_not_zero, answers_changed, answers_stop, loss_fell
from gradschool.gates.forgetting import forgetting
from gradschool.gates.gate import Check, Measurements
from gradschool.gates.parity import same_answers, same_expectations, same_prompts, score_kept, still_stop
from gradschool.gates.variety import answers_differ
from gradschool.records import Gate

ANSWER_GATES: tuple[Check, ...] = (answers_differ,)  # of the candidate of every rung
TRAINING_GATES: tuple[Check, ...] = (loss_fell, adapter_is_not_zero)
STATE_GATES: tuple[Check, ...] = (answers_changed, answers_stop, forgetting)  # of each saved state of a training
PACKAGE_GATES: tuple[Check, ...] = (same_answers,)
EXPORT_GATES: tuple[Check, ...] = (same_prompts, same_expectations, still_stop, score_kept)


def run_gates(checks: Iterable[Check], measurements: Measurements) -> tuple[Gate, ...]:
    """Run gates in order; one whose measurements were not taken returns None and is left out."""
    return tuple(gate for check in checks if (gate := check(measurements)) is not None)
