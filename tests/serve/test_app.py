"""The HTTP API: answers and errors in OpenAI's format, limits, access control; no client can block the others."""

import json
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, closing
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import httpx
import pytest

from gated import PATIENCE, GatedEngine, service_over
from gradschool.serve import server as module
from gradschool.serve.http_errors import HTTPError
from gradschool.serve.server import running
from gradschool.serve.service import Limits, Service

RECORDED = json.loads((Path(__file__).parent / "recorded_requests.json").read_text(encoding="utf-8"))
LIMITS = Limits(body=20_000, body_seconds=0.5, seconds=1.0, waiting=2, grace=5.0)


@pytest.fixture
def service(engine: GatedEngine) -> Service:
    return service_over(engine, LIMITS, at_once=2)


@pytest.fixture
def client(service: Service) -> Iterator[httpx.Client]:
    with running(service) as address, httpx.Client(base_url=address, timeout=PATIENCE) as client:
        yield client


def body(question: str, **fields: Any) -> dict[str, Any]:
    return {"model": "echo", "messages": [{"role": "user", "content": question}], **fields}


def ask(client: httpx.Client, question: str, **fields: Any) -> httpx.Response:
    return client.post("/v1/chat/completions", json=body(question, **fields))


def events(response: httpx.Response) -> list[Any]:
    lines = [line.removeprefix("data: ") for line in response.text.split("\n\n") if line]
    return [line if line == "[DONE]" else json.loads(line) for line in lines]


def error_of(response: httpx.Response) -> dict[str, Any]:
    error: dict[str, Any] = response.json()["error"]
    assert set(error) == {"message", "type", "param", "code"} and error["message"]
    return error


def wait_until(true: Any) -> None:
    end = time.monotonic() + PATIENCE
    while not true():
        assert time.monotonic() < end
        time.sleep(0.005)


def test_chat_completion(client: httpx.Client) -> None:
    reply = ask(client, "one two three").json()
    assert reply.pop("id").startswith("chatcmpl-") and abs(reply.pop("created") - time.time()) < 60
    message = {"role": "assistant", "content": "one two three", "refusal": None}
    assert reply == {
        "object": "chat.completion",
        "model": "echo",
        "system_fingerprint": "ab" * 8,
        "choices": [{"index": 0, "finish_reason": "stop", "logprobs": None, "message": message}],
        "usage": {"prompt_tokens": 3, "completion_tokens": 3, "total_tokens": 6},
    }


@pytest.mark.parametrize("recorded", RECORDED, ids=[one["client"] for one in RECORDED])
def test_requests_of_known_clients_are_answered(client: httpx.Client, recorded: dict[str, Any]) -> None:
    response = client.post(recorded["path"], json=recorded["body"])
    assert response.status_code == 200, response.text
    if recorded["body"].get("stream"):
        assert events(response)[-1] == "[DONE]"
    else:
        assert response.json()["choices"][0]["finish_reason"] in ("stop", "length")


def test_completion_of_a_prompt(client: httpx.Client) -> None:
    asked = {"model": "echo", "prompt": "one two three", "max_tokens": 2}
    reply = client.post("/v1/completions", json=asked).json()
    assert reply["id"].startswith("cmpl-") and reply["object"] == "text_completion"
    assert reply["choices"] == [{"index": 0, "finish_reason": "length", "logprobs": None, "text": "one two"}]
    streamed = events(client.post("/v1/completions", json={**asked, "stream": True}))
    assert streamed.pop() == "[DONE]"
    assert "".join(event["choices"][0]["text"] for event in streamed) == "one two"
    assert {event["object"] for event in streamed} == {"text_completion"}


def test_stream_consists_of_chunks(client: httpx.Client) -> None:
    response = ask(client, "one two", stream=True)
    assert response.headers["content-type"].startswith("text/event-stream")
    *chunks, done = events(response)
    assert done == "[DONE]"
    assert {(c["object"], c["id"], c["created"]) for c in chunks} == {
        ("chat.completion.chunk", chunks[0]["id"], chunks[0]["created"])
    }
    choices = [chunk["choices"][0] for chunk in chunks]
    assert [choice["delta"] for choice in choices] == [
        {"role": "assistant", "content": ""}, {"content": "one "}, {"content": "two"}, {}
    ]  # fmt: skip
    assert [choice["finish_reason"] for choice in choices] == [None, None, None, "stop"]
    assert all("usage" not in chunk for chunk in chunks)


def test_stream_reports_usage_on_request(client: httpx.Client) -> None:
    *chunks, last, _ = events(ask(client, "one two", stream=True, stream_options={"include_usage": True}))
    assert all(chunk["usage"] is None for chunk in chunks)
    assert last["choices"] == []
    assert last["usage"] == {"prompt_tokens": 2, "completion_tokens": 2, "total_tokens": 4}


def test_stream_is_sent_while_it_is_generated(client: httpx.Client, engine: GatedEngine) -> None:
    with client.stream("POST", "/v1/chat/completions", json=body("wait for it", stream=True)) as response:
        lines = (line for line in response.iter_lines() if line)
        first = [json.loads(next(lines).removeprefix("data: ")) for _ in range(2)]
        assert first[1]["choices"][0]["delta"] == {"content": "wait "}  # before the rest exists
        engine.go.set()
        rest = list(lines)
    assert rest[-1] == "data: [DONE]" and len(rest) == 4


@pytest.mark.parametrize("stream", [False, True])
def test_answer_ends_before_a_stop_string(client: httpx.Client, engine: GatedEngine, stream: bool) -> None:
    response = ask(client, "endless", stop=["re mo"], stream=stream)
    if stream:
        chunks = events(response)[:-1]
        text = "".join(chunk["choices"][0]["delta"].get("content", "") for chunk in chunks)
        reason = chunks[-1]["choices"][0]["finish_reason"]
    else:
        choice = response.json()["choices"][0]
        text, reason = choice["message"]["content"], choice["finish_reason"]
    assert (text, reason) == ("first mo", "stop")
    assert engine.given_up.wait(PATIENCE)  # generation was cancelled


def test_settings_reach_the_engine(client: httpx.Client, engine: GatedEngine) -> None:
    ask(client, "x", temperature=0.5, top_p=0.25, seed=11, max_completion_tokens=9)
    drawn = engine.asked[-1][1]
    assert (drawn.temperature, drawn.top_p, drawn.seed, drawn.max_new_tokens) == (0.5, 0.25, 11, 9)
    ask(client, "x", max_tokens=1000)
    assert engine.asked[-1][1].max_new_tokens == 63  # what the context has left


def test_models_are_listed(client: httpx.Client) -> None:
    listed = client.get("/v1/models").json()
    model = {
        "id": "echo", "object": "model", "created": 7, "owned_by": "gradschool", "max_model_len": 64, "verdict": ""
    }  # fmt: skip
    assert listed == {"object": "list", "data": [model]}
    assert client.get("/v1/models/echo").json() == model
    assert error_of(client.get("/v1/models/nobody"))["code"] == "model_not_found"


@pytest.mark.parametrize(
    ("content", "status", "about"),
    [
        (b"", 400, "JSON"),
        (b"{", 400, "JSON"),
        (b"[1]", 400, "object"),
        (b'{"model": "ecko", "messages": [{"role": "user", "content": "x"}]}', 404, "'echo'"),
        (b'{"model": "echo"}', 400, "messages"),
        (b'{"model": "echo", "messages": [{"role": "user", "content": "x"}], "n": 30}', 400, "n: "),
        (b"x" * 20_001, 413, "larger"),
        (json.dumps(body("word " * 64)).encode(), 400, "64"),
        (json.dumps(body("template")).encode(), 400, "refuses"),
        (json.dumps(body("server fell")).encode(), 502, "fell over"),
        (json.dumps(body("bug here")).encode(), 500, "bug"),
    ],
    ids=range(11),
)
def test_invalid_requests_get_an_error_with_the_reason(
    client: httpx.Client, content: bytes, status: int, about: str
) -> None:
    response = client.post("/v1/chat/completions", content=content, headers={"Content-Type": "application/json"})
    assert response.status_code == status
    assert about in error_of(response)["message"]
    assert ask(client, "still here").status_code == 200


def test_other_content_types_are_rejected(client: httpx.Client) -> None:
    for kind in ("text/plain", "application/x-www-form-urlencoded", ""):
        response = client.post("/v1/chat/completions", content=b"{}", headers={"Content-Type": kind})
        assert response.status_code == 415 and error_of(response)


def test_unknown_paths_and_methods_get_errors_in_the_same_format(client: httpx.Client) -> None:
    for wrong in ("/chat/completions", "/v1/chat/completions/", "/completions", "/models"):
        response = client.post(wrong, follow_redirects=False)
        said = response.json()["error"]["message"]
        assert response.status_code == 404 and f"Ask /v1/{wrong.strip('/').removeprefix('v1/')} instead." in said
    assert "clients need /v1" in client.get("/v1/nothing").json()["error"]["message"]
    assert (client.get("/v1/nothing").status_code, client.get("/v1/chat/completions").status_code) == (404, 405)
    assert error_of(client.get("/v1/nothing")) and error_of(client.delete("/v1/models"))


def test_failure_after_the_first_chunk_is_an_event_of_the_stream(client: httpx.Client) -> None:
    *chunks, last = events(ask(client, "server please", stream=True))
    assert chunks[-1]["choices"][0]["delta"] == {"content": "server "}
    assert "fell over" in last["error"]["message"]


def test_answers_over_the_time_limit_are_cancelled(client: httpx.Client, engine: GatedEngine) -> None:
    response = ask(client, "endless")
    assert (response.status_code, error_of(response)["code"]) == (504, "timeout")
    assert engine.given_up.wait(PATIENCE)
    engine.given_up.clear()
    last = events(ask(client, "endless", stream=True))[-1]
    assert last["error"]["code"] == "timeout"


def test_full_queue_rejects_requests_until_it_drains(
    client: httpx.Client, engine: GatedEngine, service: Service
) -> None:
    [base] = service.bases
    replies: list[int] = []
    threads = [
        threading.Thread(target=lambda: replies.append(ask(client, "wait now").status_code))
        for _ in range(LIMITS.waiting + 2)
    ]
    for thread in threads:
        thread.start()
    wait_until(lambda: base.waiting == LIMITS.waiting)
    assert base.running == 2
    rejected = ask(client, "one more")
    assert (rejected.status_code, error_of(rejected)["code"], rejected.headers["retry-after"]) == (
        503,
        "overloaded",
        "1",
    )
    assert "gradschool_waiting 2.0" in client.get("/metrics").text
    engine.go.set()
    for thread in threads:
        thread.join()
    assert replies == [200] * 4
    assert ask(client, "one more").status_code == 200
    assert (base.open, base.running, base.waiting) == (0, 0, 0)


def test_without_a_queue_only_running_requests_are_accepted(engine: GatedEngine) -> None:
    service = service_over(engine, Limits(waiting=0), at_once=1)
    with running(service) as address, httpx.Client(base_url=address, timeout=PATIENCE) as client:
        assert ask(client, "one").status_code == 200
        running_request = threading.Thread(target=ask, args=(client, "wait now"))
        running_request.start()
        wait_until(lambda: service.bases[0].open == 1)
        assert ask(client, "two").status_code == 503
        engine.go.set()
        running_request.join()
        assert ask(client, "three").status_code == 200


@pytest.mark.parametrize("stream", [False, True])
def test_disconnected_clients_are_cancelled(
    client: httpx.Client, engine: GatedEngine, service: Service, stream: bool
) -> None:
    content = json.dumps(body("endless", stream=stream)).encode()
    head = f"POST /v1/chat/completions HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: {len(content)}\r\n\r\n"  # noqa: E501
    with connected(client) as connection:
        connection.sendall(head.encode() + content)
        assert engine.begun.acquire(timeout=PATIENCE)
        assert service.bases[0].open == 1
    wait_until(lambda: service.bases[0].open == 0)
    assert engine.given_up.wait(PATIENCE)
    wait_until(lambda: 'status="499"} 1.0' in client.get("/metrics").text)


def connected(client: httpx.Client) -> Any:
    return closing(socket.create_connection((client.base_url.host, client.base_url.port or 0), timeout=PATIENCE))


def test_slow_bodies_and_slow_headers_time_out(client: httpx.Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "HEADER_SECONDS", 0.3)
    post = b"POST /v1/chat/completions HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
    slow = [
        b"",
        b"POST /v1/ch",
        post,
        post + b"Content-Length: 100\r\n\r\n{",
        b"GET /health HTTP/1.1\r\nHost: x\r\n\r\n",
    ]
    with ExitStack() as stack:
        connections = [stack.enter_context(connected(client)) for _ in slow]
        for connection, start in zip(connections, slow, strict=True):
            connection.sendall(start)
        health = b""
        while not health.endswith(b"}"):
            health += connections[4].recv(4096)
        connections[4].sendall(b"GET")  # a second, slow request on the same connection
        assert ask(client, "meanwhile").status_code == 200  # the others are not blocked
        replies = []
        for connection in connections:
            reply = b""
            while block := connection.recv(4096):  # until the server closes the connection
                reply += block
            replies.append(reply)
    assert replies[:3] == [b""] * 3 and replies[4] == b""
    assert replies[3].startswith(b"HTTP/1.1 408") and b"connection: close" in replies[3].lower()


def test_too_large_bodies_are_rejected_before_their_end(client: httpx.Client) -> None:
    head = b"POST /v1/chat/completions HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
    for rest in (
        b"Content-Length: 900000000\r\n\r\n",
        b"Transfer-Encoding: chunked\r\n\r\n" + b"7000\r\n" + b"x" * 0x7000,
    ):
        with connected(client) as connection:
            connection.sendall(head + rest)
            assert connection.recv(4096).startswith(b"HTTP/1.1 413")


def test_invalid_http_is_rejected(client: httpx.Client) -> None:
    for junk in (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n", b"GET /\r\n\r\n", b"x" * 100_000):
        with connected(client) as connection:
            connection.sendall(junk)
            assert connection.recv(4096).startswith(b"HTTP/1.1 400")
    assert ask(client, "still here").status_code == 200


def test_client_that_does_not_read_blocks_nobody(client: httpx.Client, service: Service) -> None:
    content = json.dumps(body("one two", stream=True)).encode()
    with connected(client) as connection:
        connection.sendall(
            b"POST /v1/chat/completions HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
            b"Content-Length: %d\r\n\r\n" % len(content) + content
        )
        assert ask(client, "one two").status_code == 200
        wait_until(lambda: service.bases[0].open == 0)


def test_without_a_key_only_loopback_hosts_are_accepted(client: httpx.Client) -> None:
    for host in ("localhost", "127.0.0.1:1234", "[::1]:80", "LOCALHOST", "127.9.9.9"):
        assert client.get("/v1/models", headers={"Host": host}).status_code == 200
    for host in ("evil.example", "evil.example:8000", "localhost.evil.example", "", "[::2]"):
        response = client.get("/v1/models", headers={"Host": host})
        assert (response.status_code, error_of(response)["code"]) == (403, "wrong_host")


def test_api_key_is_required_if_set(service: Service) -> None:
    key = "k" * 20
    with running(service, key) as address, httpx.Client(base_url=address, timeout=PATIENCE) as client:
        assert client.get("/health").status_code == 200
        for headers in ({}, {"Authorization": "Bearer wrong"}, {"Authorization": key}, {"Authorization": "Basic x"}):
            for path in ("/v1/models", "/metrics", "/v1/nothing"):
                response = client.get(path, headers=headers)
                assert (response.status_code, error_of(response)["code"]) == (401, "invalid_api_key")
            assert client.post("/v1/chat/completions", json=body("x"), headers=headers).status_code == 401
        client.headers["Authorization"] = f"Bearer {key}"
        assert ask(client, "hello").status_code == 200
        assert client.get("/v1/models", headers={"Host": "my.server.example"}).status_code == 200


def test_metrics_count_requests_and_tokens(client: httpx.Client) -> None:
    ask(client, "one two three")
    ask(client, "one two three", stream=True)
    client.post("/v1/chat/completions", json={"model": "invented" * 9, "messages": [{"role": "user", "content": "x"}]})
    text = client.get("/metrics").text
    assert 'gradschool_requests_total{model="echo",status="200"} 2.0' in text
    assert 'gradschool_requests_total{model="other",status="404"} 1.0' in text
    assert 'gradschool_prompt_tokens_total{model="echo"} 6.0' in text
    assert 'gradschool_new_tokens_total{model="echo"} 6.0' in text
    assert 'gradschool_request_seconds_count{model="echo"} 2.0' in text
    assert 'gradschool_first_piece_seconds_count{model="echo"} 2.0' in text
    assert "invented" not in text


def test_an_error_can_be_sent_whatever_the_client_sent() -> None:
    message = HTTPError(404, "GET /\ud800\u202e: Not Found.").body()["error"]["message"]
    assert message.encode() == rb"GET /\ud800\u202e: Not Found."


def test_a_base_that_reads_images_is_sent_larger_bodies() -> None:
    engine: Any = GatedEngine()
    assert service_over(engine).limits.body == Limits().body
    engine.chat = SimpleNamespace(eyes=object())
    assert service_over(engine).limits.body == Limits().seeing_body
    assert service_over(engine, Limits(body=5, seeing_body=5)).limits.body == 5
