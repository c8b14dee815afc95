"""Questions as arguments, and every way to name a specialist."""

import json
import shutil
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


@pytest.mark.parametrize("question", ["-5 boxes?", "-5", "-x or -y?", "--all of them?", "-h or -w?"])
def test_a_question_may_begin_with_a_minus(run: Path, question: str) -> None:
    for arguments in ((question,), ("one", question, "--runtime", "torch"), ("--", question)):
        result = small_job.run("answer", run, *arguments)
        assert json.loads(result.stdout.splitlines()[-1])["answer"] == question


def test_an_option_that_does_not_exist_is_no_question(run: Path) -> None:
    assert small_job.run("answer", run, "--bsae", "one").exit_code == 2
    assert small_job.run("answer", run, "--bsae=my base", "one").exit_code == 2


def test_a_name_that_may_be_of_ollama_says_how_to_ask_it(run: Path) -> None:
    for command in (("chat", "llama3.2"), ("answer", "llama3.2", "hello"), ("chat", "qwen3:8b")):
        result = small_job.run(*command)
        assert result.exit_code == 2 and f"ollama:{command[1]}" in result.stderr


def test_files_are_checked_before_the_base_is_loaded(run: Path, here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gradschool.rescore.open_specialist", lambda *_: pytest.fail("the specialist was opened"))
    monkeypatch.setattr("gradschool.model.opening.open_engine", lambda *_: pytest.fail("the writer was opened"))
    Path("rows.jsonl").write_text('{"prompt": "hello", "completion": "hello"}\n')
    Path("folder").mkdir()
    for arguments, says in (
        (("score", run, "gone.jsonl"), "gone.jsonl does not exist"),
        (("score", run, "rows.jsonl", "--incumbent", "gone.jsonl"), "gone.jsonl does not exist"),
        (("score", run, "rows.jsonl", "--output", "folder"), "folder is a folder"),
        (("score", run, "rows.jsonl", "--output", "rows.jsonl/x"), "It is a file"),
        (("prepare", "gone", "--for", "style", "--into", "job", "--writer", "pocket"), "gone does not exist"),
        (("prepare", "folder", "--for", "style", "--into", "rows.jsonl", "--writer", "pocket"), "rows.jsonl"),
    ):
        result = small_job.run(*arguments)
        assert result.exit_code in (2, 4, 7) and says in result.stderr.replace("\n", " "), result.output


def test_questions_may_be_files(run: Path, here: Path) -> None:
    Path("asked.jsonl").write_text('{"id": "a", "prompt": "one"}\nnot {"\n{"id": \n')
    result = small_job.run("answer", run, "asked.jsonl", "two")
    assert [json.loads(line)["answer"] for line in result.stdout.splitlines()] == ["one", 'not {"', "", "two"]
    assert "asked.jsonl: 3 questions." in result.stderr and "asked.jsonl, line 3: it is not valid JSON" in result.stderr
    missing = small_job.run("answer", run, "gone.jsonl")
    assert missing.exit_code == 2 and "There is no file gone.jsonl" in missing.stderr


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


def test_other_things_are_no_specialists_and_named(run: Path, tmp_path: Path) -> None:
    packed = run / "specialist"
    (tmp_path / "adapter").mkdir()
    (tmp_path / "adapter" / "adapter_config.json").write_text('{"base_model_name_or_path": "maker/small"}')
    (tmp_path / "small.gguf").write_text("")
    (tmp_path / "gone").symlink_to("nowhere")
    for place, words in (
        (packed / "evidence", f"name {packed}"),
        (packed / "README.md", f"name {packed}"),
        (run.parent, f"name one of them: {run}"),
        (tmp_path / "adapter", "trained on maker/small"),
        (tmp_path / "gone", "link to nowhere"),
        (Path("pocket"), "the built-in base"),
    ):
        for command in ("score", "bundle") if str(place) == "pocket" else ("answer", "chat", "score", "bundle"):
            more = ["x"] if command in ("score", "bundle") else []
            result = small_job.run(command, place, *more, stdin="hello\n")
            assert result.exit_code == 2 and "is not a specialist" in result.stderr
            assert words in result.stderr, result.stderr


def test_a_base_in_the_cache_of_the_hub_is_asked(base: Path, tmp_path: Path) -> None:
    cache = tmp_path / "models--maker--small"
    shutil.copytree(base, cache / "snapshots" / "aaa")
    assert small_job.run("answer", cache, "hello").exit_code == 0


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
