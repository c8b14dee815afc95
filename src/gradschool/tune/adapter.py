"""Adapters on disk, in PEFT's format: adapter_config.json and adapter_model.safetensors."""

import json
import math
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save
from torch import Tensor, nn
from transformers import PreTrainedModel

from gradschool.errors import ModelError
from gradschool.files import new_folder, read_json, write_bytes, write_json
from gradschool.tune.lora import LoraLinear, detach, lora_layers

CONFIG, WEIGHTS = "adapter_config.json", "adapter_model.safetensors"
PREFIX = "base_model.model."
UNSUPPORTED = (
    "use_dora",
    "modules_to_save",
    "alpha_pattern",
    "trainable_token_indices",
    "target_parameters",
    "lora_bias",
)


def save_adapter(network: PreTrainedModel, folder: Path, base_name: str, revision: str | None) -> None:
    """Write a network's LoRA layers as a PEFT folder, whole or not at all."""
    layers = dict(lora_layers(network))
    rank = next(iter(layers.values())).lora_a.shape[0]
    scale = next(iter(layers.values())).scale
    with new_folder(folder) as temporary:
        write_json(temporary / CONFIG, peft_config(sorted(layers), rank, round(scale * rank), base_name, revision))
        write_bytes(temporary / WEIGHTS, save(adapter_tensors(layers), {"format": "pt"}))


def adapter_tensors(layers: dict[str, LoraLinear]) -> dict[str, Tensor]:
    """A and B of each layer under the names that PEFT gives them."""
    tensors = {}
    for name, layer in layers.items():
        tensors[f"{PREFIX}{name}.lora_A.weight"] = layer.lora_a.detach().cpu().contiguous()
        tensors[f"{PREFIX}{name}.lora_B.weight"] = layer.lora_b.detach().cpu().contiguous()
    return tensors


def peft_config(names: list[str], rank: int, alpha: int, base_name: str, revision: str | None) -> dict[str, Any]:
    """The adapter_config.json of a plain LoRA; `alpha` is whole, since Ollama reads nothing else."""
    return {
        "peft_type": "LORA",
        "task_type": "CAUSAL_LM",
        "base_model_name_or_path": base_name,
        "revision": revision,
        "inference_mode": True,
        "r": rank,
        "lora_alpha": alpha,
        "lora_dropout": 0.0,
        "target_modules": sorted({name.rpartition(".")[2] for name in names}),
        "exclude_modules": None,
        "modules_to_save": None,
        "bias": "none",
        "fan_in_fan_out": False,
        "use_rslora": False,
        "use_dora": False,
        "init_lora_weights": True,
        "rank_pattern": {},
        "alpha_pattern": {},
        "layers_to_transform": None,
        "layers_pattern": None,
        "auto_mapping": None,
    }


def wear(network: PreTrainedModel, folder: Path | None) -> None:
    """Make a network answer with the adapter in `folder`, or, with None, as the bare base.

    Cheap when it wears that adapter already. Raises ModelError for an adapter that does not fit or is not plain LoRA.
    """
    worn = next((layer.worn_from for _, layer in lora_layers(network) if isinstance(layer, WornLora)), None)
    if worn == folder and (folder is not None or not any(True for _ in lora_layers(network))):
        return
    detach(network)
    if folder is not None:
        for name, layer in read_adapter(network, folder).items():
            network.set_submodule(name, layer)


class WornLora(LoraLinear):
    """A LoRA layer that was read from a folder, and remembers which."""

    worn_from: Path | None = None


def read_adapter(network: PreTrainedModel, folder: Path) -> dict[str, LoraLinear]:
    """Read a PEFT folder into LoRA layers around the layers of `network` that it names."""
    try:
        config, tensors = read_json(folder / CONFIG), load_file(folder / WEIGHTS)
    except (OSError, json.JSONDecodeError, SafetensorError) as error:
        raise ModelError(
            f"{folder} holds no readable adapter.", str(error), f"it needs {CONFIG} and {WEIGHTS}, as PEFT writes them."
        ) from error
    odd = [key for key in UNSUPPORTED if config.get(key)]
    if config.get("peft_type") != "LORA" or odd or config.get("bias", "none") != "none":
        raise ModelError(
            f"{folder} is not a plain LoRA adapter.",
            f"Its kind is {config.get('peft_type')!r}" + (f" with {', '.join(odd)}." if odd else "."),
            "use an adapter without these, or merge it into its base with the tool that made it.",
        )
    modules = dict(network.named_modules())
    layers: dict[str, LoraLinear] = {}
    for key in sorted(k for k in tensors if k.endswith(".lora_A.weight")):
        name = key.removeprefix(PREFIX).removesuffix(".lora_A.weight")
        lora_a, lora_b = tensors[key].float(), tensors.get(key.replace("lora_A", "lora_B"), torch.empty(0)).float()
        base = modules.get(name)
        if not isinstance(base, nn.Linear) or (*lora_b.shape[:1], *lora_a.shape[1:]) != base.weight.shape:
            raise ModelError(
                f"The adapter in {folder} does not fit this base model.",
                f"Layer {name!r} is missing there or has another shape.",
                f"use the base it was trained on: {config.get('base_model_name_or_path')!r}.",
            )
        rank = lora_a.shape[0]
        scale = config["lora_alpha"] / (math.sqrt(rank) if config.get("use_rslora") else rank)
        device = base.weight.device
        layer = WornLora(base, lora_a.to(device), lora_b.to(device), scale).requires_grad_(False)
        layer.worn_from = folder
        layers[name] = layer
    if not layers:
        raise ModelError(f"The adapter in {folder} is empty.", "It names no LoRA layer.", "train it again.")
    return layers
