"""Models in Ollama's store are found by name; what is missing or cannot be read is named."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from gradschool.errors import ModelError
from gradschool.model.ollama_store import MAX_TEXT, find, listed, models
from stored_models import stored


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("OLLAMA_MODELS", str(tmp_path))
    stored(tmp_path, "tulip", "latest", {"model": b"GGUF one", "system": b"Be  kind.", "params": b'{"stop": ["x"]}'})
    stored(tmp_path, "tulip", "8b", {"model": b"GGUF two", "template": b"{{ .Prompt }}"})
    stored(tmp_path, "rose", "q4", {"model": b"GGUF three"}, "registry.ollama.ai/someone")
    stored(tmp_path, "own", "latest", {"model": b"GGUF four"}, "hub.example.org/team")
    return tmp_path


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("tulip", b"GGUF one"),
        ("tulip:latest", b"GGUF one"),
        ("tulip:8b", b"GGUF two"),
        ("someone/rose:q4", b"GGUF three"),
        ("hub.example.org/team/own", b"GGUF four"),
    ],
)
def test_names_lead_to_files(store: Path, name: str, content: bytes) -> None:
    assert find(name).file.read_bytes() == content


def test_what_ollama_adds_is_said_and_not_applied(store: Path) -> None:
    about = find("tulip").about()
    assert "the system prompt 'Be kind.'" in about and "stop" in about and "None of it is applied" in about
    assert "write it into the job's task" in about
    assert "the chat template '{{ .Prompt }}'" in find("tulip:8b").about() and not find("someone/rose:q4").about()


def test_all_models_are_listed(store: Path) -> None:
    names = {model.name for model in models()}
    assert names == {"tulip:latest", "tulip:8b", "someone/rose:q4", "hub.example.org/team/own:latest"}


def test_an_unknown_name_names_the_nearest(store: Path) -> None:
    with pytest.raises(ModelError, match="no model 'tulp'") as caught:
        find("tulp")
    assert "did you mean 'tulip:latest'?" in caught.value.fix and "ollama pull tulp" in caught.value.fix


def test_long_texts_are_cut_in_a_note_and_shown_whole_elsewhere(store: Path) -> None:
    stored(store, "daisy", "latest", {"model": b"GGUF", "system": b"Be kind. " * 100})
    model = find("daisy")
    assert "…" in model.about() and "bases show ollama:daisy" in model.about()
    assert model.added == {"system prompt": ("Be kind. " * 100).strip()}


def test_a_store_that_may_not_be_read_is_named(store: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def forbidden(top: Path, onerror: Any) -> Iterator[Any]:
        onerror(PermissionError(13, "Permission denied"))
        yield from ()

    monkeypatch.setattr("gradschool.model.ollama_store.os.walk", forbidden)
    with pytest.raises(ModelError, match="cannot be read") as caught:
        find("tulip")
    assert "Permission denied" in caught.value.why and "OLLAMA_MODELS" in caught.value.fix
    [(name, error)] = listed()
    assert not name and isinstance(error, ModelError)


def test_a_store_that_is_not_where_it_is_said_to_be_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("OLLAMA_MODELS", str(tmp_path / "none"))
    with pytest.raises(ModelError, match="none cannot be read") as caught:
        find("tulip")
    assert "No such file" in caught.value.why


def test_a_manifest_without_its_weights_is_an_error(store: Path) -> None:
    find("tulip:8b").file.unlink()
    with pytest.raises(ModelError, match="weights of tulip:8b are not in"):
        find("tulip:8b")
    assert "tulip:8b" not in {model.name for model in models()}


@pytest.mark.parametrize(
    "content", ["", "[]", '{"layers": 3}', '{"layers": [{"mediaType": "x", "digest": "../../a"}]}']
)
def test_a_damaged_manifest_is_an_error(store: Path, content: str) -> None:
    (store / "manifests/registry.ollama.ai/library/tulip/latest").write_text(content)
    with pytest.raises(ModelError, match="is not a manifest of Ollama's"):
        find("tulip")


def test_an_adapter_alone_is_an_error(store: Path) -> None:
    stored(store, "lily", "latest", {"adapter": b"GGUF"})
    with pytest.raises(ModelError, match="holds an adapter"):
        find("lily")


def test_without_a_store_the_remedies_are_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OLLAMA_MODELS", raising=False)
    monkeypatch.setattr("gradschool.model.ollama_store.STORES", (str(tmp_path / "none"),))
    with pytest.raises(ModelError, match="no model 'tulip'") as caught:
        find("tulip")
    assert "OLLAMA_MODELS" in caught.value.why and "ollama pull tulip" in caught.value.fix


def test_a_text_that_is_not_what_its_name_says_is_not_shown(store: Path, tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("private words")
    [text] = [blob for blob in (store / "blobs").iterdir() if blob.read_bytes() == b"Be  kind."]
    text.unlink()
    text.symlink_to(secret)
    with pytest.raises(ModelError, match="is not the file that Ollama stored") as caught:
        find("tulip")
    assert "private" not in str(caught.value)


def test_a_pipe_in_place_of_a_manifest_is_passed_over(store: Path) -> None:
    os.mkfifo(store / "manifests/registry.ollama.ai/library/tulip/pipe")
    assert {model.name for model in models()} >= {"tulip:8b"}
    with pytest.raises(ModelError, match="no model"):
        find("tulip:pipe")


def test_a_manifest_of_any_size_is_not_read(store: Path) -> None:
    manifest = store / "manifests/registry.ollama.ai/library/tulip/latest"
    manifest.write_text(" " * (MAX_TEXT + 1))
    with pytest.raises(ModelError, match="is not a manifest of Ollama's") as caught:
        find("tulip")
    assert "more than" in caught.value.why
