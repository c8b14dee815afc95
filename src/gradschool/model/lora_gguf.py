"""A LoRA adapter as a GGUF file, for llama.cpp over a GGUF file of its base.

Legend: O outputs, I inputs, R rank.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import gguf
from torch import Tensor

from gradschool.errors import ModelError
from gradschool.files import disk_errors
from gradschool.model.adapter import read_matrices
from gradschool.model.gguf_file import GgufFile
from gradschool.model.gguf_layout import ARCHITECTURES, arranged


@dataclass(frozen=True, slots=True)
class About:
    """The origin of a GGUF file, for its metadata."""

    name: str
    base: str
    base_revision: str = ""
    description: str = ""


class Layer(Protocol):
    """A LoRA layer: A (R, I), B (O, R), and the scale of their product."""

    @property
    def lora_a(self) -> Tensor:
        """(R, I)."""
        ...

    @property
    def lora_b(self) -> Tensor:
        """(O, R)."""
        ...

    @property
    def scale(self) -> float:
        """The factor of B A."""
        ...


@dataclass(frozen=True, slots=True)
class Sizes:
    """What the layout of an adapter depends on, by the names in a network's config."""

    model_type: str
    num_hidden_layers: int
    num_attention_heads: int
    num_key_value_heads: int


def convert_lora(adapter: Path, base: GgufFile, path: Path, about: About) -> None:
    """Write an adapter in PEFT's format as a GGUF adapter for the GGUF file of its base.

    Raises ModelError if it does not fit the file, or if its family's layout in GGUF is not known here.
    """
    layers, sizes = read_matrices(adapter).layers, sizes_of(base)
    shapes = {tensor.name: tensor.shape for part in base.parts for tensor in part.tensors}
    for name, found in _names(sizes, layers).items():
        layer = layers[name]
        if shapes.get(found) != (layer.lora_b.shape[0], layer.lora_a.shape[1]):
            raise ModelError(
                f"The adapter in {adapter} does not fit {base.name}.",
                f"Its layer {name!r} is for a tensor {found} of {layer.lora_b.shape[0]} × {layer.lora_a.shape[1]} "
                f"numbers; that of the file: {' × '.join(map(str, shapes.get(found, ()))) or 'there is none'}.",
                "use the file that it was trained on.",
            )
    write_lora_gguf(sizes, layers, path, about)


def sizes_of(base: GgufFile) -> Sizes:
    """The sizes of the network in a GGUF file; raises ModelError for a family whose layout is not known here."""
    family, header = base.first.architecture, base.first
    kinds = {gguf.MODEL_ARCH_NAMES[arch]: kind for kind, arch in reversed(ARCHITECTURES.items())}
    if family not in kinds:
        raise ModelError(
            f"llama.cpp cannot apply an adapter to {base.name}.",
            f"It is of the family {family!r}; how an adapter for llama.cpp is laid out is known for "
            f"{', '.join(sorted(kinds))}.",
            "leave out --runtime llama.",
        )
    heads = header.number(f"{family}.attention.head_count")
    return Sizes(
        kinds[family],
        header.number(f"{family}.block_count"),
        heads,
        header.number(f"{family}.attention.head_count_kv") or heads,
    )


def write_lora_gguf(config: Any, layers: Mapping[str, Layer], path: Path, about: About) -> None:
    """Write LoRA layers as a GGUF adapter for llama.cpp; `config` is that of the base, or its `Sizes`."""
    arch = ARCHITECTURES[config.model_type]
    writer = gguf.GGUFWriter(path, gguf.MODEL_ARCH_NAMES[arch])
    writer.add_type(gguf.GGUFType.ADAPTER)
    write_about(writer, about, strips=False)
    writer.add_string(gguf.Keys.Adapter.TYPE, "lora")
    some = next(iter(layers.values()))
    ranks = {layer.lora_a.shape[0] for layer in layers.values()}
    scales = {layer.scale for layer in layers.values()}
    if len(ranks) > 1 or len(scales) > 1:
        raise ModelError(
            "This adapter cannot be written as GGUF.", "Its layers differ in rank or alpha.", "export --to gguf."
        )
    writer.add_float32(gguf.Keys.Adapter.LORA_ALPHA, some.scale * some.lora_a.shape[0])
    for name, array in _lora_tensors(config, layers):
        writer.add_tensor(name, array)
    with disk_errors(path):
        try:
            writer.write_header_to_file()
            writer.write_kv_data_to_file()
            writer.write_tensors_to_file()
        finally:
            writer.close()


def _lora_tensors(config: Any, layers: Mapping[str, Layer]) -> Iterator[tuple[str, Any]]:
    for name, found in _names(config, layers).items():
        layer = layers[name]
        b = arranged(config, f"{name}.weight", layer.lora_b.detach())
        yield f"{found}.lora_a", layer.lora_a.detach().cpu().float().contiguous().numpy()
        yield f"{found}.lora_b", b.cpu().float().contiguous().numpy()


def _names(config: Any, layers: Iterable[str]) -> dict[str, str]:
    """The name in GGUF of the weight of each layer; raises ModelError for a layer without one."""
    names = gguf.get_tensor_name_map(ARCHITECTURES[config.model_type], config.num_hidden_layers)
    found = {layer: names.get_name(layer) for layer in layers}
    for layer, name in found.items():
        if name is None:
            raise ModelError(f"llama.cpp has no name for the layer {layer}.", "", "export --to merged.")
    return {layer: f"{name}.weight" for layer, name in found.items()}


def write_about(writer: gguf.GGUFWriter, about: About, strips: bool) -> None:
    """Write where a file is from; `strips`: llama.cpp is to drop spaces after control tokens, as for Phi-3."""
    # llama.cpp drops spaces after control tokens only if the name contains "phi-3".
    name = about.name.replace("hi-3", "hi 3").replace("hi3", "hi 3").replace("HI-3", "HI 3").replace("HI3", "HI 3")
    writer.add_name(f"{name} (Phi-3)" if strips else name)
    writer.add_finetune(about.name)
    if about.description:
        writer.add_description(about.description)
    base = about.base.rstrip("/").rpartition("/")[2]
    writer.add_basename(base)
    writer.add_base_model_count(1)
    writer.add_base_model_name(0, base)
    if about.base_revision:
        writer.add_base_model_version(0, about.base_revision)
