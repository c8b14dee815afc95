"""Headers of files of safetensors from others: damaged ones are errors that every reader expects."""

import json
import os
import struct
from pathlib import Path
from typing import Any

import pytest

from gradschool.model.safetensors_header import tensors_of

TENSOR = {"dtype": "F32", "shape": [2, 3], "data_offsets": [0, 24]}


def written(path: Path, header: Any) -> Path:
    content = json.dumps(header).encode()
    path.write_bytes(struct.pack("<Q", len(content)) + content)
    return path


def test_tensors_without_the_metadata(tmp_path: Path) -> None:
    header = {"__metadata__": {"format": "pt"}, "a": TENSOR}
    assert tensors_of(written(tmp_path / "x.safetensors", header)) == {"a": TENSOR}
    assert tensors_of(written(tmp_path / "x.safetensors", {})) == {}


@pytest.mark.parametrize(
    "header",
    [
        *([1], "x", None, {"a": 1}, {"a": {}}, {"a": {**TENSOR, "shape": 6}}, {"a": {**TENSOR, "shape": ["2"]}}),
        *({"a": {**TENSOR, "dtype": ["F32"]}}, {"a": {**TENSOR, "shape": [True]}}, {"a": {**TENSOR, "shape": None}}),
    ],
)
def test_a_damaged_header_is_a_value_error(header: Any, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"the header of x\.safetensors"):
        tensors_of(written(tmp_path / "x.safetensors", header))


def test_a_pipe_and_a_header_of_terabytes_are_not_read(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.safetensors")
    with pytest.raises(OSError):
        tensors_of(tmp_path / "pipe.safetensors")
    (tmp_path / "x.safetensors").write_bytes(struct.pack("<Q", 1 << 42) + b"{}")
    with pytest.raises(ValueError, match="no header"):
        tensors_of(tmp_path / "x.safetensors")
