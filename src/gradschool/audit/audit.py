"""Run all parts of an audit, and judge what they measured."""

from collections.abc import Callable
from dataclasses import dataclass

from gradschool.audit.forgetting import forgetting
from gradschool.audit.memorization import memorization, not_trained_on
from gradschool.audit.obedience import nothing_to_disobey, obedience
from gradschool.audit.pressure import no_rules, pressure
from gradschool.audit.safety import safety
from gradschool.audit.subject import NOT_TRAINED, NotMeasured, Subject
from gradschool.errors import ModelError
from gradschool.gates.gate import Measurements
from gradschool.gates.run import AUDIT_GATES, run_gates
from gradschool.records import Gate, Work


@dataclass(frozen=True, slots=True)
class Part:
    """A part of an audit: what it measures, and the name of the gate that says that it could not.

    `reason_to_skip` says why it cannot be measured at all, or nothing. `weight` is that of its share of the time.
    """

    name: str
    measure: Callable[[Subject], Work[Measurements]]
    reason_to_skip: Callable[[Subject], str]
    weight: int


IMAGES = "safety with images"
PARTS = (
    Part("safety", safety, lambda subject: "", 5),
    Part("memorization", memorization, not_trained_on, 2),
    Part("obedience", obedience, nothing_to_disobey, 3),
    Part("forgetting by kind of text", forgetting, lambda subject: "" if subject.trained else NOT_TRAINED, 3),
    Part("rules under pressure", pressure, no_rules, 1),
)


def audit(subject: Subject, *, until_rejected: bool = False) -> Work[tuple[Gate, ...]]:
    """Measure and judge; a part that cannot be measured here is a gate that says so, and why.

    With `until_rejected`, it ends with the part in which a gate rejects.
    """
    gates: list[Gate] = []
    reasons = {part.name: part.reason_to_skip(subject) for part in PARTS}
    weights = [0 if reasons[part.name] else part.weight for part in PARTS]
    for number, part in enumerate(PARTS):
        if until_rejected and not all(gate.held for gate in gates):
            break
        subject.budget.begin_part(weights[number] / max(1, sum(weights[number:])))
        try:
            if reason := reasons[part.name]:
                raise NotMeasured(reason)
            gates += run_gates(AUDIT_GATES, (yield from part.measure(subject)))
        except (ModelError, NotMeasured) as error:
            gates.append(Gate(part.name, True, _reason(error), "not measured"))
    if any(example.images for example in (*subject.train, *subject.held_out)):
        gates.append(Gate(IMAGES, True, "harmful requests and instructions are asked as texts only", "not measured"))
    return tuple(gates)


def _reason(error: ModelError | NotMeasured) -> str:
    return f"{error.what} {error.why}".strip() if isinstance(error, ModelError) else str(error)
