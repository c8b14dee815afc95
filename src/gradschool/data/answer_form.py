"""What the answers of examples have in common, as a constraint on decoding: labels, or JSON of one schema."""

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from gradschool.constraint import DENSE, SPACED, Constraint, schema_constraint
from gradschool.data.labels import MAX_CHARACTERS, REPEATS, classes
from gradschool.files import parse_any_json
from gradschool.records import Example

MIN_EXAMPLES = 10  # from fewer, nothing is inferred
MAX_KEYS = 100  # of an object; more are values rather than names
# An enum excludes values that were not seen. Their probability is about the fraction of answers with a value that was
# seen once (Good 1953, "The Population Frequencies of Species and the Estimation of Population Parameters").
MAX_UNSEEN = 0.01
SAME_SPACES = 0.9  # of the answers, so that all are written with these spaces
SCALARS = {str: "string", bool: "boolean", int: "integer", float: "number", type(None): "null"}


def inferred(train: Sequence[Example]) -> Constraint | None:
    """The constraint that all answers of these examples obey; None if they are neither labels nor JSON of one kind."""
    if len(train) < MIN_EXAMPLES:
        return None
    answers = [example.ideal.strip() for example in train]
    values = [_parsed(answer) for answer in answers]
    if all(isinstance(value, dict | list) and value for value in values):
        try:
            return schema_constraint(schema_of(values), spaces_of(answers, values))
        except ValueError:  # nested too deeply
            return None
    labels = classes(train)
    return Constraint(tuple(sorted(labels))) if labels and len(labels) > 1 else None


def given(schema: Any, train: Sequence[Example]) -> Constraint:
    """The constraint of a schema that the job names, with the spaces of the train answers; ValueError if it is deep."""
    answers = [example.ideal.strip() for example in train]
    return schema_constraint(schema, spaces_of(answers, [_parsed(answer) for answer in answers]))


def spaces_of(answers: Sequence[str], values: Sequence[Any]) -> tuple[str, str] | None:
    """The spaces that nearly all answers are written with; None if they differ, or are on several lines."""
    for spaces in (SPACED, DENSE):
        written = (json.dumps(value, ensure_ascii=False, separators=spaces) for value in values)
        same = sum(text == answer for text, answer in zip(written, answers, strict=True))
        if answers and same >= SAME_SPACES * len(answers):
            return spaces
    return None


def schema_of(values: Sequence[Any]) -> dict[str, Any]:
    """The smallest schema that allows all values, of those that are usual: keys, types and enums, but no bounds."""
    objects = [value for value in values if isinstance(value, dict)]
    items = [item for value in values if isinstance(value, list) for item in value]
    kinds = Counter(SCALARS[type(value)] for value in values if type(value) in SCALARS)
    if kinds["number"]:
        kinds["number"] += kinds.pop("integer", 0)
    parts: list[dict[str, Any]] = []
    if objects:
        parts.append(_object(objects))
    if any(isinstance(value, list) for value in values):
        parts.append({"type": "array", "items": schema_of(items)} if items else {"type": "array", "maxItems": 0})
    if kinds.pop("string", 0):
        parts.append(_string([value for value in values if isinstance(value, str)]))
    parts += [{"type": kind} for kind in sorted(kinds)]
    return parts[0] if len(parts) == 1 else {"anyOf": parts}


def _object(objects: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    counts = Counter(key for value in objects for key in value)
    by_key = {key: [value[key] for value in objects if key in value] for key in counts}
    order = _order(objects) if len(counts) <= MAX_KEYS else None
    if order is None:  # all keys have one schema, and none of them is required
        together = schema_of([one for values in by_key.values() for one in values])
        if len(counts) > MAX_KEYS:
            return {"type": "object", "additionalProperties": together}
        return {
            "type": "object",
            "patternProperties": {_any_of(sorted(counts)): together},
            "additionalProperties": False,
            "maxProperties": max(map(len, objects)),  # a key may be written twice
        }
    return {
        "type": "object",
        "properties": {key: schema_of(by_key[key]) for key in order},
        "required": [key for key in order if counts[key] == len(objects)],
        "additionalProperties": False,
    }


def _string(texts: Sequence[str]) -> dict[str, Any]:
    counts = Counter(texts)
    once = sum(count == 1 for count in counts.values())
    known = len(texts) >= REPEATS * len(counts) and once <= MAX_UNSEEN * len(texts)
    if known and all(len(text) <= MAX_CHARACTERS for text in counts):
        return {"type": "string", "enum": sorted(counts)}
    return {"type": "string"}


def _order(objects: Sequence[Mapping[str, Any]]) -> list[str] | None:
    """The one order in which the keys stand in all objects; None if there is none."""
    after: dict[str, set[str]] = {}
    for keys in {tuple(value) for value in objects}:
        for place, key in enumerate(keys):
            after.setdefault(key, set()).update(keys[place + 1 :])
    order: list[str] = []
    left = dict.fromkeys(after)
    while left:
        first = next((key for key in left if not any(key in after[other] for other in left)), None)
        if first is None:
            return None
        order.append(first)
        del left[first]
    return order


def _any_of(keys: Sequence[str]) -> str:
    """A regular expression for these keys, in the syntax that JSON schemas, Rust and Python share."""
    escaped = ("".join(f"\\{c}" if c in r"\.+*?()|[]{}^$/-" else c for c in key) for key in keys)
    return f"^({'|'.join(escaped)})$"


def _parsed(answer: str) -> Any:
    try:
        return parse_any_json(answer)
    except ValueError:
        return None
