"""Specialists whose base is another server: what is asked goes there, and what it says, or fails to say, comes back."""

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
from gradschool.serve.server import running
from gradschool.serve.service import Limits, ServedBase, ServedModel, Service
from gradschool.serve.upstream import remote_scheduler
from gradschool.settings import Remote
from gradschool.specialist import Recipe, Specialist


@pytest.fixture
def engine() -> Iterator[GatedEngine]:
    engine = GatedEngine()
    yield engine
    engine.go.set()
    engine.given_up.set()


@pytest.fixture
def behind(engine: GatedEngine) -> Service:
    return service_over(engine, Limits(waiting=0), at_once=3)


def before(address: str, limits: Limits | None = None, at_once: int | None = None) -> Service:
    """A specialist over the model `echo` of another server."""
    engine = RemoteEngine(f"{address}/v1", "echo", Remote(timeout=5, concurrency=2))
    specialist = Specialist(engine, Recipe("Be brief.", decoding=Decoding(max_new_tokens=30)))
    return Service({"far": ServedModel("far", specialist, ServedBase(remote_scheduler(engine, at_once, None)))}, limits)


@contextmanager
def served(service: Service) -> Iterator[httpx.Client]:
    with running(service) as address, httpx.Client(base_url=address, timeout=PATIENCE) as client:
        yield client


@pytest.fixture
def client(behind: Service) -> Iterator[httpx.Client]:
    with running(behind) as address, served(before(address, at_once=4)) as client:
        yield client


def ask(client: httpx.Client, question: str, **fields: Any) -> httpx.Response:
    body = {"model": "far", "messages": [{"role": "user", "content": question}], **fields}
    return client.post("/v1/chat/completions", json=body)


def test_an_answer_comes_through_with_what_it_cost(client: httpx.Client, engine: GatedEngine) -> None:
    reply = ask(client, "one two three", temperature=0.5, seed=4, top_p=0.5).json()
    assert reply["choices"][0]["message"]["content"] == "one two three"
    assert reply["choices"][0]["finish_reason"] == "stop"
    assert reply["usage"] == {"prompt_tokens": 5, "completion_tokens": 3, "total_tokens": 8}  # as the server counts
    conversation, drawn = engine.asked[-1]
    assert [(m.role, m.content) for m in conversation] == [("system", "Be brief."), ("user", "one two three")]
    assert drawn == Decoding(30, 0.5, 0.5, 4)
    cut = ask(client, "one two three", max_tokens=2).json()["choices"][0]
    assert (cut["message"]["content"].strip(), cut["finish_reason"]) == ("one two", "length")


def test_a_stream_comes_as_it_is_made(client: httpx.Client, engine: GatedEngine) -> None:
    body = {"model": "far", "messages": [{"role": "user", "content": "wait for it"}], "stream": True}
    with client.stream("POST", "/v1/chat/completions", json=body) as response:
        lines = (line.removeprefix("data: ") for line in response.iter_lines() if line)
        pieces = [json.loads(next(lines))["choices"][0]["delta"].get("content") for _ in range(2)]
        assert pieces == ["", "wait "]
        engine.go.set()
        assert list(lines)[-1] == "[DONE]"


def test_a_stop_string_ends_the_work_there(client: httpx.Client, engine: GatedEngine) -> None:
    assert ask(client, "endless", stop="re mo").json()["choices"][0]["message"]["content"] == "first mo"
    assert engine.given_up.wait(PATIENCE)


def test_who_leaves_frees_the_place_there_too(client: httpx.Client, engine: GatedEngine, behind: Service) -> None:
    with pytest.raises(httpx.ReadTimeout):
        httpx.post(
            client.base_url.join("/v1/chat/completions"),
            json={"model": "far", "messages": [{"role": "user", "content": "endless"}]},
            timeout=0.3,
        )
    assert engine.given_up.wait(PATIENCE)
    end = time.monotonic() + PATIENCE
    while behind.bases[0].open:
        assert time.monotonic() < end
        time.sleep(0.01)


def test_no_more_is_asked_there_at_once_than_allowed(behind: Service, engine: GatedEngine) -> None:
    with running(behind) as address, served(before(address)) as client:
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
def test_what_fails_there_is_told(client: httpx.Client, question: str, status: int) -> None:
    response = ask(client, question)
    assert response.status_code == status and response.json()["error"]["message"]


def test_a_server_that_is_not_there_is_told() -> None:
    with served(before("http://127.0.0.1:9")) as client:
        response = ask(client, "hello")
        assert (response.status_code, response.json()["error"]["type"]) == (502, "server_error")


@pytest.fixture
def odd() -> Iterator[tuple[str, dict[str, bytes]]]:
    """A server that sends what it is told to."""
    said = {"content": b"", "status": b"200"}

    class Odd(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            self.send_response(int(said["status"]))
            self.end_headers()
            self.wfile.write(said["content"])

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Odd)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}", said
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
def test_odd_servers_are_told(odd: tuple[str, dict[str, bytes]], content: bytes, status: bytes, ours: int) -> None:
    address, said = odd
    said |= {"content": content, "status": status}
    with served(before(address)) as client:
        response = ask(client, "hello")
        assert response.status_code == ours
        if ours != 200:
            assert response.json()["error"]["message"]


def test_the_key_of_the_other_server_is_sent_there(monkeypatch: pytest.MonkeyPatch, behind: Service) -> None:
    key = "k" * 20
    monkeypatch.setenv("OPENAI_API_KEY", key)
    with running(behind, key) as address, served(before(address)) as client:
        assert ask(client, "hello").status_code == 200
