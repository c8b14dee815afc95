"""The constraint that a job's answers are tried with: of its own JSON schema, or inferred from its train examples."""

from collections.abc import Sequence

from gradschool.data.answer_form import given, inferred
from gradschool.errors import DataError, ModelError
from gradschool.files import parse_any_json, read_file
from gradschool.job import Job
from gradschool.model.engine import Engine
from gradschool.records import Constraint, Example, Note, Work


def constraint_for(job: Job, engine: Engine, train: Sequence[Example]) -> Work[Constraint | None]:
    """The constraint to try, and a note of what it allows; None if answers are free.

    An inferred one that the base cannot take is left out, with its reason. Raises ModelError if that is the job's own
    schema, and DataError if this cannot be read.
    """
    answers = job.settings.answers
    if not answers.constrain:
        return None
    constraint = given(_schema(job, answers.json_schema), train) if answers.json_schema else inferred(train)
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


def _schema(job: Job, name: str) -> object:
    path, schema, reason = job.path(name), None, 'It must be a JSON object, such as {"type": "object"}.'
    try:
        schema = parse_any_json(read_file(path).decode())
    except OSError as error:
        reason = f"{error.strerror}."
    except ValueError as error:
        reason = f"It is not JSON: {error}."
    if isinstance(schema, dict):
        return schema
    raise DataError(f"answers.json_schema = {name!r}: {path} cannot be used.", reason, "correct it, or remove the key.")
