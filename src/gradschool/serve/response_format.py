"""`response_format` of OpenAI's API as a constraint on the answer."""

from typing import Any

from gradschool.constraint import schema_constraint
from gradschool.records import Constraint

KINDS = "must be an object with a type: text, json_object or json_schema"


def constraint_of(value: Any) -> Constraint | None:
    """The constraint that a request asks for; None for text. Raises ValueError for another value.

    JSON is written on one line, with a space after commas and colons, so that no answer ends in white space.
    """
    if value is None:
        return None
    kind = value.get("type") if isinstance(value, dict) else None
    if kind == "text":
        return None
    if kind == "json_object":
        return schema_constraint({"type": "object"})
    if kind != "json_schema":
        raise ValueError(KINDS)
    named = value.get("json_schema")
    schema = named.get("schema") if isinstance(named, dict) else None
    if not isinstance(schema, dict):
        raise ValueError("json_schema must be an object with a name and a schema")
    return schema_constraint(schema)
