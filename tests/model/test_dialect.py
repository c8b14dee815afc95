"""What servers refuse in a request is left out or replaced, said once, and remembered."""

import json
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler
from typing import Any

import pytest

from gradschool.errors import RemoteError
from gradschool.model.dialect import refusal_of
from gradschool.model.remote import RemoteEngine, new_notes
from gradschool.records import Decoding, Message
from gradschool.settings import Remote
from model_server import server

Serve = Callable[[type[BaseHTTPRequestHandler]], str]
ASK = [(Message("system", "Be brief."), Message("user", f"shelf {number}?")) for number in range(3)]
ONE = Remote(timeout=10, retries=0, concurrency=1)
REFUSALS: dict[str, Any] = {
    "max_tokens": {"error": {"message": "'max_tokens' is not supported with this model.", "param": "max_tokens"}},
    "temperature": {"error": {"message": "Unsupported value: 'temperature' does not support 0.0 with this model."}},
    "seed": {"detail": [{"type": "extra_forbidden", "loc": ["body", "seed"], "msg": "Extra inputs", "input": 0}]},
    "top_p": [{"error": {"code": 400, "message": 'Unknown name "topP": Cannot find field.'}}],
}


def reply(body: dict[str, Any], refuses: Callable[[dict[str, Any]], bool], error: Any) -> Any:
    return (400, {}, json.dumps(error).encode()) if refuses(body) else "Shelf 4."


@pytest.mark.parametrize("field", REFUSALS)
def test_a_refused_field_is_left_out_once_and_said_once(serve: Serve, field: str) -> None:
    calls: list[dict[str, Any]] = []
    address = serve(server(lambda body, _: reply(body, lambda b: field in b, REFUSALS[field]), calls))
    engine = RemoteEngine(address, "small", ONE)
    assert [answer.text for _, answer in engine.answer(ASK, Decoding())] == ["Shelf 4."] * 3
    assert len(calls) == 4 and (field != "max_tokens" or "max_completion_tokens" in calls[-1])
    assert len(notes := new_notes(engine)) == 1 and field in notes[0] and not new_notes(engine)
    assert "".join(RemoteEngine(address, "small", ONE).stream(ASK[0], Decoding())) == "Shelf 4."


def test_refusals_without_a_field_of_system_messages_and_of_every_temperature_but_one(serve: Serve) -> None:
    for refuses, message in (
        (lambda body: "seed" in body, "Bad request"),
        (lambda body: body["messages"][0]["role"] == "system", "System role not supported"),
        (lambda body: body.get("temperature") != 1, "temperature: only 1 is supported"),
    ):
        address = serve(server(lambda body, _, r=refuses, m=message: reply(body, r, {"error": m}), []))
        engine = RemoteEngine(address, "small", ONE)
        assert [answer.text for _, answer in engine.answer(ASK, Decoding())] == ["Shelf 4."] * 3
        assert new_notes(engine)


def test_a_refusal_of_everything_is_shown_as_the_server_says_it(serve: Serve) -> None:
    address = serve(server(lambda *_: (400, {}, b'{"error": {"message": "The temperature of the room is 30"}}'), []))
    engine = RemoteEngine(address, "small", ONE)
    with pytest.raises(RemoteError, match="refuses the questions") as caught:
        list(engine.answer(ASK, Decoding()))
    assert "The temperature of the room is 30" in caught.value.why and not new_notes(engine)


def test_reasoning_is_no_part_of_the_answer_and_not_counted_in_its_length(serve: Serve) -> None:
    def think(body: dict[str, Any], _: int) -> Any:
        enough = body["max_tokens"] > 500
        message = {"content": "Shelf 4." if enough else "", "reasoning_content": "The user asks for a shelf"}
        choice = {"message": message, "finish_reason": "stop" if enough else "length"}
        return (200, {}, json.dumps({"choices": [choice]}).encode())

    for said in (think, lambda *_: "<think>\nWhich one?\n</think>\n\nShelf 4."):
        engine = RemoteEngine(serve(server(said, [])), "small", ONE)
        assert [answer.text for _, answer in engine.answer(ASK, Decoding(9))] == ["Shelf 4."] * 3
        assert "".join(engine.stream(ASK[0], Decoding(9))) == "Shelf 4."
        assert "reasons before it answers" in new_notes(engine)[0]
    cut = (200, {}, b'{"choices": [{"message": {"content": "<think>hm"}, "finish_reason": "length"}]}')
    answer = dict(RemoteEngine(serve(server(lambda *_: cut, [])), "small", ONE).answer(ASK[:1], Decoding(9)))[0]
    assert answer.failure and answer.failure.kind == "cut off" and "reasoned" in answer.failure.reason


def test_messages_of_errors_of_any_form() -> None:
    for content, says in (
        (b"oops", "oops"),
        (b'{"detail": "no"}', "no"),
        (b'{"message": "no"}', "no"),
        (b"[[]]", "[[]]"),
    ):
        assert refusal_of(400, content).message == says
