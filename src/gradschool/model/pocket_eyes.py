"""The built-in base that reads images: `pocket` with a vision tower, put together when it is first used.

Its folder has the tower, the projector and LoRA matrices of the language part; the other weights are those of `pocket`,
so that they are in the package once. The sum is computed in float64 and rounded once: it is the same on every machine.
"""

import shutil
from pathlib import Path
from typing import TYPE_CHECKING

from gradschool.errors import ModelError
from gradschool.files import cache_folder, new_folder, sha256, sha256_of, write_bytes
from gradschool.model.foreign import OWN_BASES
from gradschool.settings import BUILT_IN, SEEING

if TYPE_CHECKING:
    from torch import Tensor

POCKET = OWN_BASES / BUILT_IN
EYES = OWN_BASES / SEEING
WEIGHTS = "eyes.safetensors"
LORA = "lora."
TEXT = "model.language_model."  # the language part in the network
WHOLE = "model.safetensors"


def pocket_eyes_folder() -> Path:
    """The folder of the base, put together in the user's cache; raises ModelError if its parts are not installed."""
    if not (EYES / WEIGHTS).is_file() or not (POCKET / WHOLE).is_file():
        raise ModelError("The built-in model is missing.", f"{EYES} is not complete.", "install gradschool again.")
    parts = [sha256(file) for file in (POCKET / WHOLE, *sorted(_copied()), EYES / WEIGHTS)]
    folder = cache_folder("bases") / f"pocket-eyes-{sha256_of(parts)[:16]}"
    if not (folder / WHOLE).is_file():
        from safetensors.torch import save

        with new_folder(folder) as new:
            for file in _copied():
                shutil.copyfile(file, new / file.name)
            write_bytes(new / WHOLE, save(weights(), {"format": "pt"}))
    return folder


def built_in(name: str) -> Path | None:
    """The folder of a base that is part of the package; None for another name."""
    return {BUILT_IN: lambda: POCKET, SEEING: pocket_eyes_folder}[name]() if name in (BUILT_IN, SEEING) else None


def _copied() -> list[Path]:
    return [file for file in EYES.iterdir() if file.suffix in (".json", ".jinja") and file.name != "evaluation.json"]


def weights() -> "dict[str, Tensor]":
    """All weights of the network, by their names in transformers."""
    import torch
    from safetensors import safe_open
    from safetensors.torch import load_file

    new, base = load_file(EYES / WEIGHTS), load_file(POCKET / WHOLE)
    with safe_open(EYES / WEIGHTS, "pt") as file:
        scale = float(file.metadata()["lora_scale"])
    tensors = {name: tensor for name, tensor in new.items() if not name.startswith(LORA)}
    for name, tensor in base.items():
        module = name.removesuffix(".weight")
        a, b = (new.get(f"{LORA}{module}.lora_{part}") for part in ("a", "b"))
        if a is not None and b is not None:
            tensor = (tensor.double() + scale * (b.double() @ a.double())).to(torch.bfloat16)
        tensors[TEXT + name.removeprefix("model.")] = tensor.contiguous()
    return tensors
