"""The constraint that a job's answers are tried with: of its own JSON schema, or inferred from its train examples."""

from collections.abc import Sequence

from referencing.exceptions import Unresolvable
from regex import error as RegexError

from gradschool.data.answer_form import given, inferred, not_allowed, why_free
from gradschool.errors import DataError, ModelError, first_line
from gradschool.job import Job
from gradschool.model.engine import Engine
from gradschool.records import Constraint, Example, Note, Work
from gradschool.schemas import Schema, demand_keywords
from gradschool.score.rules import read_schema

CHECKED = 500  # train answers that are compared with the job's schema


def constraint_for(job: Job, engine: Engine, train: Sequence[Example]) -> Work[Constraint | None]:
    """The constraint to try, and a note of what it allows; None if answers are free.

    An inferred one that the base cannot take is left out, with its reason. Raises ModelError if that is the job's own
    schema, and DataError if this cannot be read.
    """
    answers = job.settings.answers
    if not answers.constrain:
        if answers.json_schema:
            yield Note("answers.json_schema is not used, because answers.constrain is false.", "warning")
        return None
    if answers.json_schema:
        constraint = yield from _own(job, answers.json_schema, engine, train)
    elif (found := inferred(train)) is None:
        if why := why_free(train):
            yield Note(f"Answers stay free: {why} answers.json_schema can name what is allowed.")
        return None
    else:
        constraint = found
        try:
            engine.demand_constraint(constraint)
        except ModelError as error:
            yield Note(f"Answers stay free, although all are {constraint.outline()}. {error.what} {error.why}")
            return None
    yield Note(f"Each rung also tries answers that are constrained to {constraint.outline()}.")
    return constraint


def _own(job: Job, name: str, engine: Engine, train: Sequence[Example]) -> Work[Constraint]:
    """The constraint of the schema in the job's file, which must allow train answers."""
    try:
        schema = read_schema(job.path(name))
        if not isinstance(schema, dict):
            raise ValueError('it must be a JSON object, such as {"type": "object"}.')
        demand_keywords(schema)
        constraint = given(schema, train)
    except ValueError as error:
        raise _unusable(name, error) from error
    try:
        engine.demand_constraint(constraint)
    except ModelError as error:
        fix = f"correct or simplify {name} (answers.json_schema), or remove the key."
        raise ModelError(error.what, error.why, fix) from error
    asked = train[:CHECKED]
    try:
        bad = not_allowed(constraint, asked, Schema(schema).holds)
    except (TimeoutError, ValueError, RegexError, Unresolvable) as error:
        yield Note(f"answers.json_schema: the train answers are not compared with it ({first_line(error)}).", "warning")
        return constraint
    if bad:
        source = bad[0].source
        if len(bad) == len(asked):
            what = f"it allows none of the train answers: see {source.file}:{source.line}."
            raise _unusable(name, what)
        yield Note(
            f"answers.json_schema allows {len(asked) - len(bad)} of {len(asked)} train answers: see "
            f"{source.file}:{source.line} for one that cannot be written.",
            "warning",
        )
    return constraint


def _unusable(name: str, why: object) -> DataError:
    fix = "correct it, or remove the key."
    return DataError(f"answers.json_schema = {name!r} cannot be used.", f"Reason: {why}", fix)
