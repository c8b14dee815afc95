"""Test the package: reopened from its folder, it must answer as the specialist that was scored."""

from collections.abc import Sequence
from pathlib import Path

from gradschool.evaluate import Measure, evaluate
from gradschool.gates.gate import Measurements
from gradschool.gates.run import PACKAGE_GATES, run_gates
from gradschool.package.bundle import open_specialist
from gradschool.records import Example, Gate, Scored, Work
from gradschool.run import REOPENED, Run
from gradschool.run_keys import FORMAT
from gradschool.score.abstention import keeps
from gradschool.settings import MAX_DROP


def prove(
    run: Run, base: Path | None, test: Sequence[Example], rows: Sequence[Scored], measure: Measure
) -> Work[tuple[Gate, ...]]:
    """Reopen the package, ask it the test questions again, and compare its answers with those that were scored.

    All answers are compared, also those from which it abstains, and whether it abstains.

    A base in bfloat16 or float16 rounds differently in different batches, so that its score has to be the same, not
    each answer. `base` is the folder of the base, if it was opened from one.
    """
    base_model, answering = str(base) if base else None, run.saved(FORMAT)
    specialist = yield from open_specialist(run.specialist, base_model, answering=answering)
    again = yield from evaluate(specialist, test, measure, run.test_answers(REOPENED), "package: test")
    # A server may have other weights on another day, so that its answers cannot be compared.
    exact = specialist.engine.repeats_exactly
    answers = scores = given = None
    if exact or specialist.engine.identity.weights:
        answers = [row.answer for row in rows], [row.answer for row in again]
        scores = None if exact else ([row.value for row in rows], [row.value for row in again])
        if abstention := specialist.recipe.abstention:
            given = [keeps(abstention, row.answer) for row in rows], [keeps(abstention, row.answer) for row in again]
    return run_gates(PACKAGE_GATES, Measurements(answers=answers, given=given, scores=scores, max_drop=MAX_DROP))
