"""What a server does not take is said once, on standard error, by each command that asks it."""

import json
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

import pytest

import small_job
from gradschool.model.remote import RemoteEngine
from gradschool.records import Decoding
from gradschool.settings import Remote
from gradschool.specialist import Recipe, Specialist
from made import pack_as
from model_server import server

Serve = Callable[[type[BaseHTTPRequestHandler]], str]
REFUSAL = (400, {}, b'{"error": {"message": "Unknown field: seed"}}')


@pytest.fixture
def far(serve: Serve, tmp_path: Path) -> Path:
    """A specialist over a server that takes no seed."""

    def reply(body: dict[str, Any], _: int) -> Any:
        return REFUSAL if "seed" in body else "Shelf 4."

    address = f"{serve(server(reply, []))}/v1"
    remote = Remote(retries=0, timeout=10)
    specialist = Specialist(RemoteEngine(address, "small", remote), Recipe(decoding=Decoding()))
    return pack_as("far", specialist, address, tmp_path, model="small", remote=remote)


def test_answer_says_it_once(far: Path) -> None:
    result = small_job.run("answer", far, "Which shelf?", "And the other?")
    assert [json.loads(line)["answer"] for line in result.stdout.splitlines()] == ["Shelf 4."] * 2
    assert result.stderr.count("does not accept seed") == 1


def test_chat_says_it_once(far: Path) -> None:
    result = small_job.run("chat", far, stdin="Which shelf?\nAnd the other?\n")
    assert result.stdout.count("Shelf 4.") == 2
    assert result.stderr.count("does not accept seed") == 1 and "seed" not in result.stdout
