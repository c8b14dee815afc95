"""Questions as arguments, and every way to name a specialist."""

import json
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

import pytest

import gradschool
import made
import small_job
from finish import finish
from gradschool.model.remote import RemoteEngine
from gradschool.records import Decoding
from gradschool.serve.loading import open_service
from gradschool.settings import Remote
from gradschool.specialist import Recipe, Specialist
from made import pack_as
from model_server import server


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return made.echo(tmp_path_factory.mktemp("my runs")).parent


def test_questions_may_be_arguments(run: Path) -> None:
    result = small_job.run("answer", run, "one  two", "three", stdin="not read\n")
    assert [json.loads(line)["answer"] for line in result.stdout.splitlines()] == ["one  two", "three"]


@pytest.mark.parametrize("part", ["", "specialist", "specialist/specialist.toml"])
def test_a_specialist_is_named_by_its_run_its_folder_or_its_manifest(run: Path, part: str, tmp_path: Path) -> None:
    place = run / part
    assert json.loads(small_job.run("answer", place, "hello").stdout)["answer"] == "hello"
    assert "specialist: hello" in small_job.run("chat", place, stdin="hello\n/bye\n").stdout
    assert small_job.run("bundle", place, tmp_path / "copy").exit_code == 0
    assert (tmp_path / "copy" / "specialist.toml").exists()
    assert gradschool.open_specialist(place).answer(["hello"])[0].text == "hello"
    service, _ = finish(open_service([str(place), f"other={place}"]))
    assert list(service.models) == ["echo", "other"]
    rows = tmp_path / "rows.jsonl"
    rows.write_text('{"prompt": "hello", "completion": "hello"}\n')
    for command in (("score", place, rows), ("export", place, "--to", "gguf")):  # opened, and refused for other reasons
        assert "is not a specialist" not in small_job.run(*command).output


def test_what_is_no_specialist_is_named(run: Path, tmp_path: Path) -> None:
    unfinished, job = tmp_path / "un finished", tmp_path / "job"
    for folder, name in ((unfinished, "run.json"), (job, "job.toml")):
        folder.mkdir()
        (folder / name).write_text("{}")
    for place, word in (
        (unfinished, f"--resume '{unfinished}'"),
        (job, f"gradschool climb {job}"),
        (run / "x", "no such"),
    ):
        for command in ("answer", "chat", "score", "serve", "bundle"):
            more = ["x"] if command in ("score", "bundle") else []
            result = small_job.run(command, place, *more, stdin="hello\n")
            assert result.exit_code == 2
            assert "is not a specialist" in result.stderr and word in result.stderr


def test_a_folder_of_a_model_is_a_base(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text("{}")
    result = small_job.run("chat", tmp_path, stdin="hello\n")
    assert result.exit_code == 5 and "is not a specialist" not in result.stderr


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
