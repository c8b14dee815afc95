"""JSON schemas that answers must follow, checked within a time: a schema of others may refer to itself without end.

Schemas fetch nothing. Their patterns are searched by the `regex` library, which can be stopped.
"""

import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import regex
from jsonschema import ValidationError, validators
from jsonschema.exceptions import SchemaError
from referencing import Registry
from referencing.exceptions import Unresolvable

from gradschool.errors import first_line

extend: Callable[..., Any] = validators.extend  # untyped in its stubs
SCHEMA_SECONDS = 10.0  # for one answer
PATTERN_SECONDS = 1.0  # for a pattern on one answer, in case it backtracks
# Keywords whose function goes through others by itself, without a limit.
UNEVALUATED, GONE_THROUGH = "unevaluatedProperties", ("patternProperties", "dependentSchemas")


class Schema:
    """A JSON schema; raises ValueError for what is none, or refers to others."""

    def __init__(self, schema: dict[str, Any]) -> None:
        try:
            base = validators.validator_for(schema, default=validators.Draft202012Validator)
            base.check_schema(schema)
        except SchemaError as error:
            raise ValueError(f"value is not a valid JSON schema: {error.message} (at {error.json_path}).") from error
        except RecursionError as error:
            raise ValueError("its JSON schema is nested too deeply.") from error
        except Exception as error:  # whatever values of others lead to
            raise ValueError(f"value is not a valid JSON schema: {first_line(error)}.") from error
        parts = list(_parts(schema))
        if outside := [ref for part in parts if (ref := _reference(part)) and not ref.startswith("#")]:
            raise ValueError(f"its JSON schema refers to {outside[0]!r}; only references inside it (#…) are followed.")
        if any(UNEVALUATED in part for part in parts):
            for name in GONE_THROUGH:
                if any(name in part for part in parts):
                    raise ValueError(f"its JSON schema has {UNEVALUATED} and {name}, which are not checked together.")
        keywords = {**base.VALIDATORS, **KEYWORDS}
        bounded = {name: self._until(function) for name, function in keywords.items() if name in base.VALIDATORS}
        self._validator = extend(base, bounded)(schema, registry=Registry())
        self._end = 0.0

    def holds(self, value: Any) -> bool:
        """Whether a JSON value follows it.

        Raises TimeoutError if that is not found out in time, and ValueError if a part of the schema is none: the parts
        that a reference leads to are not checked before.
        """
        self._end = time.monotonic() + SCHEMA_SECONDS
        try:
            return bool(self._validator.is_valid(value))
        except (RecursionError, OverflowError):
            return False
        except (TimeoutError, regex.error, Unresolvable):
            raise
        except Exception as error:
            raise ValueError(f"a part of it is no JSON schema: {first_line(error)}") from error

    def _until(self, function: Callable[..., Any]) -> Callable[..., Iterator[ValidationError]]:
        def keyword(validator: Any, value: Any, instance: Any, schema: Any) -> Iterator[ValidationError]:
            if time.monotonic() > self._end:
                raise TimeoutError
            yield from function(validator, value, instance, schema) or ()

        return keyword


def demand_keywords(schema: Mapping[str, Any]) -> None:
    """Raise ValueError for an object without any keyword of JSON Schema: it would allow every value."""
    if not schema or schema.keys() & {*validators.Draft202012Validator.VALIDATORS, "definitions"}:
        return
    keys = ", ".join(map(repr, [*schema][:3]))
    if isinstance(schema.get("schema"), Mapping):
        raise ValueError("it is no JSON schema, but has one under 'schema': the file needs that alone.")
    raise ValueError(f"it has no keyword of JSON Schema, such as 'type' or 'properties', but {keys}.")


def _parts(schema: Any) -> Iterator[Mapping[str, Any]]:
    """All objects in a schema."""
    waiting = [schema]
    while waiting:
        part = waiting.pop()
        if isinstance(part, Mapping):
            yield part
            waiting += part.values()
        elif isinstance(part, list):
            waiting += part


def _reference(part: Mapping[str, Any]) -> str:
    return part["$ref"] if isinstance(part.get("$ref"), str) else ""


def _found(pattern: str, text: str) -> bool:
    return regex.search(pattern, text, timeout=PATTERN_SECONDS) is not None


def _pattern(validator: Any, pattern: str, instance: Any, schema: Any) -> Iterator[ValidationError]:
    if isinstance(instance, str) and not _found(pattern, instance):
        yield ValidationError(f"{instance!r} does not match {pattern!r}")


def _pattern_properties(validator: Any, patterns: Any, instance: Any, schema: Any) -> Iterator[ValidationError]:
    for pattern, inner in patterns.items() if isinstance(instance, dict) else ():
        for name, value in instance.items():
            if _found(pattern, name):
                yield from validator.descend(value, inner, path=name, schema_path=pattern)


def _additional_properties(validator: Any, allowed: Any, instance: Any, schema: Any) -> Iterator[ValidationError]:
    known, patterns = schema.get("properties", {}), schema.get("patternProperties", {})
    for name, value in instance.items() if isinstance(instance, dict) else ():
        if name not in known and not any(_found(pattern, name) for pattern in patterns):
            yield from validator.descend(value, allowed, path=name)


def _unique_items(validator: Any, wanted: bool, instance: Any, schema: Any) -> Iterator[ValidationError]:
    if wanted and isinstance(instance, list) and len({*map(_canonical, instance)}) < len(instance):
        yield ValidationError("It has equal items.")


def _canonical(value: Any) -> Any:
    """A value that is equal to that of an equal JSON value: 1 equals 1.0, but not true."""
    if isinstance(value, dict):
        return "object", frozenset((name, _canonical(inner)) for name, inner in value.items())
    if isinstance(value, list):
        return "list", tuple(map(_canonical, value))
    return isinstance(value, bool), value


KEYWORDS: dict[str, Callable[..., Iterator[ValidationError]]] = {  # those of the library have no limits
    "pattern": _pattern,
    "patternProperties": _pattern_properties,
    "additionalProperties": _additional_properties,
    "uniqueItems": _unique_items,
}
