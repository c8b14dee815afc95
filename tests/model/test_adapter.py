"""Adapter folders: written whole, worn and taken off, and refused where they are something else."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file

import tiny
import toy
from gradschool.errors import ModelError
from gradschool.model.adapter import CONFIG, WEIGHTS, save_adapter, wear
from gradschool.model.lora import attach, lora_layers

Tensors = dict[str, torch.Tensor]


@pytest.fixture(scope="module")
def adapter(base: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A stirred adapter for the tiny base."""
    folder = tmp_path_factory.mktemp("adapters") / "one"
    network = toy.network_of(base)
    attach(network, rank=4, alpha=8, seed=0)
    toy.stir(network)
    save_adapter(network, folder, "tiny-base", "abc")
    return folder


def logits(network: Any) -> torch.Tensor:
    with torch.no_grad():
        answer: torch.Tensor = network(toy.ids()).logits
    return answer


def changed(adapter: Path, folder: Path, change: Callable[[dict[str, Any], Tensors], None]) -> Path:
    """A copy of the adapter with something changed in its config or its tensors."""
    config, tensors = json.loads((adapter / CONFIG).read_text()), load_file(adapter / WEIGHTS)
    change(config, tensors)
    folder.mkdir()
    (folder / CONFIG).write_text(json.dumps(config))
    save_file(tensors, folder / WEIGHTS)
    return folder


def test_a_saved_adapter_worn_again_is_the_trained_one(base: Path, tmp_path: Path) -> None:
    network = toy.network_of(base)
    plain = logits(network)
    attach(network, rank=5, alpha=7, seed=0)
    toy.stir(network)
    trained = logits(network)
    save_adapter(network, tmp_path / "adapter", "tiny-base", None)
    assert sorted(p.name for p in tmp_path.rglob("*")) == ["adapter", CONFIG, WEIGHTS]
    fresh = toy.network_of(base)
    wear(fresh, tmp_path / "adapter")
    assert torch.equal(logits(fresh), trained)
    wear(fresh, None)
    assert torch.equal(logits(fresh), plain)


def test_the_config_names_base_and_layers(adapter: Path) -> None:
    config = json.loads((adapter / CONFIG).read_text())
    assert (config["r"], config["lora_alpha"], config["bias"]) == (4, 8, "none")
    assert (config["base_model_name_or_path"], config["revision"]) == ("tiny-base", "abc")
    assert config["target_modules"] == ["down_proj", "gate_proj", "k_proj", "o_proj", "q_proj", "up_proj", "v_proj"]


def test_adapters_change_places_and_are_not_read_twice(base: Path, adapter: Path, tmp_path: Path) -> None:
    def double(config: dict[str, Any], tensors: Tensors) -> None:
        config["lora_alpha"] *= 2

    other = changed(adapter, tmp_path / "other", double)
    network = toy.network_of(base)
    wear(network, adapter)
    first, layers = logits(network), dict(lora_layers(network))
    wear(network, adapter)
    assert all(layers[name] is layer for name, layer in lora_layers(network))
    wear(network, other)
    assert not torch.allclose(logits(network), first)
    assert not any(parameter.requires_grad for _, layer in lora_layers(network) for parameter in layer.parameters())
    wear(network, adapter)
    assert torch.equal(logits(network), first)


def test_layers_under_training_come_off_for_the_bare_base(base: Path) -> None:
    network = toy.network_of(base)
    attach(network, rank=2, alpha=4, seed=0)
    wear(network, None)
    assert not list(lora_layers(network))


def test_rslora_scales_by_the_root_of_the_rank(base: Path, adapter: Path, tmp_path: Path) -> None:
    def rooted(config: dict[str, Any], tensors: Tensors) -> None:
        config["use_rslora"] = True

    network = toy.network_of(base)
    wear(network, changed(adapter, tmp_path / "rooted", rooted))
    assert {layer.scale for _, layer in lora_layers(network)} == {8 / 2}
    wear(network, adapter)
    assert {layer.scale for _, layer in lora_layers(network)} == {8 / 4}


UNPLAIN = [
    {"use_dora": True},
    {"modules_to_save": ["lm_head"]},
    {"bias": "all"},
    {"bias": "lora_only"},
    {"alpha_pattern": {"q_proj": 3}},
    {"lora_bias": True},
    {"trainable_token_indices": [1]},
    {"target_parameters": ["experts.down_proj"]},
    {"layer_replication": [[0, 2]]},
    {"alora_invocation_tokens": [5]},
    {"init_lora_weights": "pissa"},
    {"init_lora_weights": "olora"},
    {"peft_type": "IA3"},
    {"lora_alpha": None},
]


@pytest.mark.parametrize("unplain", UNPLAIN, ids=str)
def test_what_is_not_plain_lora_is_refused(unplain: dict[str, Any], base: Path, adapter: Path, tmp_path: Path) -> None:
    network = toy.network_of(base)
    plain = logits(network)
    folder = changed(adapter, tmp_path / "unplain", lambda config, _: config.update(unplain))
    with pytest.raises(ModelError) as caught:
        wear(network, folder)
    assert str(folder) in caught.value.what and "not a plain LoRA" in caught.value.what
    [(key, value)] = unplain.items()
    assert (value if key == "peft_type" else key) in caught.value.why
    assert torch.equal(logits(network), plain)


def test_tensors_beside_a_and_b_are_refused_not_passed_over(base: Path, adapter: Path, tmp_path: Path) -> None:
    name = "base_model.model.model.embed_tokens.lora_embedding_A"
    folder = changed(adapter, tmp_path / "more", lambda _, tensors: tensors.update({name: torch.zeros(4, 320)}))
    with pytest.raises(ModelError, match="embed_tokens"):
        wear(toy.network_of(base), folder)


LAYER = "model.layers.0.mlp.up_proj"
PLACE = f"base_model.model.{LAYER}"


def _rename(config: dict[str, Any], tensors: Tensors) -> None:
    for part in ("lora_A", "lora_B"):
        tensors[f"{PLACE}_of_another.{part}.weight"] = tensors.pop(f"{PLACE}.{part}.weight")


def _drop_b(config: dict[str, Any], tensors: Tensors) -> None:
    del tensors[f"{PLACE}.lora_B.weight"]


def _other_rank(config: dict[str, Any], tensors: Tensors) -> None:
    tensors[f"{PLACE}.lora_B.weight"] = torch.zeros(64, 3)


def _narrow(config: dict[str, Any], tensors: Tensors) -> None:
    tensors[f"{PLACE}.lora_A.weight"] = torch.zeros(4, 31)


@pytest.mark.parametrize("change", [_rename, _drop_b, _other_rank, _narrow])
def test_a_layer_that_does_not_fit_is_named(
    change: Callable[[dict[str, Any], Tensors], None], base: Path, adapter: Path, tmp_path: Path
) -> None:
    with pytest.raises(ModelError) as caught:
        wear(toy.network_of(base), changed(adapter, tmp_path / "unfit", change))
    assert LAYER in caught.value.why and "tiny-base" in caught.value.fix


def test_another_base_is_refused_by_layer(adapter: Path, tmp_path: Path) -> None:
    other = toy.network_of(tiny.save_model(tmp_path / "wide", hidden_size=64))
    with pytest.raises(ModelError, match=r"model\.layers\.0\.mlp\.down_proj"):
        wear(other, adapter)
    phi = toy.network_of(tiny.save_model(tmp_path / "phi", "phi3"))
    with pytest.raises(ModelError, match="gate_proj"):
        wear(phi, adapter)


def test_an_adapter_without_layers_is_refused(base: Path, adapter: Path, tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="is empty"):
        wear(toy.network_of(base), changed(adapter, tmp_path / "empty", lambda _, tensors: tensors.clear()))


@pytest.mark.parametrize(
    "name, content",
    [
        (CONFIG, b"{"),
        (CONFIG, b"\xff\xfe"),
        (CONFIG, b"[1]"),
        (CONFIG, None),
        (WEIGHTS, b"no tensors"),
        (WEIGHTS, None),
    ],
)
def test_a_broken_folder_is_an_error_that_says_what_belongs_there(
    name: str, content: bytes | None, base: Path, adapter: Path, tmp_path: Path
) -> None:
    folder = changed(adapter, tmp_path / "broken", lambda *_: None)
    if content is None:
        (folder / name).unlink()
    else:
        (folder / name).write_bytes(content)
    with pytest.raises(ModelError, match="no readable adapter") as caught:
        wear(toy.network_of(base), folder)
    assert CONFIG in caught.value.fix and WEIGHTS in caught.value.fix
