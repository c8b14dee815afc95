"""GGUF files for llama.cpp and Ollama: a model in one of several number formats."""

import math
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import gguf
import numpy as np
from gguf import GGMLQuantizationType, LlamaFileType

from gradschool.export.families import architecture, embedding_rows, gguf_tensors, write_sizes
from gradschool.export.vocabulary import read_vocabulary
from gradschool.files import disk_errors
from gradschool.model.chat import Chat
from gradschool.model.gguf_header import EMBEDDING, OUTPUT
from gradschool.model.lora_gguf import About as About
from gradschool.model.lora_gguf import write_about
from gradschool.records import Progress, Work
from gradschool.settings import NumberFormat

if TYPE_CHECKING:
    from transformers import PreTrainedModel

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
ENDS = (EMBEDDING, OUTPUT)


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
    write_about(writer, about, vocabulary.strips)
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
