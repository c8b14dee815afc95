"""A server is sent the constraint as `response_format`; one that refuses or ignores it is noticed and named."""

import json
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler
from typing import Any

import httpx
import pytest

from gradschool.constraint import DENSE, schema_constraint
from gradschool.errors import ModelError, RemoteError
from gradschool.model.remote import RemoteEngine, new_notes
from gradschool.model.remote_constraint import conformed, request_fields
from gradschool.records import Constraint, Decoding, Message
from gradschool.serve.loading import scheduler_of
from gradschool.serve.server import running
from gradschool.serve.service import ServedBase, ServedModel, Service
from gradschool.settings import Remote
from gradschool.specialist import Recipe, Specialist
from model_server import server

Serve = Callable[[type[BaseHTTPRequestHandler]], str]
Body = dict[str, Any]
LABELS = Constraint(("card", "lost"))
SCHEMA = schema_constraint(
    {"type": "object", "properties": {"n": {"type": "integer"}}, "required": ["n"], "additionalProperties": False}
)
LIST = schema_constraint({"type": "array", "items": {"type": "integer"}}, DENSE)


def honest(body: Body, _: int) -> str:
    """As a server that obeys: the first value that the schema allows, with spaces of its own."""
    asked = body.get("response_format")
    if not asked:
        return "free text"
    [(key, schema)] = asked["json_schema"]["schema"]["properties"].items()
    value = schema["enum"][-1] if "enum" in schema else [1, 2] if schema["type"] == "array" else 7
    return json.dumps({key: value}, indent=2)


def error(message: str, status: int = 400) -> tuple[int, dict[str, str], bytes]:
    return status, {}, json.dumps({"error": {"message": message}}).encode()


def engine_at(serve: Serve, reply: Callable[[Body, int], Any], calls: list[Body] | None = None) -> RemoteEngine:
    settings = Remote(timeout=10, retries=0, concurrency=2)
    return RemoteEngine(serve(server(reply, [] if calls is None else calls)), "small", settings)


def answers(engine: RemoteEngine, constraint: Constraint, count: int = 3) -> list[str]:
    asked = [(Message("user", f"question {number}"),) for number in range(count)]
    return [answer.text for _, answer in engine.answer(asked, Decoding(40, constraint=constraint))]


@pytest.mark.parametrize(("constraint", "expected"), [(LABELS, "lost"), (SCHEMA, '{"n": 7}'), (LIST, "[1,2]")], ids=str)
def test_a_server_that_obeys_is_used(serve: Serve, constraint: Constraint, expected: str) -> None:
    calls: list[Body] = []
    engine = engine_at(serve, honest, calls)
    engine.demand_constraint(constraint)
    engine.demand_constraint(constraint)  # it is known now
    assert len(calls) == 1
    assert answers(engine, constraint) == [expected] * 3
    assert "".join(engine.stream((Message("user", "x"),), Decoding(40, constraint=constraint))) == expected
    assert all(call["response_format"]["json_schema"]["strict"] is True for call in calls)
    assert all(call["response_format"]["json_schema"]["schema"]["type"] == "object" for call in calls)
    assert new_notes(engine) == []


def test_a_server_without_strict_schemas_gets_plain_ones_and_it_is_said_once(serve: Serve) -> None:
    def reply(body: Body, number: int) -> Any:
        strict = body["response_format"]["json_schema"].get("strict")
        return error("Invalid schema for response_format: 'n' must be required.") if strict else honest(body, number)

    calls: list[Body] = []
    engine = engine_at(serve, reply, calls)
    engine.demand_constraint(SCHEMA)
    assert answers(engine, SCHEMA) == ['{"n": 7}'] * 3
    assert len(calls) == 5
    [note] = new_notes(engine)
    assert "without `strict`" in note


@pytest.mark.parametrize("status", [400, 422])
def test_a_server_that_refuses_is_named_with_its_reason(serve: Serve, status: int) -> None:
    engine = engine_at(serve, lambda body, _: error("response_format is not supported by this model", status))
    with pytest.raises(ModelError, match="does not constrain answers") as caught:
        engine.demand_constraint(LABELS)
    assert "response_format is not supported by this model" in caught.value.why
    with pytest.raises(ModelError, match="It refuses response_format"):
        answers(engine, LABELS)


def test_a_refusal_without_a_reason_and_a_server_that_fails_are_told_apart(serve: Serve) -> None:
    with pytest.raises(ModelError, match="does not constrain answers"):
        engine_at(serve, lambda body, _: error("no", 400) if "response_format" in body else "x").demand_constraint(
            LABELS
        )
    with pytest.raises(RemoteError, match="does not answer"):
        engine_at(serve, lambda body, _: error("overloaded", 500)).demand_constraint(LABELS)


def test_a_server_that_ignores_it_is_named_with_what_it_says(serve: Serve) -> None:
    engine = engine_at(serve, lambda body, _: "I would say it is lost.")
    with pytest.raises(ModelError, match="It ignores response_format") as caught:
        engine.demand_constraint(LABELS)
    assert "I would say it is lost." in caught.value.why
    assert answers(engine, LABELS) == ["I would say it is lost."] * 3  # kept, as free text
    [note] = new_notes(engine)
    assert "3 of 3 answers break the constraint (one of 2 labels)" in note


def test_answers_that_break_it_are_kept_and_counted(serve: Serve) -> None:
    def reply(body: Body, number: int) -> str:
        return "Lost, I think." if body["messages"][-1]["content"] == "question 1" else honest(body, number)

    engine = engine_at(serve, reply)
    engine.demand_constraint(LABELS)
    assert sorted(answers(engine, LABELS, 4)) == ["Lost, I think.", "lost", "lost", "lost"]
    assert "1 of 4 answers" in new_notes(engine)[0] and new_notes(engine) == []


def test_labels_are_not_compared_by_a_server(serve: Serve) -> None:
    engine = engine_at(serve, honest)
    compared = Constraint(LABELS.choices, bias=(0.0, 0.0))
    with pytest.raises(ModelError, match="A model server cannot constrain"):
        engine.demand_constraint(compared)
    with pytest.raises(ModelError, match="A model server cannot constrain"):
        answers(engine, compared)


@pytest.mark.parametrize(
    ("constraint", "text", "expected"),
    [
        (LABELS, '{"answer": "card"}', "card"),
        (LABELS, '{"answer": "Card"}', None),
        (LABELS, '{"answer": ["card"]}', None),
        (LABELS, '"card"', None),
        (LABELS, "card", None),
        (SCHEMA, '{"n":1}', '{"n": 1}'),
        (SCHEMA, '{"n": "1"}', None),
        (SCHEMA, '```json\n{"n": 1}\n```', None),
        (SCHEMA, '{"n": 1', None),
        (SCHEMA, "[" * 100_000, None),
        (LIST, '{"answer": [1,  2]}', "[1,2]"),
        (LIST, "[1,2]", None),
        (schema_constraint({"type": "object"}, None), ' {"b":  1, "a": 2}\n', '{"b":  1, "a": 2}'),
    ],
)
def test_what_comes_back_is_checked(constraint: Constraint, text: str, expected: str | None) -> None:
    assert conformed(constraint, text) == expected


def test_a_schema_that_is_none_is_refused_before_anything_is_sent(serve: Serve) -> None:
    calls: list[Body] = []
    engine = engine_at(serve, honest, calls)
    for schema in ({"type": 5}, {"$ref": "http://other/schema"}, True):
        with pytest.raises(ModelError, match="cannot be constrained to this JSON schema"):
            engine.demand_constraint(schema_constraint(schema))
    assert not calls


def test_a_schema_that_takes_for_ever_breaks_nothing_else() -> None:
    slow = schema_constraint({"type": "object", "properties": {"a": {"type": "string", "pattern": "^(a+)+$"}}})
    assert conformed(slow, json.dumps({"a": "a" * 40 + "!"})) is None
    assert request_fields(None, False) == {}


def test_a_server_over_such_a_base_checks_each_answer(serve: Serve, caplog: pytest.LogCaptureFixture) -> None:
    def reply(body: Body, number: int) -> str:
        return "No idea." if "odd" in body["messages"][-1]["content"] else honest(body, number)

    engine = engine_at(serve, reply)
    labels = Specialist(engine, Recipe(decoding=Decoding(40, constraint=LABELS)))
    service = Service({"far": ServedModel("far", labels, ServedBase(scheduler_of(engine, [labels], 2, None)))})
    with running(service) as here, httpx.Client(base_url=here, timeout=20) as client:

        def said(text: str, **fields: Any) -> str:
            body = {"model": "far", "messages": [{"role": "user", "content": text}], **fields}
            response = client.post("/v1/chat/completions", json=body)
            assert response.status_code == 200, response.text
            return response.text

        assert '"content":"lost"' in said("where?") and '"content":"lost"' in said("where?", stream=True)
        assert "No idea." in said("odd") and "1 of 1 answers break" in caplog.text
        schema = {"name": "x", "schema": SCHEMA.schema}
        own = json.loads(said("x", response_format={"type": "json_schema", "json_schema": schema}))
        assert own["choices"][0]["message"]["content"] == '{"n": 7}'
