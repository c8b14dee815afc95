"""Specialists with a remote base: requests are passed on; answers and errors are passed back."""

import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import httpx
import pytest

from gated import PATIENCE, GatedEngine, service_over
from gradschool.model.remote import RemoteEngine
from gradschool.records import Decoding
from gradschool.serve.remote import remote_scheduler
from gradschool.serve.server import running
from gradschool.serve.service import Limits, ServedBase, ServedModel, Service
from gradschool.settings import Remote
from gradschool.specialist import Recipe, Specialist


@pytest.fixture
def upstream(engine: GatedEngine) -> Service:
    return service_over(engine, Limits(waiting=0), at_once=3)


def front(address: str, limits: Limits | None = None, at_once: int | None = None) -> Service:
    """A service whose specialist uses the model `echo` of an upstream server."""
    engine = RemoteEngine(f"{address}/v1", "echo", Remote(timeout=5, concurrency=2))
    specialist = Specialist(engine, Recipe("Be brief.", decoding=Decoding(max_new_tokens=30)))
    return Service({"far": ServedModel("far", specialist, ServedBase(remote_scheduler(engine, at_once, None)))}, limits)


@contextmanager
def served(service: Service) -> Iterator[httpx.Client]:
    with running(service) as address, httpx.Client(base_url=address, timeout=PATIENCE) as client:
        yield client


@pytest.fixture
def client(upstream: Service) -> Iterator[httpx.Client]:
    with running(upstream) as address, served(front(address, at_once=4)) as client:
        yield client


def ask(client: httpx.Client, question: str, **fields: Any) -> httpx.Response:
    body = {"model": "far", "messages": [{"role": "user", "content": question}], **fields}
    return client.post("/v1/chat/completions", json=body)


def test_answer_is_passed_back_with_its_usage(client: httpx.Client, engine: GatedEngine) -> None:
    reply = ask(client, "one two three", temperature=0.5, seed=4, top_p=0.5).json()
    assert reply["choices"][0]["message"]["content"] == "one two three"
    assert reply["choices"][0]["finish_reason"] == "stop"
    assert reply["usage"] == {
        "prompt_tokens": 5,
        "completion_tokens": 3,
        "total_tokens": 8,
    }  # counted by the upstream server
    conversation, drawn = engine.asked[-1]
    assert [(m.role, m.content) for m in conversation] == [("system", "Be brief."), ("user", "one two three")]
    assert drawn == Decoding(30, 0.5, 0.5, 4)
    cut = ask(client, "one two three", max_tokens=2).json()["choices"][0]
    assert (cut["message"]["content"].strip(), cut["finish_reason"]) == ("one two", "length")


def test_stream_is_passed_on_while_it_is_generated(client: httpx.Client, engine: GatedEngine) -> None:
    ask(client, "hello")  # the first answer shows how the model marks reasoning, and is not streamed
    body = {"model": "far", "messages": [{"role": "user", "content": "wait for it"}], "stream": True}
    with client.stream("POST", "/v1/chat/completions", json=body) as response:
        lines = (line.removeprefix("data: ") for line in response.iter_lines() if line)
        chunks = [json.loads(next(lines))["choices"][0]["delta"].get("content") for _ in range(2)]
        assert chunks == ["", "wait "]
        engine.go.set()
        assert list(lines)[-1] == "[DONE]"


def test_stop_string_cancels_the_upstream_request(client: httpx.Client, engine: GatedEngine) -> None:
    assert ask(client, "endless", stop="re mo").json()["choices"][0]["message"]["content"] == "first mo"
    assert engine.given_up.wait(PATIENCE)


def test_disconnect_cancels_the_upstream_request(client: httpx.Client, engine: GatedEngine, upstream: Service) -> None:
    with pytest.raises(httpx.ReadTimeout):
        httpx.post(
            client.base_url.join("/v1/chat/completions"),
            json={"model": "far", "messages": [{"role": "user", "content": "endless"}]},
            timeout=0.3,
        )
    assert engine.given_up.wait(PATIENCE)
    end = time.monotonic() + PATIENCE
    while upstream.bases[0].open:
        assert time.monotonic() < end
        time.sleep(0.01)


def test_concurrency_of_upstream_requests_is_limited(upstream: Service, engine: GatedEngine) -> None:
    with running(upstream) as address, served(front(address)) as client:
        replies: list[int] = []
        threads = [
            threading.Thread(target=lambda: replies.append(ask(client, "wait now").status_code)) for _ in range(5)
        ]
        for thread in threads:
            thread.start()
        for _ in range(2):
            assert engine.begun.acquire(timeout=PATIENCE)
        assert not engine.begun.acquire(timeout=0.2)
        engine.go.set()
        for thread in threads:
            thread.join()
        assert replies == [200] * 5


@pytest.mark.parametrize(("question", "status"), [("server fell", 502), ("word " * 70, 400), ("template", 400)])
def test_upstream_errors_are_reported(client: httpx.Client, question: str, status: int) -> None:
    reply = ask(client, question)
    assert reply.status_code == status and reply.json()["error"]["message"]


def test_unreachable_upstream_is_reported() -> None:
    with served(front("http://127.0.0.1:9")) as client:
        reply = ask(client, "hello")
        assert (reply.status_code, reply.json()["error"]["type"]) == (502, "server_error")


@pytest.fixture
def custom_upstream() -> Iterator[tuple[str, dict[str, bytes]]]:
    """A server with a settable response; yields its address and the response."""
    response = {"content": b"", "status": b"200"}

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            self.send_response(int(response["status"]))
            self.end_headers()
            self.wfile.write(response["content"])

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}", response
    server.shutdown()
    server.server_close()


@pytest.mark.parametrize(
    ("content", "status", "ours"),
    [
        (b"data: no json\n\n", b"200", 502),
        (b"data: [1]\n\n", b"200", 502),
        (b'data: {"error": {"message": "out of luck"}}\n\n', b"200", 502),
        (b"<html>gone</html>", b"404", 502),
        (b'{"error": {"message": "slow down"}}', b"429", 503),
        (b'{"error": {"message": "the context is too small"}}', b"400", 400),
        (b'{"error": "odd"}', b"500", 502),
        (b'data: {"choices": [{"delta": {"content": "x"}, "finish_reason": "stop"}]}\n\ndata: [DONE]\n\n', b"200", 200),
        (b'data: {"choices": 7}\n\n: a comment\n\ndata: {"choices": [null]}\n\n', b"200", 502),
        (b'data: {"choices": [{"delta": 5}]}\n\n', b"200", 502),
        (b'data: {"choices": [], "usage": {"prompt_tokens": "many"}}\n\n', b"200", 502),
    ],
    ids=range(11),
)
def test_invalid_upstream_responses_are_errors(
    custom_upstream: tuple[str, dict[str, bytes]], content: bytes, status: bytes, ours: int
) -> None:
    address, response = custom_upstream
    response |= {"content": content, "status": status}
    with served(front(address)) as client:
        reply = ask(client, "hello")
        assert reply.status_code == ours
        if ours != 200:
            assert reply.json()["error"]["message"]


def test_upstream_key_is_sent(monkeypatch: pytest.MonkeyPatch, upstream: Service) -> None:
    key = "k" * 20
    monkeypatch.setenv("OPENAI_API_KEY", key)
    with running(upstream, key) as address, served(front(address)) as client:
        assert ask(client, "hello").status_code == 200
