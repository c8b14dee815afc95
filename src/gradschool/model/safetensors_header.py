"""The header of a file of safetensors: its tensors, with their shapes and types, without reading the weights."""

import struct
from pathlib import Path
from typing import Any

from gradschool.files import parse_json

MAX_HEADER = 100 << 20  # bytes


def tensors_of(path: Path) -> dict[str, dict[str, Any]]:
    """The tensors of a file by name, each with its "dtype" and "shape"; raises ValueError if its header is damaged."""
    with path.open("rb") as file:
        start = file.read(8)
        length = struct.unpack("<Q", start)[0] if len(start) == 8 else MAX_HEADER + 1
        if length > MAX_HEADER:
            raise ValueError(f"{path.name} has no header of safetensors")
        header = parse_json(file.read(length).decode())
    tensors = {name: tensor for name, tensor in header.items() if name != "__metadata__"} if header else {}
    if not all(isinstance(one, dict) and {"dtype", "shape"} <= one.keys() for one in tensors.values()):
        raise ValueError(f"the header of {path.name} does not describe tensors")
    return tensors
