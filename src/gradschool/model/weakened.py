"""A weaker copy of an adapter: what it changes in the base is multiplied by a factor below 1."""

from pathlib import Path

from safetensors.torch import load_file, save

from gradschool.files import new_folder, read_json, write_bytes, write_json
from gradschool.model.adapter import WEIGHTS
from gradschool.model.kinds import ADAPTER


def weaken(adapter: Path, folder: Path, factor: float) -> None:
    """Write a copy of an adapter in PEFT's format, with each B multiplied by `factor`.

    B is scaled and not alpha, which other programs read as an integer.
    """
    tensors = load_file(adapter / WEIGHTS)
    scaled = {name: factor * tensor if ".lora_B." in name else tensor for name, tensor in tensors.items()}
    with new_folder(folder) as temporary:
        write_json(temporary / ADAPTER, read_json(adapter / ADAPTER))
        write_bytes(temporary / WEIGHTS, save(scaled, {"format": "pt"}))
