"""The remote engine with servers on localhost that work, fail or send invalid replies."""

import contextlib
import json
import threading
import time
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler
from typing import Any

import pytest

from gradschool.errors import ModelError, RemoteError
from gradschool.model import chat_api, chat_client
from gradschool.model.dialect import retry_after
from gradschool.model.received import MAX_REPLY
from gradschool.model.remote import RemoteEngine
from gradschool.records import Decoding, Message
from gradschool.settings import Remote
from model_server import server

Serve = Callable[[type[BaseHTTPRequestHandler]], str]
ASK = [(Message("user", f"question {number}"),) for number in range(6)]
QUICK = Remote(timeout=10, retries=2, concurrency=2)


@pytest.fixture(autouse=True)
def no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(chat_api, "FIRST_PAUSE", 0.001)
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)


def test_answers_have_token_counts(serve: Serve, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-secret")
    calls: list[dict[str, Any]] = []
    address = serve(server(lambda body, _: body["messages"][-1]["content"].upper(), calls))
    engine = RemoteEngine(address, "small", QUICK)
    answers = dict(engine.answer(ASK, Decoding(max_new_tokens=9, seed=3)))
    assert {p: a.text for p, a in answers.items()} == {p: f"QUESTION {p}" for p in range(6)}
    assert {(a.prompt_tokens, a.new_tokens, a.stop) for a in answers.values()} == {(7, 2, "stop")}
    call = calls[0]
    assert (call["path"], call["model"], call["max_tokens"], call["seed"]) == ("/v1/chat/completions", "small", 9, 3)
    assert call["key"] == "Bearer sk-secret"
    assert engine.context_length == 1234 and RemoteEngine(address, "large", QUICK).context_length == 99
    assert RemoteEngine(address, "other", QUICK).context_length == 4096
    secret = RemoteEngine(address.replace("://", "://me:pw@"), "small", QUICK)
    assert secret.identity.address == address + "/v1" and "pw" not in str(secret.identity)
    assert engine.count_tokens(ASK[0]) > 0
    with pytest.raises(ModelError, match="the loss of a text"):
        engine.text_losses(["x"])


def test_temporary_failures_are_retried_after_the_time_that_the_server_asks_for(serve: Serve) -> None:
    calls: list[dict[str, Any]] = []
    bad = [(429, {"Retry-After": "0.3"}, b"{}"), None]
    address = serve(server(lambda _, number: bad[number - 1] if number <= len(bad) else "fine", calls))
    started = time.monotonic()
    answer = dict(RemoteEngine(address, "small", QUICK).answer(ASK[:1], Decoding()))[0]
    assert answer.text == "fine" and len(calls) == 3
    assert time.monotonic() - started >= 0.3


def test_retry_after_reads_seconds_and_dates() -> None:
    assert retry_after("2") == 2.0
    assert retry_after("Wed, 21 Oct 2015 07:28:00 GMT") == 0.0
    assert retry_after("soon") is None and retry_after(None) is None


INVALID: dict[str, tuple[Any, str]] = {
    "closes early": (None, "connection failed"),
    "cut short": ((200, {"Content-Length": "999", "Connection": "close"}, b'{"choices"'), "connection failed"),
    "no json": ((200, {}, b"hello"), "that is not JSON"),
    "html": ((200, {}, b"<!DOCTYPE html><p>Log in"), "a web page"),
    "no choices": ((200, {}, b'{"choices": []}'), "no choices"),
    "odd choices": ((200, {}, b'{"choices": [{"message": {"content": [1]}}]}'), "no message"),
    "a list": ((200, {}, b"[]"), "not a JSON object"),
    "error in a reply": ((200, {}, b'{"error": {"message": "GPU on fire"}}'), "GPU on fire"),
    "ill": ((500, {}, b"oops"), "answers 500"),
    "elsewhere": ((302, {"Location": "http://127.0.0.1:1/"}, b""), "answers 302"),
}


@pytest.mark.parametrize("kind", INVALID)
def test_a_server_that_only_fails_is_an_error(kind: str, serve: Serve) -> None:
    said, reason = INVALID[kind]
    engine = RemoteEngine(serve(server(lambda *_: said, [])), "small", QUICK)
    with pytest.raises(RemoteError, match="does not answer") as caught:
        list(engine.answer(ASK, Decoding()))
    assert reason in caught.value.why and caught.value.fix
    with pytest.raises(RemoteError):
        list(engine.stream(ASK[0], Decoding()))


def test_a_server_that_hangs_or_sends_too_slowly_times_out(serve: Serve) -> None:
    free = threading.Event()

    class Drips(server(lambda *_: free.wait(20), [])):  # type: ignore[misc]
        def do_POST(self) -> None:
            self.send_response(200)
            self.end_headers()
            while not free.wait(0.05):
                self.wfile.write(b" ")

    settings = Remote(timeout=0.3, retries=0, concurrency=1)
    try:
        for handler in (server(lambda *_: free.wait(20) and None, []), Drips):
            started = time.monotonic()
            with pytest.raises(RemoteError, match="does not answer") as caught:
                list(RemoteEngine(serve(handler), "small", settings).answer(ASK[:1], Decoding()))
            assert "no answer within 0.3 seconds" in caught.value.why
            assert time.monotonic() - started < 15
    finally:
        free.set()


def test_an_unreachable_server_is_an_error() -> None:
    with pytest.raises(RemoteError, match="does not answer"):
        list(RemoteEngine("http://127.0.0.1:9", "small", QUICK).answer(ASK, Decoding()))
    for address in ("http://", "http://[bad", "http://x:port"):
        with pytest.raises(RemoteError, match="write it like"):
            RemoteEngine(address, "small", QUICK)


def test_single_failures_do_not_affect_other_answers(serve: Serve) -> None:
    def reply(body: dict[str, Any], _: int) -> Any:
        if "question 2" in str(body):
            return (400, {}, b'{"error": {"message": "exceeds the context size (512)"}}')
        return (400, {}, b'{"error": "no such word"}') if "question 3" in str(body) else "fine"

    engine = RemoteEngine(serve(server(reply, [])), "small", QUICK)
    answers = dict(engine.answer(ASK, Decoding()))
    kinds = {p: a.failure.kind for p, a in answers.items() if a.failure}
    assert kinds == {2: "too long for the model", 3: "server"}
    assert len(answers) == 6


def test_a_server_that_stops_midway_is_an_error(serve: Serve) -> None:
    ask = [(Message("user", str(number)),) for number in range(20)]
    one = Remote(timeout=10, retries=2, concurrency=1)
    engine = RemoteEngine(serve(server(lambda _, n: "fine" if n <= 5 else (503, {}, b""), [])), "small", one)
    got = []
    with pytest.raises(RemoteError, match=r"stopped answering after 5 answers"):
        for item in engine.answer(ask, Decoding()):
            got.append(item)
    assert [a.text for _, a in got] == ["fine"] * 5


def test_a_wrong_model_name_lists_the_right_ones(serve: Serve) -> None:
    address = serve(server(lambda *_: (404, {}, b'{"error": {"message": "model not found"}}'), []))
    with pytest.raises(RemoteError, match="has no model 'smal'") as caught:
        list(RemoteEngine(address, "smal", QUICK).answer(ASK, Decoding()))
    assert "large, small" in caught.value.why and "did you mean 'small'?" in caught.value.fix


def test_a_key_is_requested_and_never_shown(serve: Serve, monkeypatch: pytest.MonkeyPatch) -> None:
    address = serve(server(lambda *_: (401, {}, b'{"error": "bad key sk-secret"}'), []))
    with pytest.raises(RemoteError, match="refused the request") as missing:
        list(RemoteEngine(address, "small", QUICK).answer(ASK, Decoding()))
    assert "OPENAI_API_KEY is not set" in missing.value.why
    monkeypatch.setenv("OPENAI_API_KEY", "sk-secret")
    for use in (lambda e: e.answer(ASK, Decoding()), lambda e: e.stream(ASK[0], Decoding())):
        with pytest.raises(RemoteError) as wrong:
            list(use(RemoteEngine(address, "small", QUICK)))
        assert "sk-secret" not in str(wrong.value) and "is not accepted" in wrong.value.why


def test_closing_sends_no_further_requests(serve: Serve) -> None:
    calls: list[dict[str, Any]] = []
    work = RemoteEngine(serve(server(lambda *_: time.sleep(0.05) or "fine", calls)), "small", QUICK).answer(
        ASK * 20, Decoding()
    )
    next(work)
    work.close()
    time.sleep(0.4)
    assert len(calls) < 20


def events(*pieces: Any, done: bool = True) -> tuple[int, dict[str, str], bytes]:
    lines = [f"data: {p if isinstance(p, str) else json.dumps(p)}\n\n" for p in pieces] + ["data: [DONE]\n\n"] * done
    return (200, {"Content-Type": "text/event-stream"}, "".join(lines).encode())


def delta(text: str | None, end: str | None = None) -> dict[str, Any]:
    return {"choices": [{"delta": {"content": text}, "finish_reason": end}]}


def nested(depth: int) -> Any:
    return [nested(depth - 1)] if depth else "x"


def test_streams_arrive_token_by_token(serve: Serve) -> None:
    said = events(delta("Ah, "), delta("é"), delta(None, "stop"), {"choices": []})
    engine = RemoteEngine(serve(server(lambda *_: said, [])), "small", QUICK)
    list(engine.stream(ASK[0], Decoding()))  # the first answer shows how the model marks reasoning, and comes whole
    assert list(engine.stream(ASK[0], Decoding())) == ["Ah, ", "é"]
    whole = RemoteEngine(serve(server(lambda *_: "all at once", [])), "small", QUICK)
    assert list(whole.stream(ASK[0], Decoding())) == ["all at once"]


@pytest.mark.parametrize(
    ("said", "reason"),
    [
        (events(delta("Ah"), done=False), "ended before"),
        (events("{", done=False), "cannot be read"),
        (events({"choices": [3]}), "cannot be read"),
        (events({"error": {"message": "GPU on fire"}}), "GPU on fire"),
        (events("[" * 900 + "]" * 900), "cannot be read"),
        (events({"choices": [{"delta": {"content": nested(300)}}]}), "cannot be read"),
        (events('{"usage": {"completion_tokens": 1e999}}'), "cannot be read"),
        ((200, {"Content-Type": "text/event-stream"}, b"data: " + b"x" * MAX_REPLY), "does not end"),
        ((200, {"Content-Type": "text/event-stream", "Content-Encoding": "gzip"}, b"x"), "compressed (gzip)"),
        ((200, {"Content-Type": "application/json"}, b" " * (MAX_REPLY + 1)), "more was received"),
        ((500, {}, b"x" * (MAX_REPLY + 1)), "more was received"),
    ],
)
def test_broken_streams_are_errors(said: Any, reason: str, serve: Serve) -> None:
    engine = RemoteEngine(serve(server(lambda *_: said, [])), "small", QUICK)
    with pytest.raises(RemoteError) as caught:
        list(engine.stream(ASK[0], Decoding()))
    assert reason in str(caught.value)


def test_what_a_server_says_of_itself_is_bounded(serve: Serve, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(chat_client, "ABOUT", 0.2)

    class Endless(server(lambda *_: "fine", [])):  # type: ignore[misc]
        def do_GET(self) -> None:
            self.send_response(200)
            self.end_headers()
            with contextlib.suppress(OSError):
                while True:
                    self.wfile.write(b" " * (64 if self.path == "/props" else 1 << 16))
                    time.sleep(0.02 if self.path == "/props" else 0)

    engine = RemoteEngine(serve(Endless), "small", QUICK)
    assert engine.api.client.models() == [] and engine.api.client.at_root("/props") is None


@pytest.mark.parametrize(
    "date", ["Mon, 01 Jan 0001 00:00:00 -0000", "Mon, 01 Jan 99999999999999999999 00:00:00 GMT", "nan"]
)
def test_a_date_of_another_world_is_no_time_to_wait(date: str) -> None:
    assert not retry_after(date)


def test_what_a_server_names_is_shown_shortened(serve: Serve) -> None:
    class Names(server(lambda *_: (404, {}, b"{}"), [])):  # type: ignore[misc]
        def do_GET(self) -> None:
            names = [{"id": f"{number:06}"} for number in range(5_000)] + [{"id": "x" * 100_000}]
            self.say(200, {}, json.dumps({"data": names}).encode())

    with pytest.raises(RemoteError, match="and 4900 more") as caught:
        list(RemoteEngine(serve(Names), "small", QUICK).answer(ASK[:1], Decoding()))
    assert len(str(caught.value)) < 3_000
    moved = server(lambda *_: (302, {"Location": "http://far.example/" + "x" * 5_000}, b""), [])
    with pytest.raises(RemoteError, match="it has moved to http://far") as caught:
        list(RemoteEngine(serve(moved), "small", QUICK).stream(ASK[0], Decoding()))
    assert len(str(caught.value)) < 1_000
