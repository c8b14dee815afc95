"""The header of a file of safetensors: its tensors, with their shapes and types, without reading the weights."""

import struct
from pathlib import Path
from typing import Any

from gradschool.files import open_file
from gradschool.json_text import parse_json

MAX_HEADER = 100 << 20  # bytes


def tensors_of(path: Path) -> dict[str, dict[str, Any]]:
    """The tensors of a file by name, each with its "dtype" and "shape"; raises ValueError if its header is damaged."""
    with open_file(path) as file:
        start = file.read(8)
        length = struct.unpack("<Q", start)[0] if len(start) == 8 else MAX_HEADER + 1
        if length > MAX_HEADER:
            raise ValueError(f"{path.name} has no header of safetensors")
        header = parse_json(file.read(length).decode())
    if not isinstance(header, dict):
        raise ValueError(f"the header of {path.name} is not an object")
    tensors = {name: one for name, one in header.items() if name != "__metadata__"}
    if not all(map(_is_tensor, tensors.values())):
        raise ValueError(f"the header of {path.name} does not describe tensors")
    return tensors


def _is_tensor(value: Any) -> bool:
    if not isinstance(value, dict) or not isinstance(value.get("dtype"), str):
        return False
    shape = value.get("shape")
    return isinstance(shape, list) and all(type(size) is int for size in shape)
