"""Constraints on answers as llama.cpp, Ollama and vLLM take them in a request."""

from typing import Any

from gradschool.model.gbnf import NotWritten, grammar_of
from gradschool.records import Constraint

# Options of llama-server for all requests, by the field that one request has: the option, and the name of its file.
SERVER_OPTIONS = {
    "grammar": ("--grammar-file", "constraint.gbnf"),
    "json_schema": ("--json-schema-file", "schema.json"),
}


def request_fields(constraint: Constraint) -> dict[str, Any]:
    """The fields to add to a request, by the program that answers it.

    Ollama writes a choice as a JSON string, in quotes.
    """
    vllm = {"choice": list(constraint.choices)} if constraint.choices else {"json": constraint.schema}
    return {
        "llama.cpp": constraint_fields(constraint),
        "ollama": {"format": plain_schema(constraint.schema)},
        "vllm": {"structured_outputs": vllm},
    }


def constraint_fields(constraint: Constraint | None) -> dict[str, Any]:
    """The fields of a request to any llama.cpp that constrain its answer: a grammar, else a JSON schema.

    llama.cpp's schemas have no patternProperties; such keys may have any name there.
    """
    if constraint is None:
        return {}
    try:
        return {"grammar": grammar_of(constraint)}
    except NotWritten:
        return {"json_schema": plain_schema(constraint.schema)}


def completion_fields(constraint: Constraint | None) -> dict[str, Any]:
    """As `constraint_fields`, for completions of the llama.cpp that we run: it has llguidance, as we do.

    By the options in a schema it writes the same spaces. Its chat API, and other builds, ignore them.
    """
    if constraint is None or constraint.choices:
        return constraint_fields(constraint)
    return {"json_schema": plain_schema(constraint.guided_schema)}


def plain_schema(schema: Any) -> Any:
    """A schema whose keys by pattern are additional ones, of the same values."""
    if isinstance(schema, list):
        return [plain_schema(part) for part in schema]
    if not isinstance(schema, dict):
        return schema
    plain = {key: plain_schema(value) for key, value in schema.items() if key != "patternProperties"}
    if isinstance(patterns := schema.get("patternProperties"), dict) and patterns:
        values = [plain_schema(value) for value in patterns.values()]
        plain["additionalProperties"] = values[0] if len(values) == 1 else {"anyOf": values}
    return plain
