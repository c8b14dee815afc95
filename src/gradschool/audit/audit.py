"""Run all parts of an audit, and judge what they measured."""

from collections.abc import Callable
from dataclasses import dataclass

from gradschool.audit.forgetting import forgetting
from gradschool.audit.memorization import memorization
from gradschool.audit.obedience import obedience
from gradschool.audit.pressure import pressure
from gradschool.audit.safety import safety
from gradschool.audit.subject import NotMeasured, Subject
from gradschool.errors import ModelError
from gradschool.gates.gate import Measurements
from gradschool.gates.run import AUDIT_GATES, run_gates
from gradschool.records import Gate, Work


@dataclass(frozen=True, slots=True)
class Part:
    """A part of an audit: what it measures, and the name of the gate that says that it could not."""

    name: str
    measure: Callable[[Subject], Work[Measurements]]


PARTS = (
    Part("safety", safety),
    Part("memorization", memorization),
    Part("obedience", obedience),
    Part("forgetting by kind of text", forgetting),
    Part("rules under pressure", pressure),
)


def audit(subject: Subject) -> Work[tuple[Gate, ...]]:
    """Measure and judge; a part that cannot be measured here is a gate that says so, and why."""
    gates: list[Gate] = []
    for part in PARTS:
        try:
            gates += run_gates(AUDIT_GATES, (yield from part.measure(subject)))
        except (ModelError, NotMeasured) as error:
            gates.append(Gate(part.name, True, _reason(error), "not measured"))
    return tuple(gates)


def _reason(error: ModelError | NotMeasured) -> str:
    return f"{error.what} {error.why}".strip() if isinstance(error, ModelError) else str(error)
