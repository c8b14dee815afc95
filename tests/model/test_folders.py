"""Folders and files that people name as a base: understood, or refused by their kind."""

import json
from pathlib import Path

import pytest

from gradschool.errors import ModelError
from gradschool.model.folders import model_folder


def made(folder: Path, *names: str) -> Path:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(json.dumps({"base_model_name_or_path": "maker/small"}))
    return folder


def test_a_folder_of_the_hubs_cache_means_its_snapshot(tmp_path: Path) -> None:
    cache = made(tmp_path / "models--maker--small", "snapshots/aaa/config.json", "snapshots/bbb/config.json")
    (cache / "refs").mkdir()
    (cache / "refs" / "main").write_text("bbb")
    assert model_folder(cache) == cache / "snapshots" / "bbb" == model_folder(cache / "snapshots")
    assert model_folder(cache, "aaa") == cache / "snapshots" / "aaa"
    with pytest.raises(ModelError, match="no snapshot of the revision 'ccc'"):
        model_folder(cache, "ccc")
    with pytest.raises(ModelError, match="cache of several models"):
        model_folder(tmp_path)


@pytest.mark.parametrize(
    ("names", "said"),
    [
        (("adapter_config.json",), "maker/small"),
        (("adapter_config.json", "config.json"), "next to a model"),
        (("checkpoint-9/config.json", "checkpoint-10/config.json"), "checkpoint-10"),
        (("specialist.toml",), "is a specialist"),
        (("specialist/specialist.toml", "events.jsonl"), "is a run"),
        (("small.Q4_K_M.gguf",), "is a GGUF file"),
        (("inner/config.json",), "name the folder in it"),
    ],
)
def test_other_folders_are_refused_by_their_kind(tmp_path: Path, names: tuple[str, ...], said: str) -> None:
    with pytest.raises(ModelError) as caught:
        model_folder(made(tmp_path / "named", *names))
    assert said in str(caught.value) and caught.value.fix


def test_a_file_names_its_folder(tmp_path: Path) -> None:
    folder = made(tmp_path / "base", "config.json", "model.safetensors")
    with pytest.raises(ModelError, match="is a file") as caught:
        model_folder(folder / "model.safetensors")
    assert str(folder) in caught.value.fix
    assert model_folder(folder) == folder
