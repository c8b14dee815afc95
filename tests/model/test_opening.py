"""Opening the engine that a job names."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import tiny
from finish import finish
from gradschool.errors import ModelError, UsageError
from gradschool.model import opening
from gradschool.model.engine import Engine
from gradschool.model.fake import FakeEngine
from gradschool.model.local import LocalEngine
from gradschool.model.opening import open_engine
from gradschool.model.remote import RemoteEngine
from gradschool.records import Decoding, Event, Message, Note
from gradschool.settings import Settings


def opened(name: str, folder: Path, **more: Any) -> tuple[list[Event], Engine]:
    engine, events = finish(open_engine(Settings(base_model=name, **more), folder))
    return events, engine


def test_each_kind_of_name_opens_its_engine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert isinstance(opened("fake", tmp_path)[1], FakeEngine)
    assert isinstance(opened("http://localhost:1/v1", tmp_path, model="m")[1], RemoteEngine)
    tiny.save_model(tmp_path / "models" / "small", made=tiny.tokenizer(None))
    seen, engine = opened("models/small", tmp_path)
    assert isinstance(engine, LocalEngine) and engine.identity.name == "small"
    how, *notes = seen
    assert notes == [Note(note) for note in engine.chat.notes] and len(notes) == 1
    assert isinstance(how, Note) and engine.dtype_reason in how.text and "thread" in how.text
    monkeypatch.chdir(tmp_path / "models")
    assert opened("small", tmp_path / "elsewhere")[1].identity.weights == engine.identity.weights
    monkeypatch.setattr(opening, "POCKET", tmp_path / "models" / "small")
    pocket = opened("pocket", tmp_path)[1]
    assert pocket.identity.name == "pocket"
    assert [a.failure for _, a in pocket.answer([(Message("user", "Hi"),)], Decoding(max_new_tokens=2))] == [None]


def test_the_error_of_an_unusable_name_says_why(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_text("x")
    for name, says in (("./nowhere", "does not exist"), ("a/b/c", "does not exist"), ("file", "is a file")):
        with pytest.raises(ModelError, match=says):
            opened(name, tmp_path)
    (tmp_path / "empty").mkdir()
    with pytest.raises(ModelError, match="is not a model"):
        opened("empty", tmp_path)
    with pytest.raises(UsageError, match="which model of the server"):
        opened("http://localhost:1/v1", tmp_path)
    monkeypatch.setattr(opening, "POCKET", tmp_path / "gone")
    with pytest.raises(ModelError, match="built-in model is missing"):
        opened("pocket", tmp_path)


@pytest.mark.parametrize(
    ("name", "model"),
    [
        ("qwen3:8b", "qwen3:8b"),
        ("llama3.2:latest", "llama3.2:latest"),
        ("someone/own-model:v2", "someone/own-model:v2"),
        ("hf.co/someone/own-GGUF:Q4_K_M", "hf.co/someone/own-GGUF:Q4_K_M"),
        ("ollama/llama3.2", "llama3.2"),
        ("ollama:mistral", "mistral"),
        ("https://ollama.com/library/qwen3:8b", "qwen3:8b"),
        ("llama3.2", "llama3.2"),  # could be on the Hub, where it is not
        ("mistral", "mistral"),
    ],
)
def test_a_name_of_ollama_gets_the_way_to_its_server(
    name: str, model: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    monkeypatch.setattr("gradschool.model.hub.constants.HF_HOME", str(tmp_path))
    with pytest.raises(ModelError) as caught:
        opened(name, tmp_path)
    assert caught.value.what and 'base_model = "http://localhost:11434/v1"' in caught.value.fix
    assert f'model = "{model}"' in caught.value.fix and f"--model {model})" in caught.value.fix


@pytest.mark.parametrize("name", ["localhost:11434", "./nowhere", "a/b/c", "nobody/nothing-1B"])
def test_other_names_are_not_taken_for_ollamas(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    with pytest.raises(ModelError) as caught:
        opened(name, tmp_path)
    assert "ollama pull" not in caught.value.fix


def test_no_torch_until_a_local_model_is_opened() -> None:
    code = (
        "import sys, gradschool.model.opening, gradschool.model.remote, gradschool.model.fake, gradschool.model.chat;"
        "sys.exit('torch' in sys.modules or 'transformers' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], timeout=120).returncode == 0


@pytest.mark.parametrize(
    "name, address",
    [
        ("localhost:11434", "http://localhost:11434/v1"), ("127.0.0.1:8080/v1/", "http://127.0.0.1:8080/v1"),
        ("box:8000", "http://box:8000/v1"), ("api.example.org/v1", "https://api.example.org/v1"),
        ("localhost", "http://localhost/v1"), ("[::1]:8000", "http://[::1]:8000/v1"),
    ],
)  # fmt: skip
def test_an_address_without_its_scheme_gets_the_line_to_write(name: str, address: str, tmp_path: Path) -> None:
    with pytest.raises(ModelError) as raised:
        finish(open_engine(Settings(base_model=name), tmp_path))
    assert f'base_model = "{address}"' in raised.value.fix


@pytest.mark.parametrize("page", ["https://huggingface.co/datasets/maker/letters", "hf.co/spaces/maker/chat"])
def test_pages_of_the_hub_without_a_model_are_refused(page: str, tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"is the address of a (data set|space) of the Hub") as raised:
        opened(page, tmp_path, model="m")
    assert "owner/name" in raised.value.fix


@pytest.mark.parametrize(
    ("address", "mirrored"),
    [
        ("https://mirror.example/maker/small", "maker/small"),
        ("https://mirror.example/maker/small.git", "maker/small"),
        ("https://mirror.example/models/maker/small/tree/main", "maker/small"),
        ("https://api.example.org/openai/v1", ""),
        ("https://api.example.org/v1", ""),
        ("http://localhost:8000/some/path", ""),
    ],
)
def test_an_address_on_another_host_is_a_server_and_may_be_meant_as_a_mirror(
    address: str, mirrored: str, tmp_path: Path
) -> None:
    with pytest.raises(UsageError, match="which model of the server") as raised:
        opened(address, tmp_path)
    assert "model server" in raised.value.why and ("HF_ENDPOINT=https://mirror.example" in raised.value.fix) == bool(
        mirrored
    )
    assert not mirrored or f'base_model = "{mirrored}"' in raised.value.fix
