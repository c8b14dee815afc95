"""Servers that hang or send garbage, no network, a full disk: each gives a message, and the climb can be resumed."""

import json
import os
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

import pytest
from huggingface_hub import constants

import small_job
from ports import closed_port
from refusals import FAKE, GOAL, ROWS, left, refused

# Servers and networks


@pytest.fixture
def serve(serve: Callable[[type[BaseHTTPRequestHandler]], str]) -> Callable[..., str]:
    """Start a local server that answers every request with `reply(body)`; returns its address."""

    def start(reply: Callable[[dict[str, Any]], tuple[int, bytes]]) -> str:
        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                self.say(200, b'{"data": [{"id": "m"}]}')

            def do_POST(self) -> None:
                self.say(*reply(json.loads(self.rfile.read(int(self.headers["Content-Length"])))))

            def say(self, status: int, content: bytes) -> None:
                self.send_response(status)
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

            def log_message(self, format: str, *args: Any) -> None:
                """Log nothing."""

        return f"{serve(Handler)}/v1"

    return start


def said(text: str) -> tuple[int, bytes]:
    choice = {"message": {"role": "assistant", "content": text}, "finish_reason": "stop"}
    return 200, json.dumps({"choices": [choice]}).encode()


def remote(address: str, mark: float = 0.7) -> str:
    goal = GOAL.replace("0.7", str(mark))
    return f'task = "Order."\nbase_model = "{address}"\nmodel = "m"\n{goal}[remote]\ntimeout = 0.3\nretries = 0\n'


def test_hanging_server_is_an_error_and_the_climb_can_be_resumed(
    here: Path, serve: Callable[..., str], monkeypatch: pytest.MonkeyPatch
) -> None:
    hangs = threading.Event()
    known = {row["prompt"]: row["completion"] for row in ROWS}

    def reply(body: dict[str, Any]) -> tuple[int, bytes]:
        if not hangs.is_set():
            hangs.wait(1.0)
        return said(known.get(body["messages"][-1]["content"], "?"))

    job = small_job.write_job(here / "job", remote(serve(reply)), ROWS)
    began = time.monotonic()
    refused(small_job.run("climb", job), 6, "does not answer", "0.3")
    assert time.monotonic() - began < 30
    hangs.set()
    assert left(here) == ["job-1"]
    result = small_job.run("climb", "--resume", "runs/job-1")
    assert result.exit_code == 0, result.output
    assert "Passed: the base rung" in result.stdout
    answered = small_job.run("answer", "runs/job-1/specialist", stdin=json.dumps(ROWS[0]) + "\n")
    assert json.loads(answered.stdout)["answer"] == ROWS[0]["completion"]


BAD_RESPONSES: dict[str, tuple[tuple[int, bytes], str]] = {
    "a web page": ((200, b"<!DOCTYPE html><p>Log in"), "web page"),
    "no json": ((200, b"hello"), "not JSON"),
    "no choices": ((200, b'{"choices": []}'), "no choices"),
    "ill": ((500, b"oops"), "500"),
    "a wrong key": ((401, b'{"error": {"message": "bad key"}}'), "OPENAI_API_KEY"),
    "no such model": ((404, b'{"error": {"message": "model not found"}}'), "model not found"),
}


@pytest.mark.parametrize("case", BAD_RESPONSES)
def test_bad_response_of_a_server_is_an_error(case: str, here: Path, serve: Callable[..., str]) -> None:
    reply, words = BAD_RESPONSES[case]
    job = small_job.write_job(here / "job", remote(serve(lambda _: reply)), ROWS)
    refused(small_job.run("climb", job), 6, words)


def test_unreachable_server_is_an_error(here: Path) -> None:
    job = small_job.write_job(here / "job", remote(f"http://127.0.0.1:{closed_port()}/v1"), ROWS)
    refused(small_job.run("climb", job), 6, "127.0.0.1")


def test_api_key_is_never_printed_or_saved(
    here: Path, serve: Callable[..., str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-secret-key")
    job = small_job.write_job(here / "job", remote(serve(lambda _: said("fine"))), ROWS)
    result = small_job.run("climb", job)
    assert result.exit_code == 3, result.output
    assert "sk-secret-key" not in result.output
    for path in (here / "runs").rglob("*"):
        assert not path.is_file() or b"sk-secret-key" not in path.read_bytes(), path


def test_hub_model_without_a_network_is_an_error(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    job = small_job.write_job(here / "job", 'base_model = "someone/small"\n' + GOAL, ROWS)
    hub = f"http://127.0.0.1:{closed_port()}"
    # What the hub's library has read from the environment; tests/model/test_hub.py starts a process that reads it.
    changed = {"ENDPOINT": hub, "HF_HOME": str(here / "hf"), "HF_HUB_CACHE": str(here / "hf"), "HF_HUB_OFFLINE": False}
    for name, value in changed.items():
        monkeypatch.setattr(constants, name, value)
    refused(small_job.run("climb", job), 5, "someone/small", hub)
    assert left(here) == []


# Disks


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of 2 MB."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", str(folder)]
    if os.geteuid() != 0 or subprocess.run(mount, capture_output=True).returncode != 0:
        pytest.skip("only root can mount a small disk; the next test uses /dev/full instead")
    yield folder
    subprocess.run(["umount", "-l", str(folder)], check=True)


def fill(disk: Path, leave: int) -> Path:
    """Fill a disk up to `leave` bytes; returns the file that fills it."""
    filler = disk / "filler"
    free = os.statvfs(disk).f_bavail * os.statvfs(disk).f_frsize
    filler.write_bytes(b"\0" * (free - leave))
    return filler


@pytest.mark.parametrize("leave", [0, 8_192, 24_576, 65_536])
def test_full_disk_is_reported_and_the_climb_can_be_resumed(leave: int, small_disk: Path, tmp_path: Path) -> None:
    job = small_job.write_job(tmp_path / "job", FAKE + GOAL, ROWS)
    filler = fill(small_disk, leave)
    run = small_disk / "runs" / "job-1"
    refused(small_job.run("climb", job, "--run", run), 7, "The disk is full", "MB are free")
    filler.unlink()
    again = ("--resume", run) if (run / "run.json").exists() else (job, "--run", run)
    result = small_job.run("climb", *again)
    assert result.exit_code in (0, 3), result.output
    assert small_job.run("answer", run / "specialist", stdin="two eggs\n").exit_code == 0


def test_full_disk_while_writing_events_is_reported(here: Path) -> None:
    full = Path("/dev/full")
    if not full.exists():
        pytest.skip("this system has no /dev/full")
    small_job.write_job(here / "job", FAKE + GOAL, ROWS)
    (here / "run").mkdir()
    (here / "run" / "events.jsonl").symlink_to(full)
    refused(small_job.run("climb", "job", "--run", "run"), 7, "The disk is full")


@pytest.mark.parametrize("command", [("climb", "job", "--run"), ("report", "run", "--output")])
def test_path_below_a_file_cannot_be_written(command: tuple[str, ...], here: Path) -> None:
    small_job.write_job(here / "job", FAKE + GOAL, ROWS)
    small_job.run("climb", "job", "--run", "run")
    (here / "occupied").write_text("a file")
    refused(small_job.run(*command, "occupied/place"), 7, "occupied")
