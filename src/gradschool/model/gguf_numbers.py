"""The numbers of a tensor in a GGUF file, whatever type they are stored in."""

from collections.abc import Iterable
from functools import cache

import numpy as np
from gguf import GGML_QUANT_SIZES, GGMLQuantizationType, dequantize, quant_shape_to_byte_shape
from numpy.typing import NDArray

from gradschool.errors import ModelError
from gradschool.model.gguf_header import Header, Tensor, damaged


def numbers_of(header: Header, tensor: Tensor) -> NDArray[np.float32]:
    """The numbers that a tensor represents, in float32; raises ModelError if the file was changed meanwhile.

    The file is read and not mapped: a mapped one that becomes shorter would end the process.
    """
    with header.path.open("rb") as file:
        file.seek(header.start + tensor.offset)
        content = np.fromfile(file, dtype=np.uint8, count=tensor.bytes)
    if content.size != tensor.bytes:
        raise changed(header)
    rows = content.reshape(quant_shape_to_byte_shape(tensor.shape, tensor.kind))
    with np.errstate(all="ignore"):  # of scales that are no numbers
        values: NDArray[np.float32] = dequantize(rows, tensor.kind)
    return values


@cache
def readable_types() -> tuple[GGMLQuantizationType, ...]:
    """The types whose numbers can be read, as far as the installed gguf package knows them."""
    return tuple(kind for kind in GGML_QUANT_SIZES if _is_readable(kind))


def _is_readable(kind: GGMLQuantizationType) -> bool:
    _, size = GGML_QUANT_SIZES[kind]
    try:
        dequantize(np.zeros((1, size), dtype=np.uint8), kind)
    except NotImplementedError:
        return False
    return True


def refuse_types(headers: Iterable[Header]) -> None:
    """Raise ModelError for a file with numbers of a type that cannot be read, or with rows that end inside a block."""
    for header in headers:
        for tensor in header.tensors:
            if tensor.kind not in readable_types():
                names = ", ".join(kind.name for kind in readable_types())
                raise ModelError(
                    f"{header.path} holds numbers of the type {tensor.kind.name}, which cannot be read.",
                    f"The tensor {tensor.name} has it. The types that can be read are {names}.",
                    "name a file of the same model in another type, or the model as its makers published it.",
                )
            if not tensor.shape or tensor.shape[-1] % GGML_QUANT_SIZES[tensor.kind][0]:
                why = f"The rows of {tensor.name} {tensor.shape} are no whole blocks of {tensor.kind.name}."
                raise damaged(header.path, why)


def changed(header: Header) -> ModelError:
    """The error for a file that was changed while it was read."""
    return ModelError(
        f"{header.path} changed while it was read.",
        "Another program writes into it, removed it, or put another file in its place; nothing of it is kept.",
        "repeat the command when it is complete.",
    )
