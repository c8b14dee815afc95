"""Model folders whose weights cannot be loaded: each kind is refused with what to do."""

import json
from pathlib import Path

import pytest

from gradschool.errors import ModelError
from gradschool.estimate import config_of
from gradschool.model.folders import model_folder
from gradschool.model.loading import check_folder

POINTER = "version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 9\n"


def made(folder: Path, *names: str, **contents: str) -> Path:
    """A folder with a tokenizer, and files of these names."""
    for name in ("tokenizer.json", *names):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(contents.get(name.replace(".", "_").replace("-", "_"), "{}"))
    return folder


def index_of(*names: str) -> str:
    return json.dumps({"weight_map": {f"layer.{number}": name for number, name in enumerate(names)}})


@pytest.mark.parametrize("config", [True, False])
@pytest.mark.parametrize(
    ("name", "fix"),
    [
        ("pytorch_model_fsdp_0/__0_0.distcp", "pytorch_model_fsdp_0' OUTPUT"),
        ("__1_0.distcp", "accelerate merge-weights"),
        ("global_step40/mp_rank_00_model_states.pt", "zero_to_fp32.py . OUTPUT"),
        ("mp_rank_00_model_states.pt", "zero_to_fp32.py"),
        ("model_world_size_2_rank_0.pt", "converter"),
        ("iter_0000100/mp_rank_00/model_optim_rng.pt", "Megatron"),
    ],
)
def test_checkpoints_saved_in_parts(tmp_path: Path, name: str, fix: str, config: bool) -> None:
    folder = made(tmp_path / "a run", name, *(["config.json"] if config else []))
    with pytest.raises(ModelError, match="several devices has saved in parts") as caught:
        check_folder(model_folder(folder))
    assert fix in caught.value.fix and name.split("/")[0] in caught.value.why


def test_a_checkpoint_with_the_whole_model_next_to_parts_is_a_model(tmp_path: Path) -> None:
    assert check_folder(made(tmp_path, "config.json", "model.safetensors", "global_step4/mp_rank_00.pt")) == {}


@pytest.mark.parametrize("name", ["model.safetensors", "tokenizer.json", "pytorch_model.bin", "small.gguf"])
def test_pointers_of_git_lfs(tmp_path: Path, name: str) -> None:
    files = ["config.json", name, *(["model.safetensors"] if name == "tokenizer.json" else [])]
    folder = made(tmp_path / "base", *files, **{name.replace(".", "_"): POINTER})
    with pytest.raises(ModelError, match=f"pointers of Git LFS instead of {name}") as caught:
        check_folder(model_folder(folder))
    assert "git lfs pull" in caught.value.fix


def test_pointers_that_nothing_reads_do_no_harm(tmp_path: Path) -> None:
    other = {"pytorch_model_bin": POINTER, "consolidated_safetensors": POINTER}
    names = ("config.json", "model.safetensors", "pytorch_model.bin", "consolidated.safetensors")
    assert check_folder(made(tmp_path, *names, **other)) == {}


def test_missing_shards_are_named(tmp_path: Path) -> None:
    shards = [f"model-0000{number}-of-00003.safetensors" for number in (1, 2, 3)]
    index = {"model_safetensors_index_json": index_of(*shards)}
    for number, files in enumerate(([shards[0], "model.safetensors.index.json"], ["model.safetensors.index.json"])):
        with pytest.raises(ModelError, match="of its weight files") as caught:
            check_folder(made(tmp_path / str(number), "config.json", *files, **index))
        assert shards[2] in caught.value.why
    with pytest.raises(ModelError, match="lacks 2"):
        check_folder(made(tmp_path / "no index", "config.json", shards[1]))
    with pytest.raises(ModelError, match="cannot be read"):
        check_folder(made(tmp_path / "broken", "config.json", shards[0], "model.safetensors.index.json"))
    whole = made(tmp_path / "whole", "config.json", *shards, "model.safetensors.index.json", **index)
    assert check_folder(whole) == {}


def test_a_folder_with_gguf_alone(tmp_path: Path) -> None:
    for config in (["config.json"], []):
        with pytest.raises(ModelError, match="is a GGUF file") as caught:
            check_folder(model_folder(made(tmp_path / f"{len(config)}", "small.Q4_K_M.gguf", *config)))
        assert "--base-model small.Q4_K_M.gguf" in caught.value.fix


def test_fit_understands_what_a_climb_understands(tmp_path: Path) -> None:
    config = json.dumps({"model_type": "llama", "hidden_size": 64})
    cache = made(tmp_path / "models--maker--small", "snapshots/aaa/config.json", "refs/main")
    (cache / "snapshots" / "aaa" / "config.json").write_text(config)
    assert config_of(str(cache)).hidden_size == 64
    for names, said in (
        (("adapter_config.json",), "holds an adapter"),
        (("checkpoint-10/config.json",), "name one of them"),
        (("specialist.toml",), "is a specialist"),
        (("notes.md",), "no config.json"),
    ):
        with pytest.raises(ModelError) as caught:
            config_of(str(made(tmp_path / names[0].split("/")[0], *names)))
        assert said in str(caught.value) + caught.value.fix
    with pytest.raises(ModelError, match="is a file"):
        config_of(str(cache / "snapshots" / "aaa" / "config.json"))
