"""Constraints as grammars of llama.cpp, in GBNF.

llama.cpp makes grammars of JSON schemas, too, but these allow white space between all values. A base that was not
trained on its answers may write it until its limit, or other spaces than the specialist does.
"""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from gradschool.records import Constraint

# JSON's own rules; llama.cpp takes grammars with rules that are not used.
JSON_RULES = r"""string ::= "\"" character* "\""
character ::= [^"\\\x00-\x1F] | "\\" (["\\/bfnrt] | "u" [0-9a-fA-F] [0-9a-fA-F] [0-9a-fA-F] [0-9a-fA-F])
integer ::= "-"? ("0" | [1-9] [0-9]*)
number ::= integer ("." [0-9]+)? ([eE] [-+]? [0-9]+)?
boolean ::= "true" | "false"
null ::= "null"
"""
SCALARS = ("string", "integer", "number", "boolean", "null")
ESCAPES = {'"': '\\"', "\\": "\\\\", "\n": "\\n", "\r": "\\r", "\t": "\\t"}
# The keys of schemas for which a grammar is written, and those that change nothing.
KNOWN = {"anyOf", "const", "enum", "type", "properties", "required", "additionalProperties", "items", "maxItems"}
NOTES = {"title", "description", "$schema", "x-guidance"}


class NotWritten(Exception):
    """A schema has something for which no grammar is written, or allows any white space."""


def grammar_of(constraint: Constraint) -> str:
    """The grammar of a constraint; raises NotWritten, but for no inferred schema without patternProperties."""
    if constraint.choices:
        return "root ::= " + " | ".join(map(literal, constraint.choices))
    schema = constraint.guided_schema
    options = schema.get("x-guidance") if isinstance(schema, dict) else None
    if not options or options.get("whitespace_flexible", True):
        raise NotWritten
    grammar = _Grammar(options["item_separator"], options["key_separator"])
    lines = [f"root ::= {grammar.value(schema)}", *(f"{name} ::= {rule}" for name, rule in grammar.rules.items())]
    return "\n".join([*lines, JSON_RULES])


def literal(text: str) -> str:
    """A text as a literal of GBNF."""
    return '"' + "".join(ESCAPES.get(c, f"\\x{ord(c):02X}" if c < " " else c) for c in text) + '"'


class _Grammar:
    """The rules for a schema, with these separators between items, and between a key and its value."""

    def __init__(self, between: str, after_key: str) -> None:
        self._between, self._after_key = literal(between), after_key
        self.rules: dict[str, str] = {}

    def value(self, schema: Any) -> str:
        """The expression for a value that a schema allows."""
        if not isinstance(schema, Mapping) or schema.keys() - KNOWN - NOTES:
            raise NotWritten
        match {key: schema[key] for key in schema if key not in NOTES}:
            case {"anyOf": [*parts], **rest} if parts and not rest:
                return self._rule(" | ".join(map(self.value, parts)))
            case {"const": value, **rest} if not rest.keys() - {"type"}:
                return _scalar(value)
            case {"enum": [*values], **rest} if values and not rest.keys() - {"type"}:
                return self._rule(" | ".join(map(_scalar, values)))
            case {"type": "array", "maxItems": 0, **rest} if not rest:
                return literal("[]")
            case {"type": "array", "items": items, **rest} if not rest:
                item = self.value(items)
                return self._rule(f'"[" ({item} ({self._between} {item})*)? "]"')
            case {"type": "object", "properties": {**properties}, "additionalProperties": False, **rest} if (
                not rest.keys() - {"required"}
            ):
                return self._object({str(key): one for key, one in properties.items()}, rest.get("required", ()))
            case {"type": "object", "additionalProperties": {**inner}, **rest} if not rest:
                pair = f"string {literal(self._after_key)} {self.value(inner)}"
                return self._rule(f'"{{" ({pair} ({self._between} {pair})*)? "}}"')
            case {"type": str() | [*_] as kinds, **rest} if not rest:
                kinds = [kinds] if isinstance(kinds, str) else kinds
                if kinds and all(kind in SCALARS for kind in kinds):
                    return self._rule(" | ".join(kinds))
        raise NotWritten

    def _object(self, properties: dict[str, Any], required: Sequence[str]) -> str:
        """An object with these keys in their order, of which those that are not required may be missing."""
        if set(required) - properties.keys():
            raise NotWritten
        first = later = '""'  # what may follow a key: if none was written so far, and else
        for key in reversed(properties):
            name = literal(json.dumps(key, ensure_ascii=False) + self._after_key)
            pair = f"{name} {self.value(properties[key])} {later}"
            others = ("", "") if key in required else (f" | {first}", f" | {later}")
            first, later = self._rule(pair + others[0]), self._rule(f"{self._between} {pair}{others[1]}")
        return self._rule(f'"{{" {first} "}}"')

    def _rule(self, expression: str) -> str:
        name = f"rule{len(self.rules)}"
        self.rules[name] = expression
        return name


def _scalar(value: Any) -> str:
    if isinstance(value, list | dict):
        raise NotWritten
    return literal(json.dumps(value, ensure_ascii=False))
