"""The server process: addresses, API keys and graceful shutdown."""

import contextlib
import json
import shutil
import signal
import socket
import subprocess
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

import made
import small_job
from gated import PATIENCE, GatedEngine, service_over
from gradschool.errors import UsageError
from gradschool.serve.server import KEY_ENV, MIN_KEY_LENGTH, Server, bind, read_key, running, url
from gradschool.serve.service import Limits

KEY = "k" * MIN_KEY_LENGTH


def test_key_is_read_from_the_environment_or_a_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(KEY_ENV, raising=False)
    assert read_key(KEY_ENV, None) == ""
    monkeypatch.setenv(KEY_ENV, KEY)
    assert read_key(KEY_ENV, None) == KEY
    (tmp_path / "key").write_text(f"{KEY}other\n")
    assert read_key(KEY_ENV, tmp_path / "key") == f"{KEY}other"


@pytest.mark.parametrize("content", ["", "short", "with a space in the middle", "é" * 20, None])
def test_bad_keys_are_rejected(content: str | None, tmp_path: Path) -> None:
    if content is not None:
        (tmp_path / "key").write_text(content)
    with pytest.raises(UsageError) as caught:
        read_key(KEY_ENV, tmp_path / "key")
    assert not content or content not in str(caught.value)  # the key itself is never printed


def test_public_address_requires_a_key() -> None:
    for host in ("0.0.0.0", "::"):
        with pytest.raises(UsageError, match="API key"):
            bind(host, 0, "")
    with bind("0.0.0.0", 0, KEY) as listening:
        assert url(listening).startswith("http://127.0.0.1:")
    for host in ("127.0.0.1", "localhost"):
        with bind(host, 0, "") as listening:
            assert socket.create_connection(listening.getsockname()[:2], timeout=PATIENCE).close() is None


def test_unusable_address_is_named() -> None:
    with bind("127.0.0.1", 0, "") as listening, pytest.raises(UsageError, match="--port"):
        bind("127.0.0.1", listening.getsockname()[1], "")
    for host in ("192.0.2.1", "no.such.host.invalid"):
        with pytest.raises(UsageError, match=host):
            bind(host, 0, KEY)


@contextlib.contextmanager
def stoppable(engine: GatedEngine, grace: float) -> Iterator[tuple[Server, httpx.Client]]:
    """A server that the test shuts down."""
    server, listening = Server(service_over(engine, Limits(grace=grace))), bind("127.0.0.1", 0, "")
    thread = threading.Thread(target=server.run, args=([listening],))
    thread.start()
    with httpx.Client(base_url=url(listening), timeout=PATIENCE) as client:
        yield server, client
    server.should_exit = True
    thread.join(PATIENCE)
    assert not thread.is_alive()


def ask(client: httpx.Client, question: str, replies: list[httpx.Response]) -> threading.Thread:
    body = {"model": "echo", "messages": [{"role": "user", "content": question}]}
    thread = threading.Thread(target=lambda: replies.append(client.post("/v1/chat/completions", json=body)))
    thread.start()
    return thread


def test_running_requests_are_finished_before_shutdown() -> None:
    engine, replies = GatedEngine(), list[httpx.Response]()
    with stoppable(engine, grace=PATIENCE) as (server, client):
        thread = ask(client, "wait for me", replies)
        assert engine.begun.acquire(timeout=PATIENCE)
        server.should_exit = True
        end = time.monotonic() + PATIENCE
        while True:  # new connections are rejected
            try:
                httpx.get(client.base_url.join("/health"), timeout=PATIENCE)
            except httpx.HTTPError:
                break
            assert time.monotonic() < end
        engine.go.set()
        thread.join(PATIENCE)
        [reply] = replies
        assert reply.json()["choices"][0]["message"]["content"] == "wait for me"


def test_requests_over_the_grace_period_get_an_error() -> None:
    engine, replies = GatedEngine(), list[httpx.Response]()
    with stoppable(engine, grace=0.3) as (server, client):
        thread = ask(client, "endless", replies)
        assert engine.begun.acquire(timeout=PATIENCE)
        server.should_exit = True
        thread.join(PATIENCE)
        [reply] = replies
        assert (reply.status_code, reply.json()["error"]["code"]) == (503, "shutting_down")
        assert engine.given_up.wait(PATIENCE)


@pytest.fixture(scope="module")
def echo(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return made.echo(tmp_path_factory.mktemp("echo"))


def started(*arguments: object, cwd: Path, env: dict[str, str] | None = None) -> tuple[Any, str, list[str]]:
    """Start `gradschool serve`: the process, its address, and its output up to the curl command."""
    process = small_job.start("serve", *arguments, cwd=cwd, env=env or {})
    printed = []
    assert process.stdout is not None
    for line in process.stdout:
        printed.append(line.rstrip("\n"))
        if "curl" in line:
            break
    assert printed, process.communicate()[1]
    return process, printed[0].split()[2].removesuffix("/v1"), printed


CURL = pytest.mark.skipif(shutil.which("curl") is None, reason="the printed command needs curl, which is not installed")


@CURL
@pytest.mark.slow
def test_command_serves_until_ctrl_c(echo: Path, tmp_path: Path) -> None:
    process, address, printed = started(echo, f"again={echo}", "--port", 0, cwd=tmp_path)
    assert [line.partition(":")[0].strip() for line in printed[1:3]] == ["echo", "again"]
    result = subprocess.run(printed[-1], shell=True, capture_output=True, text=True)  # as a user would
    assert '"content":"Hello"' in result.stdout
    process.send_signal(signal.SIGINT)
    output, errors = process.communicate(timeout=PATIENCE)
    assert (process.returncode, output) == (0, "Stopped.\n")
    assert errors.strip() == "again shares the weights of echo's base."
    with pytest.raises(httpx.ConnectError):
        httpx.get(f"{address}/health")


@CURL
@pytest.mark.slow
def test_command_with_a_key_stops_on_sigterm(echo: Path, tmp_path: Path) -> None:
    (tmp_path / "my key").write_text(KEY)
    process, address, printed = started(echo, "--port", 0, "--api-key-file", "my key", cwd=tmp_path)
    assert KEY not in "\n".join(printed)
    result = subprocess.run(printed[-1], shell=True, capture_output=True, text=True, cwd=tmp_path)
    assert '"content":"Hello"' in result.stdout
    assert httpx.get(f"{address}/v1/models").status_code == 401
    process.terminate()
    output, _ = process.communicate(timeout=PATIENCE)
    assert (process.returncode, output) == (0, "Stopped.\n")


def test_command_reports_usage_errors(echo: Path, tmp_path: Path) -> None:
    for arguments, expected in (
        ((tmp_path,), "is not a specialist"),
        ((echo, echo), "Two specialists are called 'echo'"),
        ((echo, "--host", "0.0.0.0"), "no API key"),
        ((f"={echo}",), "no name before its `=`"),
    ):
        result = small_job.run("serve", *arguments)
        assert result.exit_code == 2
        assert expected in result.stderr


NO_HTTP = {
    "no request line": b"hello\r\n\r\n",
    "TLS": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
    "no host": b"GET /health HTTP/1.1\r\n\r\n",
    "two lengths": b"GET /health HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\n",
    "a chunk without a size": b"POST /v1/chat/completions HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json"
    b"\r\nTransfer-Encoding: chunked\r\n\r\nZZ\r\n{}\r\n0\r\n\r\n",
    "a header of 200,000 bytes": b"GET /health HTTP/1.1\r\nHost: localhost\r\nA: " + b"b" * 200_000 + b"\r\n\r\n",
}


@pytest.mark.parametrize("what", NO_HTTP)
def test_what_is_not_http_is_answered_with_an_error_in_json(what: str) -> None:
    with running(service_over(GatedEngine())) as address:
        place = address.removeprefix("http://").partition(":")
        with socket.create_connection((place[0], int(place[2])), timeout=PATIENCE) as client:
            with contextlib.suppress(OSError):  # it may be refused before all of it is sent
                client.sendall(NO_HTTP[what])
            head, _, body = client.recv(1 << 16).partition(b"\r\n\r\n")
        assert b" 400 " in head.split(b"\r\n")[0] and b"application/json" in head
        assert json.loads(body)["error"]["type"] == "invalid_request_error"
        assert httpx.get(f"{address}/health").json() == {"status": "ok"}
