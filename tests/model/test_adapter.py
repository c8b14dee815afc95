"""Adapter folders: saved atomically, read back, and rejected if they are not plain LoRA."""

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
from gradschool.model.adapter import WEIGHTS, save_adapter
from gradschool.model.kinds import ADAPTER
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
    config, tensors = json.loads((adapter / ADAPTER).read_text()), load_file(adapter / WEIGHTS)
    change(config, tensors)
    folder.mkdir()
    (folder / ADAPTER).write_text(json.dumps(config))
    save_file(tensors, folder / WEIGHTS)
    return folder


def test_a_saved_adapter_is_the_trained_one(base: Path, tmp_path: Path) -> None:
    network = toy.network_of(base)
    plain = logits(network)
    attach(network, rank=5, alpha=7, seed=0)
    toy.stir(network)
    trained = logits(network)
    save_adapter(network, tmp_path / "adapter", "tiny-base", None)
    assert sorted(p.name for p in tmp_path.rglob("*")) == ["adapter", ADAPTER, WEIGHTS]
    fresh = toy.network_of(base)
    assert torch.equal(logits(fresh), plain)
    assert torch.equal(logits(toy.apply_adapter(fresh, tmp_path / "adapter")), trained)


def test_the_config_names_base_and_layers(adapter: Path) -> None:
    config = json.loads((adapter / ADAPTER).read_text())
    assert (config["r"], config["lora_alpha"], config["bias"]) == (4, 8, "none")
    assert (config["base_model_name_or_path"], config["revision"]) == ("tiny-base", "abc")
    assert config["target_modules"] == ["down_proj", "gate_proj", "k_proj", "o_proj", "q_proj", "up_proj", "v_proj"]


def test_rslora_scales_by_the_root_of_the_rank(base: Path, adapter: Path, tmp_path: Path) -> None:
    def rooted(config: dict[str, Any], tensors: Tensors) -> None:
        config["use_rslora"] = True

    for folder, scale in ((changed(adapter, tmp_path / "rooted", rooted), 8 / 2), (adapter, 8 / 4)):
        network = toy.apply_adapter(toy.network_of(base), folder)
        assert {layer.scale for _, layer in lora_layers(network)} == {scale}


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
def test_adapters_that_are_not_plain_lora_are_rejected(
    unplain: dict[str, Any], base: Path, adapter: Path, tmp_path: Path
) -> None:
    network = toy.network_of(base)
    plain = logits(network)
    folder = changed(adapter, tmp_path / "unplain", lambda config, _: config.update(unplain))
    with pytest.raises(ModelError) as caught:
        toy.apply_adapter(network, folder)
    assert str(folder) in caught.value.what and "not a plain LoRA" in caught.value.what
    [(key, value)] = unplain.items()
    assert (value if key == "peft_type" else key) in caught.value.why
    assert torch.equal(logits(network), plain)


def test_tensors_other_than_a_and_b_are_rejected(base: Path, adapter: Path, tmp_path: Path) -> None:
    name = "base_model.model.model.embed_tokens.lora_embedding_A"
    folder = changed(adapter, tmp_path / "more", lambda _, tensors: tensors.update({name: torch.zeros(4, 320)}))
    with pytest.raises(ModelError, match="embed_tokens"):
        toy.apply_adapter(toy.network_of(base), folder)


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


def _scalar(config: dict[str, Any], tensors: Tensors) -> None:
    tensors[f"{PLACE}.lora_A.weight"] = torch.tensor(1.0)


def _no_rank(config: dict[str, Any], tensors: Tensors) -> None:
    tensors[f"{PLACE}.lora_A.weight"], tensors[f"{PLACE}.lora_B.weight"] = torch.zeros(0, 32), torch.zeros(64, 0)


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -float("inf")])
def test_weights_that_are_not_finite_are_refused(value: float, base: Path, adapter: Path, tmp_path: Path) -> None:
    def spoil(config: dict[str, Any], tensors: Tensors) -> None:
        tensors[f"{PLACE}.lora_B.weight"][1, 1] = value

    with pytest.raises(ModelError, match="not finite") as caught:
        toy.apply_adapter(toy.network_of(base), changed(adapter, tmp_path / "spoiled", spoil))
    assert LAYER in caught.value.why


def test_an_update_that_is_not_finite_is_refused(base: Path, adapter: Path, tmp_path: Path) -> None:
    def spoil(config: dict[str, Any], tensors: Tensors) -> None:
        for part in ("lora_A", "lora_B"):
            tensors[f"{PLACE}.{part}.weight"].fill_(1e30)

    with pytest.raises(ModelError, match="not finite") as caught:
        toy.apply_adapter(toy.network_of(base), changed(adapter, tmp_path / "spoiled", spoil))
    assert LAYER in caught.value.why


@pytest.mark.parametrize("dtype", [torch.int64, torch.complex64, torch.float8_e4m3fn])
def test_other_number_formats_are_refused(dtype: torch.dtype, base: Path, adapter: Path, tmp_path: Path) -> None:
    def spoil(config: dict[str, Any], tensors: Tensors) -> None:
        tensors[f"{PLACE}.lora_A.weight"] = tensors[f"{PLACE}.lora_A.weight"].to(dtype)

    with pytest.raises(ModelError, match="another number format"):
        toy.apply_adapter(toy.network_of(base), changed(adapter, tmp_path / "spoiled", spoil))


@pytest.mark.parametrize("alpha", [float("nan"), float("inf"), -(10**400), 1e30])
def test_a_scale_that_is_not_finite_is_refused(alpha: float, base: Path, adapter: Path, tmp_path: Path) -> None:
    spoiled = changed(adapter, tmp_path / "spoiled", lambda config, _: config.update(lora_alpha=alpha))
    with pytest.raises(ModelError, match="lora_alpha"):
        toy.apply_adapter(toy.network_of(base), spoiled)


@pytest.mark.parametrize("change", [_rename, _drop_b, _other_rank, _narrow, _scalar, _no_rank])
def test_a_layer_that_does_not_fit_is_named(
    change: Callable[[dict[str, Any], Tensors], None], base: Path, adapter: Path, tmp_path: Path
) -> None:
    with pytest.raises(ModelError) as caught:
        toy.apply_adapter(toy.network_of(base), changed(adapter, tmp_path / "unfit", change))
    assert LAYER in caught.value.why and "tiny-base" in caught.value.fix


def test_an_adapter_of_another_base_is_rejected_by_layer(adapter: Path, tmp_path: Path) -> None:
    other = toy.network_of(tiny.save_model(tmp_path / "wide", hidden_size=64))
    with pytest.raises(ModelError, match=r"model\.layers\.0\.mlp\.down_proj"):
        toy.apply_adapter(other, adapter)
    phi = toy.network_of(tiny.save_model(tmp_path / "phi", "phi3"))
    with pytest.raises(ModelError, match="gate_proj"):
        toy.apply_adapter(phi, adapter)


def test_an_adapter_without_layers_is_rejected(base: Path, adapter: Path, tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="is empty"):
        toy.apply_adapter(
            toy.network_of(base), changed(adapter, tmp_path / "empty", lambda _, tensors: tensors.clear())
        )


@pytest.mark.parametrize(
    "name, content",
    [
        (ADAPTER, b"{"),
        (ADAPTER, b"\xff\xfe"),
        (ADAPTER, b"[1]"),
        (ADAPTER, b"[" * 100_000),
        (ADAPTER, None),
        (WEIGHTS, b"no tensors"),
        (WEIGHTS, None),
    ],
)
def test_a_broken_folder_is_an_error_that_names_the_expected_files(
    name: str, content: bytes | None, base: Path, adapter: Path, tmp_path: Path
) -> None:
    folder = changed(adapter, tmp_path / "broken", lambda *_: None)
    if content is None:
        (folder / name).unlink()
    else:
        (folder / name).write_bytes(content)
    with pytest.raises(ModelError, match="no readable adapter") as caught:
        toy.apply_adapter(toy.network_of(base), folder)
    assert ADAPTER in caught.value.fix and WEIGHTS in caught.value.fix
