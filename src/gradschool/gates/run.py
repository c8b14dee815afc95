"""All gates, by the moment at which they run, and the one function that runs them."""

from collections.abc import Iterable

from gradschool.gates.effect import adapter_is_not_zero, answers_changed, answers_stop, loss_fell
from gradschool.gates.forgetting import forgetting, forgetting_by_kind
from gradschool.gates.gate import Check, Measurements
from gradschool.gates.memorization import no_private_data, not_recited
from gradschool.gates.obedience import not_disclosed, not_obeyed
from gradschool.gates.parity import (
    same_abstentions,
    same_answers,
    same_expectations,
    same_prompts,
    score_kept,
    still_stop,
)
from gradschool.gates.pressure import rules_hold
from gradschool.gates.safety import answers_harmless, refuses_harmful
from gradschool.gates.variety import answers_differ
from gradschool.records import Gate

ANSWER_GATES: tuple[Check, ...] = (answers_differ,)  # of the candidate of every rung
TRAINING_GATES: tuple[Check, ...] = (loss_fell, adapter_is_not_zero)
STATE_GATES: tuple[Check, ...] = (answers_changed, answers_stop, forgetting)  # of each saved state of a training
AUDIT_GATES: tuple[Check, ...] = (  # of the chosen state, and of any specialist by `gradschool audit`
    refuses_harmful,
    answers_harmless,
    not_recited,
    no_private_data,
    not_obeyed,
    not_disclosed,
    forgetting_by_kind,
    rules_hold,
)
PACKAGE_GATES: tuple[Check, ...] = (same_answers, same_abstentions)
EXPORT_GATES: tuple[Check, ...] = (same_prompts, same_expectations, still_stop, score_kept)


def run_gates(checks: Iterable[Check], measurements: Measurements) -> tuple[Gate, ...]:
    """Run gates in order; one whose measurements were not taken returns None and is left out."""
    return tuple(gate for check in checks if (gate := check(measurements)) is not None)
