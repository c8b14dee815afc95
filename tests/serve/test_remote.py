"""A specialist over another server is served as `answer` asks it: in the server's dialect, and without reasoning."""

import json
import logging
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler
from typing import Any

import httpx
import pytest

from gradschool.model.remote import RemoteEngine
from gradschool.records import Decoding, Message
from gradschool.serve.remote import remote_scheduler
from gradschool.serve.server import running
from gradschool.serve.service import ServedBase, ServedModel, Service
from gradschool.settings import Remote
from gradschool.specialist import Recipe, Specialist
from model_server import server

Serve = Callable[[type[BaseHTTPRequestHandler]], str]
Body = dict[str, Any]
ONE = Remote(timeout=10, retries=0, concurrency=1)
STREAM = {"Content-Type": "text/event-stream"}


def said(*pieces: str | Body, finish: str = "stop", body: Body | None = None) -> Any:
    """A reply in these pieces of text or deltas: streamed, or whole if the body asks for that."""
    deltas = [{"content": piece} if isinstance(piece, str) else piece for piece in pieces]
    if body is not None and not body.get("stream"):
        names = {name for delta in deltas for name in delta}
        message = {name: "".join(delta.get(name, "") for delta in deltas) for name in names}
        return 200, {}, json.dumps({"choices": [{"message": message, "finish_reason": finish}]}).encode()
    choices = [{"delta": delta} for delta in deltas] + [{"delta": {}, "finish_reason": finish}]
    events = [*({"choices": [choice]} for choice in choices), {"choices": [], "usage": {"prompt_tokens": 5}}]
    return 200, STREAM, "".join(f"data: {json.dumps(event)}\n\n" for event in [*events]).encode() + b"data: [DONE]\n\n"


def asked(address: str, times: int = 1, **fields: Any) -> list[httpx.Response]:
    engine = RemoteEngine(address, "small", ONE)
    far = Specialist(engine, Recipe("Be brief.", decoding=Decoding(max_new_tokens=30)))
    service = Service({"far": ServedModel("far", far, ServedBase(remote_scheduler(engine, None, None)))})
    body = {"model": "far", "messages": [{"role": "user", "content": "Which shelf?"}], **fields}
    with running(service) as here, httpx.Client(base_url=here, timeout=20) as client:
        return [client.post("/v1/chat/completions", json=body) for _ in range(times)]


def text_of(response: httpx.Response) -> str:
    if "event-stream" not in response.headers["Content-Type"]:
        return str(response.json()["choices"][0]["message"]["content"])
    lines = [line.removeprefix("data: ") for line in response.text.splitlines() if line.startswith("data: {")]
    choices = [choice for line in lines for choice in json.loads(line)["choices"]]
    return "".join(choice["delta"].get("content") or "" for choice in choices)


@pytest.mark.parametrize("field", ["max_tokens", "seed", "temperature", "top_p", "stream_options", "stop"])
def test_a_refused_field_is_left_out_once_and_said_once(
    serve: Serve, field: str, caplog: pytest.LogCaptureFixture
) -> None:
    calls: list[Body] = []
    refusal = (
        400,
        {},
        json.dumps({"error": {"message": f"Unsupported parameter: '{field}'.", "param": field}}).encode(),
    )
    address = serve(server(lambda body, _: refusal if field in body else said("Shelf 4.", body=body), calls))
    with caplog.at_level(logging.WARNING):
        assert [text_of(one) for one in asked(address, 3, stop="###")] == ["Shelf 4."] * 3
    assert len(calls) == 4
    notes = [record for record in caplog.records if record.name == "gradschool.serve.remote"]
    assert len(notes) == (0 if field in ("stream_options", "stop") else 1) and all(field in n.message for n in notes)


def test_a_refusal_that_names_no_field_first_gives_up_what_only_a_stream_needs(serve: Serve) -> None:
    calls: list[Body] = []
    refusal = (422, {}, b'{"detail": "Bad request"}')
    address = serve(server(lambda body, _: refusal if "stream_options" in body else said("Shelf 4."), calls))
    assert text_of(asked(address)[0]) == "Shelf 4."
    assert len(calls) == 2 and "seed" in calls[-1]


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize(
    "pieces",
    [
        ("<thi", "nk>Which one?</th", "ink>\n\n", "Shelf ", "4."),
        ("Which one?", "</think>\n", "Shelf 4."),  # the template has written the opening tag
        ({"reasoning_content": "Which one?"}, "Shelf 4."),
        ({"reasoning": "Which one?"}, "Shelf ", "4."),
        ("Shelf 4.",),
    ],
)
def test_what_is_served_is_what_answer_gives(serve: Serve, stream: bool, pieces: tuple[Any, ...]) -> None:
    address = serve(server(lambda body, _: said(*pieces, body=body), []))
    question = (Message("user", "Which shelf?"),)
    answer = dict(RemoteEngine(address, "small", ONE).answer([question], Decoding(30)))[0].text
    assert [text_of(one) for one in asked(address, 2, stream=stream)] == [answer] * 2 == ["Shelf 4."] * 2
    assert "".join(RemoteEngine(address, "small", ONE).stream(question, Decoding(30))) == "Shelf 4."


def test_the_length_limit_is_for_the_answer(serve: Serve, caplog: pytest.LogCaptureFixture) -> None:
    def think(body: Body, _: int) -> Any:
        enough = body["max_tokens"] > 500
        return said(
            {"reasoning_content": "hm"}, *(["Shelf 4."] if enough else []), finish="stop" if enough else "length"
        )

    calls: list[Body] = []
    assert [text_of(one) for one in asked(serve(server(think, calls)), 2)] == ["Shelf 4."] * 2
    assert len(calls) == 3
    (notes,) = [[record.message for record in caplog.records if "reasons before" in record.message]]
    assert len(notes) == 1
    (endless,) = asked(serve(server(lambda *_: said("<think>hm", finish="length"), [])))
    assert endless.status_code == 502 and "reasoned" in endless.json()["error"]["message"]


def test_reasoning_that_nothing_shows_gets_more_room(serve: Serve) -> None:
    for hidden in ("", "Okay, a shelf. "):  # nothing at all, or reasoning whose closing tag had yet to come

        def think(body: Body, _: int, hidden: str = hidden) -> Any:
            enough = body["max_tokens"] > 600
            rest = [hidden and f"{hidden}</think>", "Shelf 4."] if enough else [hidden]
            return said(*rest, finish="stop" if enough else "length")

        calls: list[Body] = []
        assert [text_of(one) for one in asked(serve(server(think, calls)), 2)] == ["Shelf 4."] * 2
        assert len(calls) <= 4


def test_an_answer_that_is_cut_off_is_no_reasoning(serve: Serve) -> None:
    calls: list[Body] = []
    cut = said("Shelf after shelf", finish="length")
    responses = asked(serve(server(lambda *_: cut, calls)), 2)
    assert [text_of(one) for one in responses] == ["Shelf after shelf"] * 2
    assert [one.json()["choices"][0]["finish_reason"] for one in responses] == ["length"] * 2
    assert [call["max_tokens"] for call in calls] == [30, 2078, 30]


def test_the_length_limit_holds_for_the_answer_after_reasoning(serve: Serve) -> None:
    def think(body: Body, _: int) -> Any:
        enough = body["max_tokens"] > 100
        pieces = ["shelf "] * 400 if enough else []
        return said({"reasoning_content": "hm"}, *pieces, finish="stop" if enough else "length")

    (response,) = asked(serve(server(think, [])))
    assert 30 <= len(text_of(response)) <= 180 and response.json()["choices"][0]["finish_reason"] == "length"


def test_stop_strings_do_not_stop_the_reasoning(serve: Serve) -> None:
    def think(body: Body, _: int) -> Any:
        return said("<think>one\n") if "stop" in body else said("<think>one\n\ntwo</think>Shelf 4.\n\nMore")

    assert [text_of(one) for one in asked(serve(server(think, [])), 2, stop="\n\n")] == ["Shelf 4."] * 2


def test_a_server_that_does_not_stream(serve: Serve) -> None:
    whole = {"choices": [{"message": {"content": "<think>hm</think>Shelf 4."}, "finish_reason": "stop"}]}
    for content in (json.dumps(whole), json.dumps(whole, indent=1)):
        reply = (200, {"Content-Type": "application/json"}, content.encode())
        assert [text_of(one) for one in asked(serve(server(lambda *_, r=reply: r, [])), 2)] == ["Shelf 4."] * 2
    broken = (200, {}, b'{"error": {"message": "out of luck"}}')
    (response,) = asked(serve(server(lambda *_: broken, [])))
    assert response.status_code == 502 and "out of luck" in response.json()["error"]["message"]


def test_silence_and_errors_say_what_the_server_said(serve: Serve) -> None:
    (filtered,) = asked(serve(server(lambda *_: said(finish="content_filter"), [])))
    assert filtered.status_code == 502 and "content filter" in filtered.json()["error"]["message"]
    (refused,) = asked(serve(server(lambda *_: (400, {}, b'{"detail": "The room is 30 degrees"}'), [])))
    assert refused.status_code == 400 and "30 degrees" in refused.json()["error"]["message"]


def test_an_error_as_an_event_is_a_refusal_and_silence_has_a_reason(serve: Serve) -> None:
    def reply(body: Body, number: int) -> Any:
        if "seed" in body:
            return 200, STREAM, b'data: {"error": {"message": "seed: unknown field", "code": "bad_field"}}\n\n'
        return said("Shelf\u20284.")

    [response] = asked(serve(server(reply, [])))
    assert text_of(response) == "Shelf\u20284."
    [silent] = asked(serve(server(lambda *_: said("", finish="tool_calls"), [])))
    assert silent.status_code >= 500 and "calls a tool" in silent.text
