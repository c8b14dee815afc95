"""Folders and files that people name as a base: understood, or refused by their kind."""

import json
from pathlib import Path
from typing import Any

import pytest

from gradschool.errors import ModelError
from gradschool.model.folders import model_folder
from gradschool.model.loading import check_folder

BASE = {"base_model_name_or_path": "maker/small"}


def made(folder: Path, *names: str, content: Any = BASE) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    for name in names:
        if name.endswith("/"):
            (folder / name).mkdir(parents=True)
            continue
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(json.dumps(content))
    return folder


def refused(path: Path) -> str:
    """The error for a base at a path; it says what the path is, and what to do."""
    with pytest.raises(ModelError) as caught:
        check_folder(model_folder(path))
    assert str(path.name) in caught.value.what and caught.value.why and caught.value.fix
    return str(caught.value)


def cached(folder: Path, *names: str, commit: str = "aaa") -> Path:
    """A model in the Hub's cache: links to blobs."""
    repository = made(folder / "models--maker--small", f"snapshots/{commit}/", "refs/main", "blobs/")
    (repository / "refs" / "main").write_text(commit)
    for name in names:
        (repository / "blobs" / f"of-{name}").write_text("{}")
        (repository / "snapshots" / commit / name).symlink_to(f"../../blobs/of-{name}")
    return repository


def test_a_folder_of_the_hubs_cache_means_its_snapshot(tmp_path: Path) -> None:
    cache = made(tmp_path / "models--maker--small", "snapshots/aaa/config.json", "snapshots/bbb/config.json")
    (cache / "refs").mkdir()
    (cache / "refs" / "main").write_text("bbb")
    assert model_folder(cache) == cache / "snapshots" / "bbb" == model_folder(cache / "snapshots")
    assert model_folder(cache / "refs") == cache / "snapshots" / "bbb"
    assert model_folder(cache, "aaa") == cache / "snapshots" / "aaa"
    with pytest.raises(ModelError, match="no snapshot of the revision 'ccc'"):
        model_folder(cache, "ccc")
    for folder in (tmp_path, made(tmp_path / "home", "hub/models--maker--small/")):
        with pytest.raises(ModelError, match="cache of several models"):
            model_folder(folder)


@pytest.mark.parametrize("part", ["refs", "snapshots", "blobs", ""])
def test_every_folder_of_a_cached_model_means_it(tmp_path: Path, part: str) -> None:
    cache = cached(tmp_path, "config.json", "model.safetensors", "tokenizer.json")
    assert model_folder(cache / part) == cache / "snapshots" / "aaa"
    (cache / "refs" / "main").unlink()  # as after a download by commit
    (cache / "refs").rmdir()
    if part != "refs":
        assert model_folder(cache / part) == cache / "snapshots" / "aaa"


@pytest.mark.parametrize("part", ["refs/main", "blobs/of-config.json"])
def test_files_of_the_cache_name_the_folder_of_the_model(tmp_path: Path, part: str) -> None:
    cache = cached(tmp_path, "config.json")
    assert "file of the Hub's cache" in (said := refused(cache / part)) and f"name {cache}." in said


def test_interrupted_downloads_and_links_to_nothing(tmp_path: Path) -> None:
    cache = cached(tmp_path / "links", "config.json", "model.safetensors", "tokenizer.json", "README.md")
    (cache / "blobs" / "of-README.md").unlink()
    assert check_folder(model_folder(cache)) == {}  # nothing needs it
    (cache / "blobs" / "of-model.safetensors").unlink()
    said = refused(cache / "snapshots" / "aaa")
    assert "lacks model.safetensors" in said and "does not exist" in said and "'maker/small' as base_model" in said
    (cache / "blobs" / "of-config.json").unlink()
    with pytest.raises(ModelError, match=r"lacks config\.json"):
        model_folder(cache)
    (cache / "blobs" / "1234.incomplete").write_text("")
    with pytest.raises(ModelError, match=r"download was interrupted: .*1234\.incomplete"):
        model_folder(cache)
    empty = made(tmp_path / "empty" / "models--maker--small", "blobs/1.incomplete", "refs/main")
    assert "download was interrupted" in refused(empty) and "maker/small" in refused(empty)
    assert "interrupted" in refused(made(tmp_path / "local", ".cache/huggingface/download/x.incomplete", "README.md"))
    index = {"weight_map": {"a": "model-00001-of-00002.safetensors", "b": "model-00002-of-00002.safetensors"}}
    shards = made(tmp_path / "shards", "model.safetensors.index.json", content=index)
    made(shards, "config.json", "tokenizer.json", "model-00001-of-00002.safetensors")
    assert "model-00002-of-00002.safetensors" in refused(shards)
    made(shards, "model-00002-of-00002.safetensors.crdownload")
    assert "interrupted" in refused(shards) and "crdownload" in refused(shards)
    (tmp_path / "link").symlink_to(tmp_path / "gone")
    assert f"It is a link to {tmp_path / 'gone'}" in refused(tmp_path / "link")


def test_data_sets_of_the_cache_are_no_models(tmp_path: Path) -> None:
    said = refused(made(tmp_path / "datasets--maker--letters", "snapshots/aaa/config.json"))
    assert "is a dataset of the Hub's cache" in said


FOLDERS: list[tuple[tuple[str, ...], tuple[str, ...]]] = [
    (("adapter_config.json",), ("holds an adapter", "name maker/small as base_model")),
    (("adapter_config.json", "config.json"), ("next to a model",)),
    (("adapter_model.safetensors",), ("holds an adapter", "without the adapter_config.json")),
    (("adapter_model.safetensors", "config.json", "tokenizer.json"), ("holds an adapter",)),
    (("adapters.safetensors",), ("holds an adapter", "mlx_lm.fuse")),
    (("checkpoint-9/config.json", "checkpoint-10/config.json"), ("checkpoints of a training", "checkpoint-10.")),
    (("checkpoint-9/adapter_config.json", "checkpoint-10/adapter_config.json"), ("of an adapter", "name maker/small")),
    (("checkpoint-5/adapter_config.json", "adapter_config.json", "README.md"), ("holds an adapter", "maker/small")),
    (("specialist.toml",), ("is a specialist",)),
    (("specialist/specialist.toml", "events.jsonl"), ("is a run", "gradschool chat")),
    (("run.json", "work/"), ("is a run",)),
    (("job.toml", "examples.jsonl"), ("is a job",)),
    (("small.Q4_K_M.gguf",), ("is a GGUF file", "name the file")),
    (("small.Q4_K_M.gguf", "Modelfile", "README.md"), ("is a GGUF file",)),
    (("inner/config.json",), ("name the folder in it",)),
    (("model.onnx",), ("only as model.onnx, a file of ONNX", "Only ONNX can run")),
    (("onnx/model_q4.onnx", "config.json", "tokenizer.json"), ("only as onnx/model_q4.onnx",)),
    (("tf_model.h5", "config.json"), ("TensorFlow",)),
    (("openvino_model.bin", "openvino_model.xml", "config.json"), ("OpenVINO",)),
    (("weights.npz", "tokenizer.model"), ("MLX",)),
    (("pytorch_model.bin",), ("only as pytorch_model.bin", "can run code")),
    (("consolidated.00.pth", "params.json", "tokenizer.model"), ("consolidated.00.pth", "can run code")),
    (("consolidated.safetensors", "params.json", "tekken.json"), ("maker's own format",)),
    (("config.json", "consolidated.safetensors"), ("no weights under a name that is loaded",)),
    (("config.json", "model-00001-of-00001.safetensors", "tokenizer.json"), ("lacks model.safetensors.index.json",)),
    (("optimizer.pt", "scheduler.pt", "rng_state.pth", "config.json"), ("has no weights",)),
    (("model.safetensors", "tokenizer.json"), ("weights without their config",)),
    (("tokenizer.json", "tokenizer_config.json"), ("holds a tokenizer, not a model",)),
    (("config.json",), ("has no weights",)),
    (("config.json", "model.safetensors"), ("has no tokenizer",)),
    (("model_index.json", "unet/config.json"), ("not text",)),
    (("manifests/", "blobs/"), ("store of Ollama",)),
    (("notes.txt",), ("it contains notes.txt",)),
    ((), ("it is empty",)),
]


@pytest.mark.parametrize(("names", "says"), FOLDERS, ids=[" ".join(names) for names, _ in FOLDERS])
def test_other_folders_are_refused_by_their_kind(tmp_path: Path, names: tuple[str, ...], says: tuple[str, ...]) -> None:
    said = refused(made(tmp_path / "named", *names))
    assert all(words in said for words in says), said


def test_folders_around_models_and_adapters_name_what_is_in_them(tmp_path: Path) -> None:
    two = made(tmp_path / "two", "a/config.json", "b/config.json")
    assert "folder of models" in (said := refused(two)) and str(two / "a") in said
    around = made(tmp_path / "around", "final/adapter_config.json", "final/adapter_model.safetensors")
    assert "holds an adapter" in (said := refused(around)) and "maker/small" in said
    for name in ("adapter_0.pt", "pytorch_lora_weights.safetensors"):
        assert "holds an adapter" in refused(made(tmp_path / name.partition(".")[0], name, "config.json"))


def test_parts_of_a_specialist_lead_to_it(tmp_path: Path) -> None:
    packed = made(tmp_path / "run" / "specialist", "specialist.toml", "adapter/adapter_config.json", "index/a.json")
    for part in ("adapter", "index", "specialist.toml"):
        said = refused(packed / part) if part != "specialist.toml" else refused(packed)
        assert f"gradschool chat {packed}" in said
    made(packed, "weights/config.json")
    assert f"name its trained weights: {packed / 'weights'}" in refused(packed / "index")


FILES: list[tuple[str, tuple[str, ...]]] = [
    ("small.gguf", ("is a GGUF file", "name the file")),
    ("model.onnx", ("is a file of ONNX",)),
    ("pytorch_model.bin", ("is a pickled file", "never opened")),
    ("last.pt", ("is a pickled file",)),
    ("adapter_model.safetensors", ("holds an adapter",)),
    ("model.safetensors", ("weights without their config",)),
    ("small.zip", ("is an archive", "unpack it")),
    ("small.tar.gz", ("is an archive",)),
    ("model.safetensors.incomplete", ("is not complete",)),
    ("Modelfile", ("Modelfile of Ollama's",)),
    ("job.toml", ("is a file of a job",)),
    ("examples.jsonl", ("is a file of examples",)),
    ("notes.txt", ("is a file", "config.json")),
]


@pytest.mark.parametrize(("name", "says"), FILES)
def test_files_are_refused_by_their_kind(tmp_path: Path, name: str, says: tuple[str, ...]) -> None:
    folder = made(tmp_path / f"of {name}", name)
    with pytest.raises(ModelError) as caught:
        model_folder(folder / name)
    assert all(words in str(caught.value) for words in says), caught.value
    assert caught.value.why and caught.value.fix


def test_a_file_names_its_folder(tmp_path: Path) -> None:
    folder = made(tmp_path / "base", "config.json", "model.safetensors")
    with pytest.raises(ModelError, match="is a file") as caught:
        model_folder(folder / "model.safetensors")
    assert str(folder) in caught.value.fix
    assert model_folder(folder) == folder
    with pytest.raises(ModelError, match="next to a model"):  # not a folder that is refused in turn
        model_folder(made(folder, "adapter_config.json") / "config.json")


@pytest.mark.parametrize("key", ["quantization", "quantization_config"])
def test_weights_that_mlx_has_quantized(tmp_path: Path, key: str) -> None:
    quantized = {"model_type": "llama", key: {"group_size": 64, "bits": 4}}
    folder = made(tmp_path / "small-4bit", "config.json", content=quantized)
    made(folder, "model.safetensors", "tokenizer.json")
    assert "MLX has quantized to 4 bits" in refused(folder)
    quantized[key] |= {"quant_method": "gptq"}  # type: ignore[operator]
    assert check_folder(made(folder, "config.json", content=quantized)) == quantized


def test_a_folder_that_cannot_be_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def locked(path: Path) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "iterdir", locked)
    assert "Permission denied" in refused(made(tmp_path / "locked"))
