"""The weights of a GGUF file, written tensor by tensor into files of safetensors; a conversion that was killed goes on.

Each file of weights gets its name when it is complete and on the disk. The plan of which tensor goes where follows from
the GGUF file alone, so that the next process finds what is done.
"""

from collections.abc import Callable
from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from transformers import PreTrainedConfig, PreTrainedModel
from transformers.modeling_gguf_pytorch_utils import TENSOR_PROCESSORS, TensorProcessor, get_gguf_hf_weights_map

from gradschool.errors import ModelError
from gradschool.files import new_path, write_json
from gradschool.model.gguf_file import GgufFile
from gradschool.model.gguf_header import Header
from gradschool.model.gguf_header import Tensor as Stored
from gradschool.model.gguf_numbers import changed, numbers_of
from gradschool.model.gguf_rope import TENSORS as ROPE
from gradschool.model.memory import without_weights
from gradschool.model.weights import INDEX
from gradschool.records import Progress, Work

SHARD = 1 << 30  # bytes of a file of weights, unless one tensor is larger
ONLY, ONE_OF = "model.safetensors", "model-{:05}-of-{:05}.safetensors"
IGNORED = (*ROPE, ".attn_rot_embd.weight")  # by the ends of names; they are in the config


@dataclass(frozen=True, slots=True)
class Weight:
    """One parameter of the network, and the tensors of the file that it is made of (experts have several)."""

    name: str
    shape: tuple[int, ...]
    parts: tuple[tuple[Header, Stored], ...]


def write_weights(
    file: GgufFile,
    config: PreTrainedConfig,
    dtype: torch.dtype,
    folder: Path,
    is_unchanged: Callable[[], bool] = lambda: True,
) -> Work[None]:
    """Write the weights of a file into a folder, except those that an earlier call has written.

    `is_unchanged` says whether the file is still the one for which the folder is: only then weights that were read from
    it get their name, so that a later call finds no others. Raises ModelError for a file that was changed, with tensors
    that have no place in the network, or without some of its weights.
    """
    network, processor = without_weights(config, dtype), _processor(file, config)
    network.config.save_pretrained(folder)  # with the class and the number format
    shards = _shards(_planned(file, network, processor), dtype)
    total, done = sum(_bytes(weight, dtype) for shard in shards.values() for weight in shard), 0
    for name, shard in shards.items():
        size = sum(_bytes(weight, dtype) for weight in shard)
        if not _is_written(folder / name, shard, dtype):
            tensors = {}
            for weight in shard:
                tensors[weight.name] = _converted(weight, processor, file).to(dtype)
                done += _bytes(weight, dtype)
                yield Progress(f"converting {file.name}", done, total, "bytes")
            if not is_unchanged():
                raise changed(file.first)
            with new_path(folder / name) as target:
                save_file(tensors, target, metadata={"format": "pt"})
        else:
            done += size
            yield Progress(f"converting {file.name}", done, total, "bytes")
    if len(shards) > 1:
        where = {weight.name: name for name, shard in shards.items() for weight in shard}
        write_json(folder / INDEX, {"metadata": {"total_size": total}, "weight_map": where})


def _bytes(weight: Weight, dtype: torch.dtype) -> int:
    """The size of a converted weight."""
    return prod(weight.shape) * dtype.itemsize


def refuse_other_networks(file: GgufFile, config: PreTrainedConfig) -> None:
    """Raise ModelError if a tensor has no place in the network, or a weight of the network is in no tensor."""
    _planned(file, without_weights(config, torch.bfloat16), _processor(file, config))


def _processor(file: GgufFile, config: PreTrainedConfig) -> TensorProcessor:
    """What undoes how llama.cpp arranges the tensors of a family."""
    kind: Any = TENSOR_PROCESSORS.get(file.first.architecture, TensorProcessor)
    made: TensorProcessor = kind(config=config.to_dict())
    return made


def _planned(file: GgufFile, network: PreTrainedModel, processor: TensorProcessor) -> list[Weight]:
    """Which tensors make which weight, in the order of the network."""
    names: dict[str, str] = get_gguf_hf_weights_map(network, processor, model_type=file.first.architecture)
    parts: dict[str, list[tuple[Header, Stored]]] = {}
    for header in file.parts:
        for tensor in header.tensors:
            if tensor.name.endswith(IGNORED):
                continue
            target = names.get(tensor.name) or names.get(tensor.name.removesuffix(".weight"))
            if target is None:
                raise _other_network(file, f"The tensor {tensor.name} has no place in it.")
            parts.setdefault(target, []).append((header, tensor))
    shapes = {name: tuple(parameter.shape) for name, parameter in network.named_parameters()}
    if missing := [name for name in shapes if name not in parts]:
        raise _other_network(file, f"{len(missing)} of its weights are missing, such as {missing[0]}.")
    if extra := [name for name in parts if name not in shapes]:
        raise _other_network(file, f"The tensor {parts[extra[0]][0][1].name} has no place in it.")
    return [Weight(name, shape, tuple(parts[name])) for name, shape in shapes.items()]


def _shards(weights: list[Weight], dtype: torch.dtype) -> dict[str, list[Weight]]:
    groups: list[list[Weight]] = [[]]
    size = 0
    for weight in weights:
        more = _bytes(weight, dtype)
        if groups[-1] and size + more > SHARD:
            groups.append([])
            size = 0
        groups[-1].append(weight)
        size += more
    if len(groups) == 1:
        return {ONLY: groups[0]}
    return {ONE_OF.format(number, len(groups)): group for number, group in enumerate(groups, 1)}


def _is_written(path: Path, shard: list[Weight], dtype: torch.dtype) -> bool:
    """Whether a file of weights is there, with the tensors of the plan."""
    if not path.is_file():
        return False
    try:
        with safe_open(path, framework="pt") as file:
            found = {name: file.get_slice(name) for name in file.keys()}  # noqa: SIM118  # it is no dict
            return {name: (tuple(one.get_shape()), one.get_dtype()) for name, one in found.items()} == {
                weight.name: (weight.shape, {torch.float32: "F32", torch.bfloat16: "BF16"}[dtype]) for weight in shard
            }
    except (SafetensorError, OSError):
        return False


def _converted(weight: Weight, processor: TensorProcessor, file: GgufFile) -> torch.Tensor:
    """A weight as the network has it; `processor` undoes how llama.cpp arranges the tensors of a family."""
    made: dict[str, Any] = {"tensors": {}}
    last: Any = None
    for header, tensor in weight.parts:
        names = {tensor.name: weight.name, tensor.name.removesuffix(".weight"): weight.name}
        last = processor.process(
            weights=numbers_of(header, tensor), name=tensor.name, tensor_key_mapping=names, parsed_parameters=made
        ).weights
    values = made["tensors"].get(weight.name)
    found = torch.from_numpy(np.array(last)) if values is None else values
    if tuple(found.shape) != weight.shape:
        stored = weight.parts[0][1]
        raise _other_network(
            file, f"The tensor {stored.name} has the shape {tuple(found.shape)}, and {weight.shape} is expected."
        )
    if not torch.isfinite(found).all():
        raise ModelError(
            f"The weights in {file.first.path} are damaged.",
            f"The tensor {weight.parts[0][1].name} holds infinite or undefined numbers.",
            "download the file again, or name another one of the same model.",
        )
    return found.contiguous()


def _other_network(file: GgufFile, why: str) -> ModelError:
    return ModelError(
        f"The base in {file.first.path} cannot be converted.",
        f"It is no {file.first.architecture} network as transformers has it. {why}",
        "name the model as its makers published it (config.json and *.safetensors).",
    )
