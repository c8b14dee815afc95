"""Grammars in GBNF: llama.cpp writes what the schema allows, with the spaces of the constraint, and all of it."""

import json
from collections.abc import Iterator
from typing import Any

import jsonschema
import pytest

from finish import finish
from gradschool.constraint import DENSE, SPACED, Constraint, schema_constraint
from gradschool.data.answer_form import conditional, schema_of
from gradschool.export.gguf import About, write_gguf
from gradschool.export.template import standalone_template
from gradschool.model.gbnf import NotWritten, grammar_of, literal
from gradschool.model.llama_cpp import LlamaCpp
from gradschool.model.llama_grammar import constraint_fields
from gradschool.model.local import LocalEngine
from gradschool.model.opening import POCKET
from gradschool.records import Decoding, Message

ANSWERS: list[Any] = [
    {"to": "Ann", "urgent": True, "amount": 2.5, "notes": ["é", 'a "b" \\'], "when": None},
    {"to": "B,: b", "urgent": False, "amount": -3.0, "notes": [], "more": {"x": 1}},
]
KINDS = [{"kind": "a", "n": 1}, {"kind": "b", "text": "t"}] * 100
INFERRED = [
    schema_of(ANSWERS),
    schema_of([{"a": 1}, {"b": 2}, {}]),
    schema_of([[1, 2], [], ["x"]]),
    schema_of([{"x": {}}, {"x": []}, {"x": None}]),
    schema_of([{str(n): n} for n in range(101)]),
    conditional(KINDS),
]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LlamaCpp]:
    engine, file = LocalEngine(POCKET), tmp_path_factory.mktemp("gguf") / "pocket.gguf"
    finish(write_gguf(engine.network, engine.chat, standalone_template(engine.chat), file, "f16", About("p", "p")))
    with LlamaCpp(file, 512, threads=1) as server:
        yield server


def said(server: LlamaCpp, constraint: Constraint, seed: int) -> tuple[str, str]:
    asked = (Message("user", "Say anything."),)
    decoding = Decoding(200, temperature=1.5, seed=seed)
    [(_, answer)] = server.engine(constraint).answer([asked], decoding)
    return answer.text, answer.stop


@pytest.mark.parametrize("schema", INFERRED, ids=range(len(INFERRED)))
def test_what_llama_cpp_writes_obeys_the_schema_and_has_its_spaces(server: LlamaCpp, schema: Any) -> None:
    ended = 0
    for spaces in (SPACED, DENSE):
        constraint = schema_constraint(schema, spaces)
        assert constraint_fields(constraint) == {"grammar": grammar_of(constraint)}
        for seed in range(3):
            text, stop = said(server, constraint, seed)
            if stop == "stop":
                ended += 1
                jsonschema.validate(json.loads(text), schema)
                outside = json.dumps(json.loads(text), separators=spaces, ensure_ascii=False)
                assert len(text) >= len(outside) and text.split('"')[0] == outside.split('"')[0]
    assert ended


def test_labels_of_any_characters_are_written_as_they_are(server: LlamaCpp) -> None:
    labels = ('a "quoted" one', "back\\slash", "two\nlines", "退货", "😀", "bell\x07 \x08\x0c", "[x] ::= y")
    constraint = Constraint(labels)
    assert {said(server, constraint, seed)[0] for seed in range(8)} <= set(labels)
    assert literal("\x08\n") == '"\\x08\\n"'


@pytest.mark.parametrize(
    "schema",
    [
        {"type": "string", "maxLength": 3},
        {"type": "object", "properties": {"a": {"$ref": "#"}}, "additionalProperties": False},
        {"type": "object", "patternProperties": {"^a$": {}}, "additionalProperties": False},
        {"type": "object", "properties": {}, "required": ["a"], "additionalProperties": False},
        {"type": "object", "properties": {"a": {"type": "null"}}},
        {"enum": [[1]]},
        {"type": ["string", "array"]},
        True,
    ],
)
def test_no_grammar_is_written_for_other_schemas(schema: Any) -> None:
    with pytest.raises(NotWritten):
        grammar_of(schema_constraint(schema))
    with pytest.raises(NotWritten):
        grammar_of(schema_constraint({"type": "null"}, None))  # any white space
