"""JSON schemas of others: they mean what the library says, and end, whatever they refer to."""

import contextlib
import time
from typing import Any

import jsonschema
import pytest

from gradschool import schemas
from gradschool.schemas import Schema

TWICE: dict[str, Any] = {
    "$defs": {f"a{n}": {"allOf": [{"$ref": f"#/$defs/a{n + 1}"}] * 2} for n in range(40)} | {"a40": {"type": "object"}},
    "$ref": "#/$defs/a0",
}


@pytest.mark.parametrize(
    "kind",
    [
        "http://json-schema.org/draft-04/schema#",
        "http://json-schema.org/draft-07/schema#",
        "https://json-schema.org/draft/2020-12/schema",
    ],
)
@pytest.mark.parametrize(
    "schema",
    [
        {"properties": {"a": {"type": "integer"}}, "additionalProperties": False},
        {"patternProperties": {"^b": {"minimum": 3}}, "additionalProperties": {"type": "string"}},
        {"uniqueItems": True, "items": {"type": ["integer", "boolean", "object", "array"]}},
        {"type": "object", "required": ["a"]},
        {"additionalProperties": True},
        {"$ref": "#"},
    ],
)
def test_what_follows_a_schema_is_as_the_library_says(schema: dict[str, Any], kind: str) -> None:
    schema = {"$schema": kind, **schema}
    validator = jsonschema.validators.validator_for(schema)(schema)
    for value in (
        {"a": 1},
        {"a": 1, "b": 4},
        {"b1": 2},
        {"c": "x"},
        {"c": 1},
        {},
        5,
        [1, True],
        [1, 1.0],
        [[1], [True]],
    ):
        try:
            expected = validator.is_valid(value)
        except RecursionError:
            expected = False
        assert Schema(schema).holds(value) == expected, value
    assert not Schema({"uniqueItems": True}).holds([{"a": [1]}, {"a": [1.0]}])


@pytest.mark.parametrize(
    ("schema", "value"),
    [
        (TWICE, {}),
        ({"pattern": r"(a|aa)+$"}, "a" * 200 + "!"),
        ({"patternProperties": {r"(a|aa)+$": {}}}, {"a" * 200 + "!": 1}),
        ({"patternProperties": {r"(a|aa)+$": {}}, "additionalProperties": False}, {"a" * 200 + "!": 1}),
        ({"propertyNames": {"pattern": r"(a|aa)+$"}}, {"a" * 200 + "!": 1}),
    ],
)
def test_a_schema_that_does_not_end_is_stopped(schema: Any, value: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(schemas, "SCHEMA_SECONDS", 0.1)
    monkeypatch.setattr(schemas, "PATTERN_SECONDS", 0.1)
    began = time.process_time()
    with pytest.raises(TimeoutError):
        Schema(schema).holds(value)
    assert time.process_time() - began < 5


def test_many_items_are_compared_in_linear_time() -> None:
    began = time.process_time()
    assert Schema({"uniqueItems": True}).holds([{"a": n} if n % 2 else f"{n}" for n in range(50_000)])
    assert time.process_time() - began < 5


@pytest.mark.parametrize("name", ["patternProperties", "dependentSchemas"])
def test_what_cannot_be_bounded_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match=name):
        Schema({"unevaluatedProperties": False, "allOf": [{name: {"a": {}}}]})
    Schema({"unevaluatedProperties": False, "properties": {"a": {}}})


def test_deep_schemas_and_large_numbers_are_no_tracebacks() -> None:
    deep: dict[str, Any] = {}
    for _ in range(190):
        deep = {"not": deep}
    with pytest.raises(ValueError, match="deeply"):
        Schema(deep)
    assert not Schema({"multipleOf": 0.5}).holds(10**400)


BEHIND = [5, None, "s", {"multipleOf": 0}, {"required": 5}, {"pattern": 5}, {"enum": 5}, {"type": [[]]}, {"$ref": 5}]


@pytest.mark.parametrize("part", BEHIND, ids=map(str, BEHIND))
def test_a_part_behind_a_reference_that_is_no_schema_is_a_value_error(part: Any) -> None:
    """The check of a schema does not look at names that it does not know."""
    schema = Schema({"$ref": "#/x", "x": part})
    for value in ("abc", 5, [1, [2]], {"a": 1}, None):
        with contextlib.suppress(ValueError):
            schema.holds(value)


@pytest.mark.parametrize(
    "schema",
    [
        {"$schema": []},
        {"$schema": {}},
        {"$schema": 5},
        {"$schema": "http://json-schema.org/draft-03/schema#", "type": "x"},
    ],
    ids=str,
)
def test_a_schema_of_an_unknown_kind_is_a_value_error(schema: dict[str, Any]) -> None:
    with contextlib.suppress(ValueError):
        Schema(schema).holds({"a": 1})
