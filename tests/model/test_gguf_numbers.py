"""The numbers in GGUF files, in every type that can be read, and files that cannot be."""

from pathlib import Path

import gguf
import numpy as np
import pytest
import torch
from gguf import GGML_QUANT_SIZES, GGMLQuantizationType
from transformers.integrations.gguf.dequant import GGML_BLOCK, dequantize

from gradschool.errors import ModelError
from gradschool.model.gguf_file import read_gguf
from gradschool.model.gguf_header import Header, Tensor
from gradschool.model.gguf_numbers import numbers_of, readable_types, refuse_types

ROWS = 3


def with_type(path: Path, kind: GGMLQuantizationType) -> tuple[Header, Tensor, np.ndarray]:
    """A file with one tensor of a type, of two blocks in each row; its header, and the bytes of the tensor."""
    _, size = GGML_QUANT_SIZES[kind]
    content = np.random.default_rng(int(kind)).integers(0, 256, (ROWS, 2 * size), dtype=np.uint8)
    writer = gguf.GGUFWriter(path, "llama")
    writer.add_token_list(["a"])
    writer.add_tensor("blk.0.weight", content, raw_dtype=kind)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    header = read_gguf(path).first
    return header, header.tensors[0], content


def test_all_types_of_language_models_can_be_read() -> None:
    names = {kind.name for kind in readable_types()}
    assert {
        "F32",
        "F16",
        "BF16",
        "Q4_0",
        "Q4_1",
        "Q5_0",
        "Q5_1",
        "Q8_0",
        "Q2_K",
        "Q3_K",
        "Q4_K",
        "Q5_K",
        "Q6_K",
    } < names
    assert {"IQ1_S", "IQ1_M", "IQ2_XXS", "IQ2_XS", "IQ2_S", "IQ3_XXS", "IQ3_S", "IQ4_NL", "IQ4_XS", "MXFP4"} < names


@pytest.mark.parametrize("kind", readable_types(), ids=lambda kind: kind.name)
def test_numbers_are_those_of_another_reader(kind: GGMLQuantizationType, tmp_path: Path) -> None:
    header, tensor, content = with_type(tmp_path / "x.gguf", kind)
    found = numbers_of(header, tensor)
    assert found.shape == (ROWS, 2 * GGML_QUANT_SIZES[kind][0]) and found.dtype == np.float32
    if kind in GGML_BLOCK:
        other = dequantize(torch.from_numpy(content), int(kind)).reshape(found.shape).numpy()
    else:
        other = gguf.dequantize(content, kind)
    assert np.allclose(found, other, rtol=1e-3, atol=1e-3, equal_nan=True)


def test_types_that_cannot_be_read_are_named(tmp_path: Path) -> None:
    header, _, _ = with_type(tmp_path / "x.gguf", GGMLQuantizationType.I32)
    with pytest.raises(ModelError, match="of the type I32, which cannot be read") as caught:
        refuse_types([header])
    assert "Q4_K" in caught.value.why and "blk.0.weight" in caught.value.why


def test_a_file_that_became_shorter_is_an_error(tmp_path: Path) -> None:
    header, tensor, _ = with_type(tmp_path / "x.gguf", GGMLQuantizationType.Q8_0)
    (tmp_path / "x.gguf").write_bytes((tmp_path / "x.gguf").read_bytes()[:-40])
    with pytest.raises(ModelError, match="changed while it was read"):
        numbers_of(header, tensor)
