"""GGUF files for llama.cpp and Ollama: a model in one of several number formats, or a LoRA adapter.

Legend: O outputs, I inputs, R rank.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import gguf
import numpy as np
from gguf import GGMLQuantizationType, LlamaFileType

from gradschool.errors import ModelError
from gradschool.export.families import ARCHITECTURES, architecture, arranged, embedding_rows, gguf_tensors, write_sizes
from gradschool.export.vocabulary import read_vocabulary
from gradschool.files import disk_errors
from gradschool.model.chat import Chat
from gradschool.records import Progress, Work
from gradschool.settings import NumberFormat

if TYPE_CHECKING:
    from transformers import PreTrainedModel

    from gradschool.model.lora import LoraLinear

# From small to large. The gguf package can write these formats; it can only read k-quants (q4_K, …).
FORMATS: dict[NumberFormat, tuple[GGMLQuantizationType, LlamaFileType]] = {
    "q4_0": (GGMLQuantizationType.Q4_0, LlamaFileType.MOSTLY_Q4_0),
    "q4_1": (GGMLQuantizationType.Q4_1, LlamaFileType.MOSTLY_Q4_1),
    "q5_0": (GGMLQuantizationType.Q5_0, LlamaFileType.MOSTLY_Q5_0),
    "q5_1": (GGMLQuantizationType.Q5_1, LlamaFileType.MOSTLY_Q5_1),
    "q8_0": (GGMLQuantizationType.Q8_0, LlamaFileType.MOSTLY_Q8_0),
    "f16": (GGMLQuantizationType.F16, LlamaFileType.MOSTLY_F16),
    "bf16": (GGMLQuantizationType.BF16, LlamaFileType.MOSTLY_BF16),
    "f32": (GGMLQuantizationType.F32, LlamaFileType.ALL_F32),
}
COARSE: tuple[NumberFormat, ...] = ("q4_0", "q4_1", "q5_0", "q5_1")
ENDS = ("token_embd.weight", "output.weight")


@dataclass(frozen=True, slots=True)
class About:
    """The origin of a GGUF file, for its metadata."""

    name: str
    base: str
    base_revision: str = ""
    description: str = ""


def write_gguf(
    network: "PreTrainedModel", chat: Chat, template: str, path: Path, number_format: NumberFormat, about: About
) -> Work[None]:
    """Write a network with its tokenizer and chat template, tensor by tensor.

    In the 4- and 5-bit formats, embedding and output layer use 8 bits, because they are most sensitive. Norms and
    biases are always float32; rows that are not a multiple of 32 long are float16. Raises ModelError if llama.cpp would
    compute something else.
    """
    arch = architecture(network.config)
    vocabulary = read_vocabulary(chat, embedding_rows(network))
    writer = gguf.GGUFWriter(path, gguf.MODEL_ARCH_NAMES[arch])
    writer.add_type(gguf.GGUFType.MODEL)
    _write_about(writer, about, vocabulary.strips)
    writer.add_size_label(size_label(network))
    writer.add_file_type(FORMATS[number_format][1])
    writer.add_quantization_version(gguf.GGML_QUANT_VERSION)
    write_sizes(writer, network.config)
    vocabulary.write(writer)
    writer.add_chat_template(template)
    with disk_errors(path):
        try:
            yield from _write_tensors(writer, network, number_format, path.name)
        finally:
            writer.close()


def _write_tensors(
    writer: gguf.GGUFWriter, network: "PreTrainedModel", number_format: NumberFormat, name: str
) -> Work[None]:
    planned = [
        (tensor_name, chosen_format(tensor_name, tuple(tensor.shape), number_format))
        for tensor_name, tensor in gguf_tensors(network)
    ]
    for (tensor_name, kind), (_, tensor) in zip(planned, gguf_tensors(network), strict=True):
        shape = gguf.quant_shape_to_byte_shape(tensor.shape, kind)
        plain = {GGMLQuantizationType.F32: np.float32, GGMLQuantizationType.F16: np.float16}.get(kind)
        if plain is None:
            writer.add_tensor_info(tensor_name, shape, np.dtype(np.uint8), math.prod(shape), raw_dtype=kind)
        else:
            dtype = np.dtype(plain)
            writer.add_tensor_info(tensor_name, tensor.shape, dtype, tensor.numel() * dtype.itemsize)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_ti_data_to_file()
    for done, ((_, kind), (_, tensor)) in enumerate(zip(planned, gguf_tensors(network), strict=True), 1):
        numbers = tensor.detach().cpu().float().contiguous().numpy()
        writer.write_tensor_data(gguf.quants.quantize(numbers, kind))
        yield Progress(f"writing {name}", done, len(planned), "tensors")


def chosen_format(name: str, shape: tuple[int, ...], number_format: NumberFormat) -> GGMLQuantizationType:
    """The number format of a tensor of shape (O, I) or (O,)."""
    if len(shape) == 1 or name.endswith("_norm.weight"):
        return GGMLQuantizationType.F32
    kind = FORMATS["q8_0" if number_format in COARSE and name in ENDS else number_format][0]
    block, _ = gguf.GGML_QUANT_SIZES[kind]
    return kind if shape[-1] % block == 0 else GGMLQuantizationType.F16


def write_lora_gguf(config: Any, layers: "dict[str, LoraLinear]", path: Path, about: About) -> None:
    """Write LoRA layers (A: (R, I), B: (O, R)) as a GGUF adapter for llama.cpp."""
    arch = ARCHITECTURES[config.model_type]
    writer = gguf.GGUFWriter(path, gguf.MODEL_ARCH_NAMES[arch])
    writer.add_type(gguf.GGUFType.ADAPTER)
    _write_about(writer, about, strips=False)
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


def _lora_tensors(config: Any, layers: "dict[str, LoraLinear]") -> Iterator[tuple[str, Any]]:
    name_of = gguf.get_tensor_name_map(ARCHITECTURES[config.model_type], config.num_hidden_layers)
    for name, layer in layers.items():
        found = name_of.get_name(name)
        if found is None:
            raise ModelError(f"llama.cpp has no name for the layer {name}.", "", "export --to merged.")
        b = arranged(config, f"{name}.weight", layer.lora_b.detach())
        yield f"{found}.weight.lora_a", layer.lora_a.detach().cpu().float().contiguous().numpy()
        yield f"{found}.weight.lora_b", b.cpu().float().contiguous().numpy()


def size_label(network: "PreTrainedModel") -> str:
    """The number of parameters as in file names, such as 7M."""
    label: str = gguf.size_label(sum(p.numel() for p in network.parameters()), 0, 0, 0)
    return label


def file_name(about: About, label: str, number_format: NumberFormat, lora: bool = False) -> str:
    """The file name by the GGUF naming convention: Base-Size-Specialist-FORMAT.gguf."""
    base = about.base.rstrip("/").rpartition("/")[2]
    name = about.name.replace("/", "-")
    kind: Literal["LoRA"] | None = "LoRA" if lora else None
    return f"{gguf.naming_convention(None, base, name, None, label, number_format, kind)}.gguf"


def _write_about(writer: gguf.GGUFWriter, about: About, strips: bool) -> None:
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
