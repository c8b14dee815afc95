"""The constraint that a job's answers are tried with: of its own JSON schema, or inferred from its train examples."""

from collections.abc import Sequence

from gradschool.data.answer_form import given, inferred
from gradschool.errors import DataError, ModelError
from gradschool.job import Job
from gradschool.model.engine import Engine
from gradschool.records import Constraint, Example, Note, Work
from gradschool.score.rules import read_schema


def constraint_for(job: Job, engine: Engine, train: Sequence[Example]) -> Work[Constraint | None]:
    """The constraint to try, and a note of what it allows; None if answers are free.

    An inferred one that the base cannot take is left out, with its reason. Raises ModelError if that is the job's own
    schema, and DataError if this cannot be read.
    """
    answers = job.settings.answers
    if not answers.constrain:
        return None
    constraint = _own(job, answers.json_schema, train) if answers.json_schema else inferred(train)
    if constraint is None:
        return None
    try:
        engine.demand_constraint(constraint)
    except ModelError as error:
        if answers.json_schema:
            raise
        yield Note(f"Answers stay free, although all are {constraint.outline()}. {error.what} {error.why}")
        return None
    yield Note(f"Each rung also tries answers that are constrained to {constraint.outline()}.")
    return constraint


def _own(job: Job, name: str, train: Sequence[Example]) -> Constraint:
    """The constraint of the schema in the job's file."""
    try:
        schema = read_schema(job.path(name))
        if not isinstance(schema, dict):
            raise ValueError('it must be a JSON object, such as {"type": "object"}.')
        return given(schema, train)
    except ValueError as error:
        what, fix = f"answers.json_schema = {name!r} cannot be used.", "correct it, or remove the key."
        raise DataError(what, f"Reason: {error}", fix) from error
