"""What an answer may be if decoding is constrained: one of several choices, or JSON that a schema allows."""

import json
import re
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, field
from typing import Annotated, Any, Literal

from pydantic import AfterValidator

from gradschool.values import Real
from gradschool.visible import shortened

# Between the items of JSON, and between key and value: as Python's `json.dumps` and most people write it, and dense.
SPACED, DENSE = (", ", ": "), (",", ":")
MAX_DEPTH = 100  # of values within values, in a schema
MAX_CHOICES, MAX_TEXT = 5_000, 200_000  # labels, and characters of all of them or of a schema: more take minutes
TOO_DEEP = f"the schema has more than {MAX_DEPTH} values within values"
SHOWN = 8  # labels, or values of an enum
MAX_OUTLINE = 1_000  # characters
NAME = re.compile(r"[\w .-]+")  # a key that needs no quotes to be read


def _demand_schema(text: str) -> str:
    """The text of a schema, which others may have written; raises ValueError for no JSON, or if it is long or deep."""
    if len(text) > MAX_TEXT:
        raise ValueError(f"the schema has {len(text):,} characters; at most {MAX_TEXT:,} are read")
    try:
        level, depth = [json.loads(text)] if text else [], 0
    except RecursionError:
        raise ValueError(TOO_DEEP) from None
    while level := [one for value in level for one in _inside(value)]:
        depth += 1
        if depth > MAX_DEPTH:
            raise ValueError(TOO_DEEP)
    return text


def demand_few(choices: tuple[str, ...]) -> tuple[str, ...]:
    """The choices; raises ValueError if they are many or long."""
    if len(choices) > MAX_CHOICES or sum(map(len, choices)) > MAX_TEXT:
        raise ValueError(
            f"there are {len(choices):,} labels with {sum(map(len, choices)):,} characters; "
            f"at most {MAX_CHOICES:,} with {MAX_TEXT:,} can be compiled"
        )
    return choices


def _inside(value: Any) -> Iterable[Any]:
    return value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()


@dataclass(frozen=True, slots=True)
class Constraint:
    """The answers that may be written: one of `choices` if there are any, else JSON that `json_schema` allows.

    The schema is JSON text. Its key `x-guidance` holds llguidance's options for spaces between values. With a `bias`,
    one number in nats for each choice, nothing is written: the choices are compared by their log-probability minus it.
    `calibration` names how the bias was estimated; without a name, it is 0 for all choices.
    """

    choices: Annotated[tuple[str, ...], AfterValidator(demand_few)] = ()
    bias: tuple[Real, ...] = ()
    json_schema: Annotated[str, AfterValidator(_demand_schema)] = ""
    calibration: Literal["", "contextual", "batch"] = field(default="", repr=False)  # not part of hashes of recipes

    def __str__(self) -> str:
        """The constraint in a few words."""
        if not self.choices:
            return "JSON of a schema"
        if not self.bias:
            return f"one of {len(self.choices)} labels"
        return f"most probable of {len(self.choices)} labels{self.calibration and f', {self.calibration} calibration'}"

    @property
    def facts(self) -> dict[str, Any]:
        """What identifies it, for the names of saved answers: those of runs of earlier versions must not change."""
        return {name: value for name, value in asdict(self).items() if name != "calibration"}

    def outline(self) -> str:
        """The constraint in a line or two, for the user to check."""
        if self.choices:
            return f"{len(self.choices)} labels: {_listed(self.choices)}"
        return shortened(f"JSON: {_outline(self.schema)}", MAX_OUTLINE)

    @property
    def guided_schema(self) -> Any:
        """The JSON schema as a value, with llguidance's options."""
        return json.loads(self.json_schema)

    @property
    def schema(self) -> Any:
        """The JSON schema as a value, without llguidance's options; choices are strings of an enum."""
        if self.choices:
            return {"type": "string", "enum": list(self.choices)}
        schema = self.guided_schema
        return {key: schema[key] for key in schema if key != "x-guidance"} if isinstance(schema, dict) else schema


def _listed(words: Sequence[str]) -> str:
    shown = ", ".join(map(_written, words[:SHOWN]))
    return shown + (f" and {len(words) - SHOWN} more" if len(words) > SHOWN else "")


def _outline(schema: Any) -> str:
    """A JSON schema in a few words; what is not usual is shown as it is."""
    match schema:
        case {"enum": [*values]}:
            return f"one of {_listed(values)}" if len(values) <= SHOWN else f"one of {len(values)} values"
        case {"const": value}:
            return _written(value)
        case {"anyOf": [*parts]}:
            more = [f"{len(parts) - SHOWN} more forms"] if len(parts) > SHOWN else []
            return " or ".join([*map(_outline, parts[:SHOWN]), *more])
        case {"type": "array", "items": item}:
            return f"[{_outline(item)}, …]"
        case {"type": "object", "patternProperties": {**patterns}}:
            return "{" + ", ".join(f"{keys}: {_outline(value)}" for keys, value in patterns.items()) + "}"
        case {"type": "object", "properties": {**properties}}:
            needed = schema.get("required", ())
            pairs = (f"{_name(key)}{'' if key in needed else '?'}: {_outline(properties[key])}" for key in properties)
            return "{" + ", ".join(pairs) + "}"
        case {"type": str(kind)}:
            return kind
    return _written(schema)


def _written(value: Any) -> str:
    """A value as JSON with readable letters; halves of characters, which no file can hold, are escaped."""
    try:
        return json.dumps(value, ensure_ascii=False).encode().decode()
    except UnicodeEncodeError:
        return json.dumps(value)


def _name(key: Any) -> str:
    return str(key) if NAME.fullmatch(str(key)) else _written(key)


def schema_constraint(schema: Any, spaces: tuple[str, str] | None = SPACED) -> Constraint:
    """The constraint of a JSON schema; `spaces` separate items, and keys from values. None: any white space may.

    Raises ValueError for a schema with more than MAX_DEPTH values within values, or MAX_TEXT characters.
    """
    if isinstance(schema, dict):
        item, key = spaces or DENSE
        options = {"whitespace_flexible": spaces is None, "item_separator": item, "key_separator": key}
        schema = {**schema, "x-guidance": options}
    return Constraint(json_schema=_demand_schema(json.dumps(schema, ensure_ascii=False)))
