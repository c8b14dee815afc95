"""What the answers of examples have in common, as a constraint on decoding: labels, or JSON of one schema."""

import json
import re
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from gradschool.constraint import DENSE, SPACED, Constraint, schema_constraint
from gradschool.data.labels import MAX_CHARACTERS, REPEATS, classes, is_short
from gradschool.data.normalize import as_typed
from gradschool.json_text import parse_any_json, unfenced
from gradschool.records import Example

MIN_EXAMPLES = 10  # from fewer, nothing is inferred
MAX_KEYS = 100  # of an object; more are values rather than names
MAX_KINDS = 50  # of objects, with a schema each
# An enum excludes values that were not seen. Their probability is about the fraction of answers with a value that was
# seen once (Good 1953, "The Population Frequencies of Species and the Estimation of Population Parameters").
MAX_UNSEEN = 0.01
MAX_SENTENCES = 5_000  # characters of all labels, if they are longer than labels usually are: each is read per question
NEARLY = 0.9  # of the answers have one form, so that the others deserve a look
SAME_SPACES = 0.9  # of the answers, so that all are written with these spaces
OF_LABELS = {"type", "enum", "title", "description", "$schema", "$id"}  # the keys of a schema of strings
STRING = re.compile(r'"(?:[^"\\]|\\.)*"?')
SEPARATOR = re.compile(r"[,:\s]+")
SCALARS = {str: "string", bool: "boolean", int: "integer", float: "number", type(None): "null"}


def inferred(train: Sequence[Example]) -> Constraint | None:
    """The constraint that all answers of these examples obey; None if they are neither labels nor JSON of one kind."""
    if len(train) < MIN_EXAMPLES:
        return None
    answers = [unfenced(example.ideal) for example in train]
    values = [_parsed(answer) for answer in answers]
    # An empty one says that nothing was found; others must show what is.
    if all(isinstance(value, dict | list) for value in values) and any(values):
        try:
            return schema_constraint(conditional(values) or schema_of(values), spaces_of(answers, values))
        except ValueError:  # nested too deeply
            return None
    labels = classes(train) or _sentences(train)
    return Constraint(tuple(sorted(labels))) if labels and len(labels) > 1 else None


def _sentences(train: Sequence[Example]) -> Sequence[str]:
    """The answers, if they are longer than labels but few, and others are improbable; else empty."""
    counts = Counter(example.ideal.strip() for example in train)
    once = sum(count == 1 for count in counts.values())
    few = len(train) >= REPEATS * len(counts) and once <= MAX_UNSEEN * len(train)
    return [*counts] if few and sum(map(len, counts)) <= MAX_SENTENCES else ()


def why_free(train: Sequence[Example]) -> str:
    """What keeps a form from being inferred that nearly all answers have; empty if none is near."""
    if len(train) < MIN_EXAMPLES:
        return ""
    found = {"are JSON": [isinstance(_parsed(unfenced(example.ideal)), dict | list) for example in train]}
    counts = Counter(example.ideal.strip() for example in train)
    found["are labels"] = [counts[example.ideal.strip()] >= REPEATS and is_short(example.ideal) for example in train]
    for form, its in found.items():
        if NEARLY * len(train) <= sum(its) < len(train):
            source = train[its.index(False)].source
            return f"{sum(its)} of {len(train)} train answers {form}, but not all: see {source.file}:{source.line}."
    if 2 * len(counts) <= len(train) < REPEATS * len(counts) and all(map(is_short, counts)):
        return (
            f"{len(train)} train examples have {len(counts)} different answers, and these are taken for labels "
            f"from {REPEATS * len(counts)} examples on."
        )
    return ""


def given(schema: Any, train: Sequence[Example]) -> Constraint:
    """The constraint of a schema that the job names, with the spaces of the train answers; ValueError if it is deep.

    A schema of some strings names labels, unless the train answers are written as JSON strings, in quotes.
    """
    answers = [unfenced(example.ideal) for example in train]
    labels = labels_of(schema)
    if labels and not all(isinstance(_parsed(answer), str) for answer in answers):
        return Constraint(labels)
    return schema_constraint(schema, spaces_of(answers, [_parsed(answer) for answer in answers]))


def labels_of(schema: Any) -> tuple[str, ...]:
    """The strings that a schema allows, if it allows nothing else; else empty."""
    if not isinstance(schema, dict) or schema.get("type", "string") != "string" or not schema.keys() <= OF_LABELS:
        return ()
    labels = schema.get("enum")
    if not isinstance(labels, list) or not all(isinstance(one, str) and one.strip() for one in labels):
        return ()
    return tuple(dict.fromkeys(one.strip() for one in labels)) if len(labels) > 1 else ()


def not_allowed(constraint: Constraint, train: Sequence[Example], holds: Callable[[Any], bool]) -> list[Example]:
    """The examples whose answers the constraint does not allow; `holds`: whether its schema allows a value."""
    if constraint.choices:
        labels = {*map(as_typed, constraint.choices)}
        return [example for example in train if as_typed(example.ideal.strip()) not in labels]
    missing = object()
    values = [_parsed(unfenced(example.ideal), missing) for example in train]
    return [example for example, value in zip(train, values, strict=True) if value is missing or not holds(value)]


def spaces_of(answers: Sequence[str], values: Sequence[Any]) -> tuple[str, str] | None:
    """The spaces that nearly all answers are written with; None if they differ, or are on several lines."""
    found = [_separators(text) for text, value in zip(answers, values, strict=True) if value is not None]
    for spaces in (SPACED, DENSE):
        same = sum(separators <= {*spaces} for separators in found)
        if answers and same >= SAME_SPACES * len(answers):
            return spaces
    return None


def _separators(answer: str) -> set[str]:
    """What stands between the values of JSON. Only that is compared: numbers and strings are written in many ways."""
    return set(SEPARATOR.findall(STRING.sub('""', answer)))


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


def conditional(values: Sequence[Any]) -> dict[str, Any] | None:
    """A schema for each value of a key on which the other keys depend, such as the slots of each intent.

    The key is the first one with few, known values. A value with few objects, or whose objects would often have new
    keys, has the schema of all. None if there is no such key, or if no value has a schema of its own.
    """
    objects = [value for value in values if isinstance(value, dict)]
    if len(objects) < len(values):
        return None
    general = _object(objects)
    properties = general.get("properties", {})
    key = next((key for key in general.get("required", ()) if "enum" in properties[key]), None)
    if key is None or len(properties) < 2 or len(properties[key]["enum"]) > MAX_KINDS:
        return None
    kinds: dict[str, list[Mapping[str, Any]]] = {}
    for one in objects:
        kinds.setdefault(one[key], []).append(one)
    known = {kind: _object(of_kind) for kind, of_kind in sorted(kinds.items()) if _keys_are_known(of_kind)}
    parts = [_with(schema, key, {"const": kind}) for kind, schema in known.items()]
    if len({json.dumps(_with(part, key, {}), sort_keys=True) for part in (general, *parts)}) == 1:
        return None
    if others := sorted(kinds.keys() - known.keys()):
        parts.append(_with(general, key, {"type": "string", "enum": others}))
    return {"anyOf": parts} if len(parts) > 1 else None


def _with(schema: Mapping[str, Any], key: str, part: Mapping[str, Any]) -> dict[str, Any]:
    """The schema of an object with another part for a key."""
    return {**schema, "properties": {**schema.get("properties", {}), key: part}}


def _keys_are_known(objects: Sequence[Mapping[str, Any]]) -> bool:
    """Whether further objects hardly have other keys than these, or lack one that all of these have."""
    counts = Counter(path for value in objects for path in _paths(value))
    once = sum(count == 1 for count in counts.values())
    return max(once, 1) <= MAX_UNSEEN * len(objects)


def _paths(value: Any, above: tuple[str, ...] = ()) -> set[tuple[str, ...]]:
    """The keys of an object and of what is in it, each with those above it."""
    if isinstance(value, list):
        return {path for item in value for path in _paths(item, above)}
    if not isinstance(value, dict):
        return set()
    return {path for key, inner in value.items() for path in ((*above, key), *_paths(inner, (*above, key)))}


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


def _parsed(answer: str, otherwise: Any = None) -> Any:
    try:
        return parse_any_json(answer)
    except ValueError:
        return otherwise
