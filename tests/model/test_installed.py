"""The bases on a machine: those of Ollama, LM Studio and the Hub's cache, by their headers alone."""

import json
import time
from pathlib import Path

import pytest
import torch
from huggingface_hub import constants
from safetensors.torch import save_file

from gradschool.errors import ModelError
from gradschool.model.installed import InstalledBase, base_called, converted_bases, installed_bases, lm_studio_files
from stored_models import stored, written


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A machine without any models."""
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("OLLAMA_MODELS", str(tmp_path / "ollama"))
    (tmp_path / "ollama" / "manifests").mkdir(parents=True)
    monkeypatch.setattr(constants, "HF_HOME", str(tmp_path / "hf"))
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "hf" / "hub"))
    return tmp_path


def by_name() -> dict[str, InstalledBase]:
    return {one.base_model: one for one in installed_bases()}


def test_the_built_in_base_is_there_and_others_can_be_fetched() -> None:
    found = by_name()
    assert found["pocket"].licence == "apache-2.0" and 5e6 < found["pocket"].parameters < 7e6
    assert "bases get smollm2" in found["smollm2"].problem


def test_models_of_ollama_are_listed_and_what_they_lack_is_said(home: Path, tmp_path: Path) -> None:
    content = written(tmp_path / "x.gguf").read_bytes()
    stored(home / "ollama", "tulip", "8b", {"model": content})
    stored(home / "ollama", "lily", "latest", {"adapter": content})
    stored(home / "ollama", "rose", "latest", {"model": content[:-100]})
    found = by_name()
    tulip = found["ollama:tulip:8b"]
    assert (tulip.family, tulip.parameters, tulip.licence, tulip.context_length) == ("llama", 256, "mit", 64)
    assert tulip.number_format == "GGUF F32" and tulip.bytes == len(content) and not tulip.problem
    assert "holds an adapter" in found["ollama:lily:latest"].problem
    assert "is not complete" in found["ollama:rose:latest"].problem


def test_lm_studio_is_found_where_it_is_and_where_it_was(home: Path) -> None:
    moved, own = home / "disk" / "studio", home / "disk" / "models"
    (home / ".lmstudio-home-pointer").write_text(f"{moved}\n")
    moved.mkdir(parents=True)
    (moved / "settings.json").write_text(json.dumps({"downloadsFolder": str(own)}))
    places = [own, moved / "models", home / ".lmstudio/models", home / ".cache/lm-studio/models"]
    for number, place in enumerate(places):
        (place / "maker" / "model").mkdir(parents=True)
        written(place / "maker" / "model" / f"m{number}-00001-of-00002.gguf")
        written(place / "maker" / "model" / f"m{number}-00002-of-00002.gguf")
        written(place / "maker" / "model" / "mmproj-x.gguf", "clip", "mmproj")
    (own / "maker" / "above").symlink_to(own)
    assert [file.name for file in lm_studio_files()] == [f"m{number}-00001-of-00002.gguf" for number in range(4)]
    listed = by_name()[str(own / "maker" / "model" / "m0-00001-of-00002.gguf")]
    assert listed.source == "LM Studio" and listed.parameters == 512


@pytest.mark.parametrize("content", ["", "[]", '{"downloadsFolder": 3}', "{"])
def test_damaged_settings_of_lm_studio_hide_nothing(content: str, home: Path) -> None:
    (home / ".lmstudio" / "models").mkdir(parents=True)
    (home / ".lmstudio" / "settings.json").write_text(content)
    written(home / ".lmstudio" / "models" / "a.gguf")
    assert [file.name for file in lm_studio_files()] == ["a.gguf"]


def test_models_of_the_hub_have_their_weights_counted(home: Path) -> None:
    folder = home / "hf" / "hub" / "models--maker--small" / "snapshots" / ("0" * 40)
    folder.mkdir(parents=True)
    (folder / "config.json").write_text(json.dumps({"model_type": "llama", "max_position_embeddings": 64}))
    (folder / "README.md").write_text("---\nlicense: mit\n---\n")
    save_file({"a": torch.zeros(3, 4), "b": torch.zeros(5)}, folder / "model.safetensors")
    found = by_name()["maker/small"]
    assert (found.parameters, found.licence, found.source, found.path) == (17, "mit", "Hub's cache", str(folder))
    (folder / "model.safetensors").write_bytes(b"\xff" * 8)
    assert "cannot be read" in by_name()["maker/small"].problem


def test_a_base_is_shown_by_its_name_or_its_path(home: Path) -> None:
    file = written(home / "a.gguf")
    assert base_called("pocket").source == "built in"
    assert base_called(str(file)).parameters == 256
    for name in ("pockets", "", str(home / "none")):
        with pytest.raises(ModelError):
            base_called(name)
    with pytest.raises(ModelError, match="is an adapter"):
        base_called(str(written(home / "b.gguf", kind="adapter")))


def test_converted_bases_are_named_by_file_and_hash(home: Path) -> None:
    cache = home / "cache" / "gradschool" / "gguf"
    for digest, record in (("a" * 64, "gguf.json"), ("b" * 64, "unfinished.json")):
        (cache / digest).mkdir(parents=True)
        (cache / digest / record).write_text(json.dumps({"sha256": digest, "name": "m"}))
    (cache / ("c" * 64)).symlink_to(cache / ("a" * 64))
    assert {name: folder.name for name, folder in converted_bases().items()} == {
        "m@aaaaaaaa": "a" * 64,
        "m@bbbbbbbb": "b" * 64,
    }


def test_fifty_files_are_listed_quickly(home: Path) -> None:
    (home / ".lmstudio" / "models").mkdir(parents=True)
    content = written(home / "a.gguf", tokens=4_000).read_bytes()
    for number in range(50):
        (home / ".lmstudio" / "models" / f"{number:02}.gguf").write_bytes(content)
    start = time.process_time()
    assert len(list(installed_bases())) == 53
    assert time.process_time() - start < 3
