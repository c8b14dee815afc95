"""Constraints on the answers of a server: sent as `response_format`, and checked in what comes back.

Servers differ in what they do with it: vLLM, llama.cpp and Ollama obey any schema; OpenAI's API obeys only a strict
one, of an object; some refuse it, and some ignore it without a word.
"""

import json
import re
from functools import lru_cache
from typing import Any

from gradschool.constraint import DENSE, Constraint
from gradschool.errors import ModelError
from gradschool.json_text import parse_json
from gradschool.model.llama_grammar import plain_schema
from gradschool.schemas import Schema
from gradschool.visible import shortened

ANSWER = "answer"  # the key of a label, or of JSON that is no object: the schema that all servers take is an object
NAMED = re.compile(r"response[_ ]?format|json[_ ]?schema|json[_ ]?mode|structured|\bschema\b|\bstrict\b", re.IGNORECASE)
FREE = "leave the answers free (set answers.constrain to false), or use a server that constrains them."
MAX_SHOWN = 80  # characters of an answer in an error


def request_fields(constraint: Constraint | None, lax: bool) -> dict[str, Any]:
    """The field of a request that asks for answers of a constraint; a `lax` one does not say that it is strict."""
    if constraint is None:
        return {}
    schema = plain_schema(constraint.schema)
    if _wrapped(constraint):
        schema = {"type": "object", "properties": {ANSWER: schema}, "required": [ANSWER], "additionalProperties": False}
    named = {"name": ANSWER, "schema": schema} | ({} if lax else {"strict": True})
    return {"response_format": {"type": "json_schema", "json_schema": named}}


def demand_checkable(constraint: Constraint) -> None:
    """Raise ModelError for a schema that answers cannot be compared with."""
    try:
        if not constraint.choices:
            _checker(constraint.json_schema)
    except ValueError as error:
        what, fix = "Answers cannot be constrained to this JSON schema.", "correct the schema, or leave answers free."
        raise ModelError(what, f"{error}", fix) from error


def conformed(constraint: Constraint, text: str) -> str | None:
    """The answer as the constraint says it: a label without JSON around it, JSON with its spaces; None if it breaks it.

    A schema that cannot be checked in time counts as broken.
    """
    try:
        value = parse_json(text)
        if _wrapped(constraint):
            if not (isinstance(value, dict) and value.keys() == {ANSWER}):
                return None
            value = value[ANSWER]
        if constraint.choices:
            return value if value in constraint.choices else None
        return _spaced(constraint, value, text) if _checker(constraint.json_schema).holds(value) else None
    except (ValueError, TimeoutError, RecursionError):
        return None


def _wrapped(constraint: Constraint) -> bool:
    schema = constraint.schema
    return bool(constraint.choices) or not (isinstance(schema, dict) and schema.get("type") == "object")


@lru_cache(maxsize=8)
def _checker(schema: str) -> Schema:
    parsed = parse_json(schema)
    if not isinstance(parsed, dict):
        raise ValueError("it is no JSON object.")
    return Schema({key: parsed[key] for key in parsed if key != "x-guidance"})


def _spaced(constraint: Constraint, value: Any, text: str) -> str:
    """JSON with the spaces that the constraint writes, which are those of the train answers."""
    options = parse_json(constraint.json_schema).get("x-guidance") or {}
    if options.get("whitespace_flexible") and not _wrapped(constraint):
        return text.strip()
    separators = options.get("item_separator", DENSE[0]), options.get("key_separator", DENSE[1])
    return json.dumps(value, ensure_ascii=False, separators=separators)


def refused(address: str, message: str) -> ModelError:
    """The error for a server that does not take a schema."""
    return ModelError(f"{address} does not constrain answers.", f"It refuses response_format: {message}.", FREE)


def ignored(address: str, constraint: Constraint, text: str) -> ModelError:
    """The error for a server that takes a schema and does not obey it."""
    return ModelError(
        f"{address} does not constrain answers.",
        f"It ignores response_format: asked for {constraint.outline()}, it answers {shortened(text, MAX_SHOWN)!r}.",
        FREE,
    )


def broken(address: str, count: int, answers: int, constraint: Constraint) -> str:
    """The note that answers break a constraint."""
    return (
        f"{address}: {count} of {answers} answers break the constraint ({constraint}); they are kept as free text. "
        "The server may ignore response_format."
    )
