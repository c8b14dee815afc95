"""Test the package: reopened from its folder, it must answer as the specialist that was scored."""

from collections.abc import Sequence

from gradschool.evaluate import Measure, evaluate
from gradschool.gates.gate import Measurements
from gradschool.gates.run import PACKAGE_GATES, run_gates
from gradschool.package.bundle import open_specialist
from gradschool.records import Example, Gate, Scored, Work
from gradschool.run import Run


def prove(run: Run, test: Sequence[Example], rows: Sequence[Scored], measure: Measure) -> Work[tuple[Gate, ...]]:
    """Reopen the package, ask it the test questions again, and compare its answers with those that were scored."""
    specialist = yield from open_specialist(run.specialist)
    again = yield from evaluate(specialist, test, measure, run.answers("package-test"), "package: test")
    # A server may answer differently on another day, so that its answers cannot be compared.
    exact = specialist.engine.repeats_exactly
    answers = [row.answer for row in rows], [row.answer for row in again]
    return run_gates(PACKAGE_GATES, Measurements(answers=answers if exact else None))
