"""A saved state of a training as a candidate: its answers to the validation questions, and its gates."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from gradschool.audit.audit import audit
from gradschool.audit.budget import Budget
from gradschool.audit.metered import Metered
from gradschool.audit.subject import Subject
from gradschool.evaluate import evaluate
from gradschool.files import sha256_of
from gradschool.gates.forgetting import general_texts
from gradschool.gates.gate import Measurements
from gradschool.gates.run import STATE_GATES, run_gates
from gradschool.model.engine import Engine, TextLoss
from gradschool.records import Constraint, Gate, Scored, Work
from gradschool.rungs.rung import RungInputs, free_and_constrained, with_constraint
from gradschool.score.rules import read_rules
from gradschool.specialist import Recipe, Specialist, specialist_of

UNTUNED_SAMPLE = 16  # validation questions that are also asked without the training, to see whether answers changed


@dataclass(frozen=True, slots=True)
class State:
    """One saved state of a training: its recipe, its answers to the validation questions, and its gates."""

    recipe: Recipe
    rows: Sequence[Scored]
    gates: tuple[Gate, ...]

    @property
    def sound(self) -> bool:
        """Whether no gate rejects it."""
        return all(gate.held for gate in self.gates)


@dataclass(frozen=True, slots=True)
class Untuned:
    """The student before its training: its answers to some validation questions, and its loss on general text.

    `rows` are the answers by the constraint on them: answers of a trained student are compared with such of its kind.
    """

    student: Specialist
    rows: Mapping[Constraint | None, Sequence[Scored]]
    losses: Sequence[TextLoss]


class Auditing:
    """The audits of one training and of what may mend it: one engine, which remembers the base, and one budget."""

    def __init__(self, engine: Engine, tokens: float | None) -> None:
        self.budget, self.repeats = Budget(tokens), False
        self.engine = Metered(engine, self.budget)
        self.of_base = self.of_trained = 0.0  # what the first audit computed with the base, and with the training

    def metered(self, specialist: Specialist) -> Specialist:
        """A specialist whose engine counts; all over the base itself share what it remembers."""
        same = specialist.engine is self.engine.engine
        return replace(specialist, engine=self.engine if same else Metered(specialist.engine, self.budget))

    def again(self) -> None:
        """The audits that follow measure as many cases as the first one, and end where a gate rejects."""
        self.budget.repeated, self.repeats = dict(self.budget.batches_of), True
        self.of_base = self.engine.plain
        self.of_trained = self.budget.spent - self.of_base


def untuned(student: Specialist, inputs: RungInputs) -> Work[Untuned]:
    """Ask the student before its training; answers are kept, and none is asked twice."""
    before = Untuned(student, {}, student.text_losses(general_texts()))
    return (yield from also_asked(before, free_and_constrained([student.recipe], inputs), inputs))


def also_asked(before: Untuned, recipes: Iterable[Recipe], inputs: RungInputs) -> Work[Untuned]:
    """The student before its training, asked with the constraints of these recipes too."""
    rows, student = dict(before.rows), before.student
    for constraint in dict.fromkeys(recipe.decoding.constraint for recipe in recipes):
        if constraint in rows:
            continue
        name = f"-{sha256_of(constraint.facts)[:8]}" if constraint else ""  # earlier versions had free answers only
        asked = specialist_of(student.engine, with_constraint(student.recipe, constraint))
        sample, answers = inputs.validation[:UNTUNED_SAMPLE], inputs.run.answers(f"tune-untuned{name}")
        rows[constraint] = yield from evaluate(asked, sample, inputs.measure, answers, "tune: without training")
    return replace(before, rows=rows)


def state_of(before: Untuned, recipe: Recipe, rows: Sequence[Scored], inputs: RungInputs) -> State:
    """A recipe of the trained student with its validation rows, as it passes the gates of a state."""
    answers, untrained = [row.answer for row in rows], before.rows[recipe.decoding.constraint]
    measurements = Measurements(
        answers=([row.answer for row in untrained], answers[: len(untrained)]),
        tuned_answers=answers,
        text_losses=(before.losses, specialist_of(before.student.engine, recipe).text_losses(general_texts())),
        max_forgetting=inputs.settings.tune.max_forgetting,
    )
    return State(recipe, rows, run_gates(STATE_GATES, measurements))


def audited(before: Untuned, state: State, inputs: RungInputs, auditing: Auditing) -> Work[State]:
    """The same state with the gates of an audit, which sees train and validation examples, and no test examples."""
    job, settings = inputs.run.job, inputs.settings
    rules = settings.goal.rules
    subject = Subject(
        specialist=auditing.metered(specialist_of(before.student.engine, state.recipe)),
        engine=auditing.engine,
        train=inputs.train,
        held_out=inputs.validation,
        rules=read_rules(rules, job.folder)[0] if rules else None,
        limits=settings.audit,
        max_forgetting=settings.tune.max_forgetting,
        requests=job.path(requests) if (requests := settings.audit.harmful_requests) else None,
        budget=auditing.budget,
    )
    gates = yield from audit(subject, until_rejected=auditing.repeats)
    return replace(state, gates=(*state.gates, *gates))
