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


def chat(content: Any, finish: str = "stop", **more: Any) -> Any:
    choice = {"message": {"content": content, **more}, "finish_reason": finish}
    return 200, {}, json.dumps({"choices": [choice]}).encode()


def asked(serve: Serve, says: Any, decoding: Decoding, calls: list[dict[str, Any]], concurrency: int = 1) -> list[Any]:
    settings = ONE.model_copy(update={"concurrency": concurrency})
    engine = RemoteEngine(serve(server(says, calls)), "small", settings)
    answers = [answer for _, answer in sorted(engine.answer(ASK, decoding))]
    streamed = RemoteEngine(engine.api.address, "small", settings)
    try:
        assert "".join(streamed.stream(ASK[0], decoding)) == answers[0].text
    except RemoteError:
        assert answers[0].failure
    return answers


@pytest.mark.parametrize("missing", [{"content": None}, {"content": ""}, {}])
def test_reasoning_that_nothing_shows_gets_more_room(serve: Serve, missing: dict[str, Any]) -> None:
    def says(body: dict[str, Any], _: int) -> Any:
        if body["max_tokens"] > 600:
            return "Shelf 4."
        choice = {"message": missing, "finish_reason": "length"}
        return 200, {}, json.dumps({"choices": [choice]}).encode()

    answers = asked(serve, says, Decoding(9), calls := [])
    assert [answer.text for answer in answers] == ["Shelf 4."] * 3
    assert [call["max_tokens"] for call in calls[:5]] == [9, 521, 2057, 2057, 2057]
    never = asked(serve, lambda *_: chat(None, "length"), Decoding(9), [])
    assert all(answer.failure and answer.failure.kind == "cut off" for answer in never)


def test_reasoning_without_a_tag_that_is_cut_off_is_no_answer(serve: Serve) -> None:
    def says(body: dict[str, Any], _: int) -> Any:
        enough = body["max_tokens"] > 600
        return chat("Okay, a shelf. " * 9 + ("</think>Shelf 4." if enough else ""), "stop" if enough else "length")

    for concurrency in (1, 3):
        answers = asked(serve, says, Decoding(9), calls := [], concurrency)
        assert [answer.text for answer in answers] == ["Shelf 4."] * 3 and len(calls) < 12


def test_one_more_request_shows_that_an_answer_that_was_cut_off_is_no_reasoning(serve: Serve) -> None:
    answers = asked(serve, lambda *_: chat("Shelf after shelf", "length"), Decoding(9), calls := [])
    assert [(answer.text, answer.stop) for answer in answers] == [("Shelf after shelf", "length")] * 3
    assert [call["max_tokens"] for call in calls[:4]] == [9, 2057, 9, 9]


def test_the_length_limit_holds_for_the_answer_after_reasoning(serve: Serve) -> None:
    def says(body: dict[str, Any], _: int) -> Any:
        enough = body["max_tokens"] > 100
        return chat("shelf " * 400 if enough else "", "stop" if enough else "length", reasoning_content="A shelf?")

    [answer, *_] = asked(serve, says, Decoding(9), [])
    assert answer.stop == "length" and 9 <= len(answer.text) <= 54


def test_a_temperature_of_zero_is_replaced_by_a_small_one(serve: Serve) -> None:
    error = {"error": {"message": "`temperature` must be strictly positive"}}
    address = serve(server(lambda body, _: reply(body, lambda b: b.get("temperature") == 0, error), calls := []))
    engine = RemoteEngine(address, "small", ONE)
    assert [answer.text for _, answer in engine.answer(ASK, Decoding())] == ["Shelf 4."] * 3
    assert [call["temperature"] for call in calls] == [0, 0.01, 0.01, 0.01]
    assert new_notes(engine) == [
        f"{engine.api.address}: The server does not accept temperature 0; 0.01 is sent instead."
    ]


def test_a_reply_of_reasoning_alone_is_a_failure(serve: Serve) -> None:
    answers = asked(serve, lambda *_: chat("", reasoning_content="Shelf 4."), Decoding(9), [])
    assert all(answer.failure and "reasoning alone" in answer.failure.reason for answer in answers)


@pytest.mark.parametrize(
    "status, content, says",
    [
        (200, b'{"code": 500, "msg": "404 NOT_FOUND"}', "404 NOT_FOUND"),
        (200, b'{"choices": null, "base_resp": {"status_code": 1004, "status_msg": "login fail"}}', "login fail"),
        (400, b'{"type": "about:blank", "title": "No credit left.", "status": 400}', "No credit left"),
        (400, b'{"error": {"message": "{\\"error\\": {\\"message\\": \\"Too hot\\"}}"}}', "Too hot"),
        (418, b"<html><style>p {}</style><h1>Not  today</h1><p>Come &nbsp;back</p>", "Not today"),
        (418, "Clé refusée".encode("cp1252"), "Clé refusée"),
        (301, b"", "it has moved to https://elsewhere.example/v1"),
    ],
)
def test_errors_are_shown_as_the_server_says_them(serve: Serve, status: int, content: bytes, says: str) -> None:
    moved = {"Location": "https://elsewhere.example/v1"} if status == 301 else {}
    engine = RemoteEngine(serve(server(lambda *_: (status, moved, content), [])), "small", ONE)
    with pytest.raises(RemoteError) as caught:
        list(engine.answer(ASK, Decoding()))
    shown = f"{caught.value.what} {caught.value.why}"
    assert says in shown and ".." not in shown and not {"<", "{", "\ufffd"} & set(shown)


def test_long_messages_are_cut() -> None:
    assert len(refusal_of(400, b"no " * 1000).message) <= 400


@pytest.mark.parametrize(
    "error",
    [
        {"error": {"code": "unsupported_parameter", "message": "'max_tokens' is not supported", "param": "max_tokens"}},
        {"error": "max_tokens is not supported"},
        {"error": {"code": 400, "message": "max_tokens: unknown field"}},
    ],
)
def test_an_error_with_status_200_is_a_refusal_too(serve: Serve, error: Any) -> None:
    content = json.dumps(error)

    def refused(body: dict[str, Any], number: int) -> Any:
        if "max_tokens" not in body:
            return "Shelf 4."
        event = (200, {"Content-Type": "text/event-stream"}, f"event: error\ndata: {content}\n\n".encode())
        return event if body.get("stream") else (200, {}, content.encode())

    address = serve(server(refused, []))
    engine = RemoteEngine(address, "small", ONE)
    assert [answer.text for _, answer in engine.answer(ASK[:1], Decoding())] == ["Shelf 4."]
    assert "".join(RemoteEngine(address, "small", ONE).stream(ASK[0], Decoding())) == "Shelf 4."


def test_events_that_are_errors_or_whole_messages(serve: Serve) -> None:
    events = {
        "Overloaded": {"message": "Overloaded: try later"},
        "quota": {"detail": "The quota is used up"},
        "Provider": {"choices": [{"error": {"message": "Provider disconnected"}, "delta": {}}]},
        "broke the answer off": {"choices": [{"delta": {"content": "Sh"}, "finish_reason": "error"}]},
        "refuses: No": {"choices": [{"delta": {"refusal": "No."}, "finish_reason": "stop"}]},
    }
    stream = {"Content-Type": "text/event-stream"}
    for says, event in events.items():
        content = f"data: {json.dumps(event)}\n\n".encode()
        engine = RemoteEngine(serve(server(lambda *_, c=content: (200, stream, c), [])), "small", ONE)
        with pytest.raises(RemoteError, match=says):
            list(engine.stream(ASK[0], Decoding()))
    whole = {"choices": [{"message": {"content": "Shelf\u20284."}, "finish_reason": "stop"}]}
    content = f"data: {json.dumps(whole, ensure_ascii=False)}\n\n".encode()
    engine = RemoteEngine(serve(server(lambda *_: (200, stream, content), [])), "small", ONE)
    assert "".join(engine.stream(ASK[0], Decoding())) == "Shelf\u20284."


@pytest.mark.parametrize("path", ["/v1/chat/completions", "/v1/", "/v1/models", "", "/v1/completions/"])
def test_the_address_of_a_path_of_the_api_means_the_api(path: str) -> None:
    assert RemoteEngine(f"http://localhost:1{path}", "small", ONE).api.address == "http://localhost:1/v1"
