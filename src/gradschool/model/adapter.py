"""Adapters on disk, in PEFT's format: adapter_config.json and adapter_model.safetensors."""

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save
from torch import Tensor, nn
from transformers import PreTrainedModel

from gradschool.errors import ModelError
from gradschool.files import new_folder, read_json, write_bytes, write_json
from gradschool.model.kinds import ADAPTER, BASE_KEY
from gradschool.model.lora import LoraLinear, lora_layers
from gradschool.model.seeing import eyes_in
from gradschool.model.sight import PLACE, sight_of
from gradschool.panics import Panic, panics_as_errors

WEIGHTS = "adapter_model.safetensors"
PREFIX = "base_model.model."
MAX_ALPHA = 1e9  # what is more, infinite, or no number makes noise of every answer
UNSUPPORTED = (
    "use_dora",
    "modules_to_save",
    "alpha_pattern",
    "trainable_token_indices",
    "target_parameters",
    "lora_bias",
    "layer_replication",
    "alora_invocation_tokens",
    "use_qalora",
    "use_bdlora",
    "kasa_config",
    "arrow_config",
)
FORMATS = (torch.float32, torch.bfloat16, torch.float16, torch.float64)
MAX_UPDATE = float(torch.finfo(torch.float32).max)  # of a weight, in absolute value
# Initializations that do not change the base's weights; others (PiSSA, OLoRA, …) do.
PLAIN_INITIALIZATIONS = (None, True, False, "gaussian", "eva", "orthogonal")


def save_adapter(network: PreTrainedModel, folder: Path, base_name: str, revision: str | None) -> None:
    """Write a network's LoRA layers as a PEFT folder, atomically."""
    inner, outer = places_of(network)
    layers = {in_base(network, name): layer for name, layer in lora_layers(network)}
    rank = next(iter(layers.values())).lora_a.shape[0]
    scale = next(iter(layers.values())).scale
    with new_folder(folder) as temporary:
        config = peft_config(sorted(layers), rank, round(scale * rank), base_name, revision)
        if inner != outer:  # a list of names would be of layers of the vision tower too
            names = "|".join(sorted({name.rpartition(".")[2] for name in layers if name.startswith(outer)}))
            others = [re.escape(name) for name in sorted(layers) if not name.startswith(outer)]
            config["target_modules"] = "|".join([rf"{re.escape(outer)}.*\.({names})", *others])
        write_json(temporary / ADAPTER, config)
        write_bytes(temporary / WEIGHTS, save(adapter_tensors(layers), {"format": "pt"}))


def places_of(network: PreTrainedModel) -> tuple[str, str]:
    """Where the decoder is in a network and where it is in its whole base, as the beginnings of names.

    They differ for a base that reads images: other programs load an adapter over all of it.
    """
    inner, eyes = f"{network.base_model_prefix}.", eyes_in(network)
    return (inner, f"{eyes.decoder}.") if eyes else (inner, inner)


def in_base(network: PreTrainedModel, name: str) -> str:
    """The name of a module of a network in its whole base."""
    inner, outer = places_of(network)
    if name.startswith(inner) and PLACE in name:
        return name.partition(PLACE)[2]
    return outer + name.removeprefix(inner)


def is_of_eyes(name: str) -> bool:
    """Whether a module of a network is one of its vision tower or projector."""
    return PLACE in name


def put_layers(network: PreTrainedModel, layers: Mapping[str, nn.Module]) -> None:
    """Put layers into a network, by the names that `read_adapter` gives them."""
    if any(map(is_of_eyes, layers)):
        sight_of(network)
    for name, layer in layers.items():
        network.set_submodule(name, layer)


def name_base(folder: Path, base_name: str) -> None:
    """Name the base of an adapter anew; nothing happens if it has that name."""
    config = read_json(folder / ADAPTER)
    if config.get(BASE_KEY) != base_name:
        write_json(folder / ADAPTER, config | {BASE_KEY: base_name})


def adapter_tensors(layers: dict[str, LoraLinear]) -> dict[str, Tensor]:
    """A and B of each layer, by their names in PEFT."""
    tensors = {}
    for name, layer in layers.items():
        tensors[f"{PREFIX}{name}.lora_A.weight"] = layer.lora_a.detach().cpu().contiguous()
        tensors[f"{PREFIX}{name}.lora_B.weight"] = layer.lora_b.detach().cpu().contiguous()
    return tensors


def peft_config(names: list[str], rank: int, alpha: int, base_name: str, revision: str | None) -> dict[str, Any]:
    """The adapter_config.json of a plain LoRA; `alpha` is an integer, since Ollama reads nothing else."""
    return {
        "peft_type": "LORA",
        "task_type": "CAUSAL_LM",
        BASE_KEY: base_name,
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


@dataclass(frozen=True, slots=True)
class LoraMatrices:
    """The trained part of one layer in float32: A (R, I), B (O, R), and the scale of their product."""

    lora_a: Tensor
    lora_b: Tensor
    scale: float


@dataclass(frozen=True, slots=True)
class AdapterFile:
    """A plain LoRA adapter as it is on disk: its layers by their names in the base, and the name of that base."""

    layers: dict[str, LoraMatrices]
    base: str


def read_adapter(network: PreTrainedModel, folder: Path) -> dict[str, LoraLinear]:
    """Read a PEFT folder as LoRA layers around the layers of `network` that it names.

    Raises ModelError if it cannot be read, is not plain LoRA or does not fit the network.
    """
    read, modules = read_matrices(folder), dict(network.named_modules())
    layers: dict[str, LoraLinear] = {}
    inner, outer = places_of(network)
    if eyes := eyes_in(network):  # an adapter may be over its vision tower too
        embedding = network.get_input_embeddings()
        seeing = f"{next(name for name, module in modules.items() if module is embedding)}.{PLACE}"
        modules |= {seeing + name: module for name, module in eyes.whole.named_modules() if not name.startswith(outer)}
    for written, one in read.layers.items():
        name = inner + written.removeprefix(outer) if written.startswith(outer) else written
        name = seeing + written if eyes and name not in modules else name
        base, rank = modules.get(name), len(one.lora_a)
        fits = isinstance(base, nn.Linear) and one.lora_b.shape == (base.out_features, rank)
        if not isinstance(base, nn.Linear) or not fits or one.lora_a.shape != (rank, base.in_features):
            raise ModelError(
                f"The adapter in {folder} does not fit this base model.",
                f"Layer {name!r} is missing in the base or has another shape.",
                f"use the base it was trained on: {read.base!r}.",
            )
        device = base.weight.device
        layer = LoraLinear(base, one.lora_a.to(device), one.lora_b.to(device), one.scale)
        layers[name] = layer.requires_grad_(False)
    return layers


def read_matrices(folder: Path) -> AdapterFile:
    """Read a PEFT folder without its base; raises ModelError if it cannot be read, or is not plain LoRA."""
    try:
        with panics_as_errors():
            config, tensors = dict(read_json(folder / ADAPTER)), load_file(folder / WEIGHTS)
    except (OSError, ValueError, KeyError, TypeError, RecursionError, SafetensorError, Panic) as error:
        raise ModelError(
            f"{folder} has no readable adapter.",
            f"{type(error).__name__}: {error}.",
            f"it needs {ADAPTER} and {WEIGHTS}, as PEFT writes them.",
        ) from error
    if unsupported := _unsupported(config, tensors):
        raise ModelError(
            f"{folder} is not a plain LoRA adapter.",
            f"Its kind is {config.get('peft_type')!r} with {', '.join(unsupported)}.",
            "use an adapter without these, or merge it into its base with the tool that trained it.",
        )
    if odd := [key for key, tensor in sorted(tensors.items()) if tensor.dtype not in FORMATS]:
        raise ModelError(
            f"The adapter in {folder} has weights in another number format.",
            f"{odd[0]!r} is in {tensors[odd[0]].dtype}; adapters are in float32, bfloat16, float16 or float64.",
            "convert it, or ask for another copy.",
        )
    if broken := [key for key, tensor in sorted(tensors.items()) if not torch.isfinite(tensor.float()).all()]:
        raise _not_finite(folder, f"{broken[0]!r} is the first of {len(broken)} such matrices")
    base, layers = str(config.get(BASE_KEY)), {}
    for key in sorted(k for k in tensors if k.endswith(".lora_A.weight")):
        name = key.removeprefix(PREFIX).removesuffix(".lora_A.weight")
        lora_a, lora_b = tensors[key].float(), tensors.get(key.replace("lora_A", "lora_B"), torch.empty(0)).float()
        flat = lora_a.dim() != 2 or lora_b.dim() != 2
        if flat or not lora_a.numel() or not lora_b.numel() or lora_b.shape[1] != len(lora_a):
            raise ModelError(
                f"The adapter in {folder} does not fit this base model.",
                f"Layer {name!r} has matrices of the shapes {tuple(lora_a.shape)} and {tuple(lora_b.shape)}.",
                f"use the base it was trained on: {base!r}.",
            )
        scale = config["lora_alpha"] / (math.sqrt(len(lora_a)) if config.get("use_rslora") else len(lora_a))
        if not abs(scale) * len(lora_a) * _largest(lora_a) * _largest(lora_b) < MAX_UPDATE:
            raise _not_finite(folder, f"the product of the matrices of {name!r} exceeds what float32 can hold")
        layers[name] = LoraMatrices(lora_a, lora_b, scale)
    if not layers:
        raise ModelError(f"The adapter in {folder} is empty.", "It has no LoRA layer.", "train it again.")
    return AdapterFile(layers, base)


def _largest(matrix: Tensor) -> float:
    return float(matrix.abs().max())


def _not_finite(folder: Path, why: str) -> ModelError:
    return ModelError(
        f"The adapter in {folder} has weights that are not finite numbers.",
        f"{why[0].upper()}{why[1:]}: every answer would be noise.",
        "train it again, or ask for another copy.",
    )


def _unsupported(config: dict[str, Any], tensors: dict[str, Tensor]) -> list[str]:
    """The parts of an adapter other than A and B of frozen linear layers."""
    found = [key for key in UNSUPPORTED if config.get(key)]
    if (bias := config.get("bias", "none")) != "none":
        found.append(f"bias = {bias!r}")
    if (initialization := config.get("init_lora_weights")) not in PLAIN_INITIALIZATIONS:
        found.append(f"init_lora_weights = {initialization!r}")
    if config.get("peft_type") != "LORA":
        found.append("other layers")
    elif not isinstance(alpha := config.get("lora_alpha"), (int, float)) or not abs(alpha) < MAX_ALPHA:
        found.append("no lora_alpha")
    return found + sorted(key for key in tensors if not key.endswith((".lora_A.weight", ".lora_B.weight")))[:3]
