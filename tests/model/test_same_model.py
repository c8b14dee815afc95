"""The model of a server, named as a file: from what llama.cpp, Ollama, LM Studio and vLLM say about themselves."""

import json
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

import pytest

import small_job
from gradschool.files import sha256_of
from gradschool.model import same_model
from gradschool.model.fake import FakeEngine
from gradschool.model.remote import RemoteEngine
from gradschool.model.same_model import WITHOUT, as_file

Serve = Callable[[type[BaseHTTPRequestHandler]], str]


def says(pages: dict[str, Any]) -> type[BaseHTTPRequestHandler]:
    """A server that says these things about itself, and answers every question with the same word."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.say(200 if self.path in pages else 404, pages.get(self.path, {"error": "there is no such page"}))

        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            choice = {"message": {"role": "assistant", "content": "pear"}, "finish_reason": "stop"}
            self.say(200, {"choices": [choice], "usage": {"prompt_tokens": 3, "completion_tokens": 1}})

        def say(self, status: int, content: Any) -> None:
            body = content if isinstance(content, bytes) else json.dumps(content).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: Any) -> None:
            """Quiet."""

    return Handler


def said_of(pages: dict[str, Any], serve: Serve, model: str = "plum-1b") -> str:
    return as_file(RemoteEngine(f"{serve(says(pages))}/v1", model))


def test_a_base_that_is_no_server_has_nothing_to_say() -> None:
    assert as_file(FakeEngine()) == ""


def test_llama_cpp_says_the_path_of_its_file(serve: Serve, tmp_path: Path) -> None:
    file = tmp_path / "plum it's.gguf"
    file.write_bytes(b"GGUF")
    said = said_of({"/props": {"model_path": str(file)}}, serve)
    assert said.startswith(WITHOUT) and f'base_model = "{file}"' in said
    assert """(--base-model '""" in said and """plum it'"'"'s.gguf')""" in said  # a shell takes it as it is
    elsewhere = said_of({"/props": {"model_path": "models/plum.gguf"}}, serve)
    assert "where it was started" in elsewhere and '"models/plum.gguf"' in elsewhere


def test_ollama_keeps_it_under_its_name(serve: Serve, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OLLAMA_MODELS", str(tmp_path))
    (tmp_path / "manifests").mkdir()
    pages = {"/api/version": {"version": "0.9.9"}}
    said = said_of(pages, serve, "plum:1b")
    assert 'base_model = "ollama:plum:1b"' in said and "once its store can be read" in said and str(tmp_path) in said
    monkeypatch.setattr(same_model, "find", lambda name: name)
    assert said_of(pages, serve, "plum:1b").endswith(
        'to tune it, set base_model = "ollama:plum:1b" (--base-model ollama:plum:1b), without `model`.'
    )


def test_lm_studio_keeps_it_in_a_folder(serve: Serve, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    names = (
        "orchard/Plum-1B-GGUF/Plum-1B-Q4_K_M.gguf",
        "orchard/Plum-1B-GGUF/Plum-1B-Q8_0.gguf",
        "else/P/Plum-1B.gguf",
    )
    monkeypatch.setattr(same_model, "lm_studio_files", lambda: [tmp_path / name for name in names])
    about = {"id": "plum-1b", "publisher": "orchard", "compatibility_type": "gguf", "quantization": "Q4_K_M"}
    assert f'base_model = "{tmp_path / names[0]}"' in said_of({"/api/v0/models": {"data": [about]}}, serve)
    both = said_of({"/api/v0/models": {"data": [about | {"quantization": ""}]}}, serve)
    assert "name its file as base_model" in both and str(tmp_path / names[1]) in both and "else" not in both
    other = said_of({"/api/v0/models": {"data": [about | {"compatibility_type": "mlx"}]}}, serve)
    assert "as mlx" in other and "as its makers published it" in other


def test_vllm_says_the_model_it_loaded(serve: Serve) -> None:
    listed = {"/v1/models": {"data": [{"id": "plum-1b", "root": "orchard/plum-1b-instruct"}]}}
    assert 'base_model = "orchard/plum-1b-instruct"' in said_of(listed, serve)
    same = {"/v1/models": {"data": [{"id": "plum-1b", "root": "plum-1b"}]}}
    assert "name the file that the server runs" in said_of(same, serve)


@pytest.mark.parametrize(
    "pages",
    [
        {},
        {"/props": ["model_path"], "/api/version": "0.9", "/api/v0/models": {"data": "none"}, "/v1/models": 3},
        {"/props": {"model_path": 3}, "/api/version": {"version": None}, "/api/v0/models": {"data": [None, "x"]}},
        {"/props": {"model_path": "a\x1b]0;b"}, "/api/version": {"version": ""}, "/api/v0/models": {"data": [{}]}},
        {
            "/props": b'{"model_path": "' + b"x" * 5_000 + b'"}',
            "/api/version": b"<html>",
            "/api/v0/models": b"[" * 9_000,
        },
    ],
)
def test_a_server_that_says_nothing_useful_leaves_the_general_way(pages: dict[str, Any], serve: Serve) -> None:
    assert "name the file that the server runs: a GGUF file, a folder or a Hub id" in said_of(pages, serve)


def test_a_server_that_is_gone_at_the_end_leaves_the_general_way() -> None:
    assert "name the file that the server runs" in as_file(RemoteEngine("http://127.0.0.1:9/v1", "plum"))


def test_a_climb_over_a_server_ends_with_how_to_tune_it(serve: Serve, tmp_path: Path) -> None:
    pages = {"/api/version": {"version": "0.9.9"}, "/v1/models": {"data": [{"id": "plum:1b"}]}}
    text = f'base_model = "{serve(says(pages))}/v1"\nmodel = "plum:1b"\ntask = "Name a fruit."\n'
    text += '[goal]\nmetric = "exact_match"\npass_mark = 0.5\n[prompt]\nshots = [0]\n'
    fruits = enumerate(["apple", "fig", "quince"] * 12)
    rows = [{"prompt": f"{fruit} {sha256_of(n)}", "completion": fruit} for n, fruit in fruits]
    job = small_job.write_job(tmp_path / "fruit", text, rows)
    result = small_job.run("climb", job, "--run", tmp_path / "run")
    assert result.exit_code == 3, result.output
    said = " ".join(result.stdout.split())
    assert "The tune rung could not run" in said and 'base_model = "ollama:plum:1b"' in said
