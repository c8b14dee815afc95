"""Why answers end is understood in the words of any server; nothing that was cut or withheld passes for an answer."""

import json
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler
from typing import Any

import pytest

from gradschool.errors import RemoteError
from gradschool.model.finish_reasons import broken_off, stop_of, withheld_by
from gradschool.model.remote import RemoteEngine
from gradschool.model.reply import parse
from gradschool.records import Decoding, Message
from gradschool.settings import Remote
from model_server import server

Serve = Callable[[type[BaseHTTPRequestHandler]], str]
ASK = (Message("user", "Which shelf?"),)


def ended(finish: Any, **message: Any) -> bytes:
    return json.dumps({"choices": [{"message": message, "finish_reason": finish}]}).encode()


@pytest.mark.parametrize("finish", ["length", "max_tokens", "MAX_TOKENS", "model_length", "FINISH_REASON_MAX_TOKENS"])
def test_a_cut_answer_is_cut_in_any_words(finish: str) -> None:
    assert stop_of(finish) == "length" and not withheld_by(finish)
    reply, _ = parse(ended(finish, content="Shelf"))
    assert reply and reply.stop == "length"
    silent, _ = parse(ended(finish, content=None))
    assert silent and silent.cut_in_reasoning(30)  # so that it is asked again with more tokens


@pytest.mark.parametrize("finish", ["stop", "eos", "end_turn", "STOP", None, "", "stop_sequence"])
def test_an_answer_that_ends_by_itself(finish: str | None) -> None:
    assert stop_of(finish) == "stop" and not withheld_by(finish) and not broken_off(finish)


@pytest.mark.parametrize(
    ("finish", "says"), [("tool_calls", "calls a tool"), ("SAFETY", "filter"), ("MALFORMED_CALL", "MALFORMED_CALL")]
)
def test_silence_has_a_reason(serve: Serve, finish: str, says: str) -> None:
    address = serve(server(lambda *_: (200, {}, ended(finish, content=None)), []))
    engine = RemoteEngine(address, "small", Remote(timeout=10, retries=0))
    [(_, answer)] = engine.answer([ASK], Decoding())
    assert answer.failure and says in answer.failure.reason
    with pytest.raises(RemoteError, match=says):
        list(engine.stream(ASK, Decoding()))


@pytest.mark.parametrize("finish", ["error", "insufficient_system_resource", "aborted"])
def test_an_answer_that_the_server_breaks_off_is_no_answer(finish: str) -> None:
    reply, reason = parse(ended(finish, content="Shelf"))
    assert reply is None and finish in reason


@pytest.mark.parametrize(
    "content",
    [
        ["Shelf 4."],
        {"type": "text", "text": "Shelf 4."},
        [{"type": "text", "text": {"value": "Shelf 4."}}],
        [{"type": "thinking", "thinking": "x"}, {"type": "output_text", "text": "Shelf 4."}],
    ],
)
def test_contents_of_any_form_are_text(content: Any) -> None:
    reply, reason = parse(ended("stop", content=content))
    assert reply and reply.answer == "Shelf 4.", reason
    assert parse(json.dumps({"choices": [{"text": "Shelf 4."}]}).encode())[0]


def test_an_error_in_a_choice_is_an_error() -> None:
    choice = {"error": {"message": "Provider disconnected", "code": 502}, "message": {"content": "Shel"}}
    assert parse(json.dumps({"choices": [choice]}).encode()) == (None, "it reports an error: Provider disconnected")
