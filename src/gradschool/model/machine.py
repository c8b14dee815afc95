"""The device and number format for this machine, each with the reason for it."""

import re
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import psutil
import torch

from gradschool.model.four_bits import in_four_bits

if TYPE_CHECKING:
    from transformers import PreTrainedModel

SMALL = 64 << 20  # bytes of weights


def choose_device() -> torch.device:
    """The fastest device of this machine that runs every model: CUDA, then MPS, then the CPU."""
    if torch.cuda.is_available():
        return torch.device("cuda")
    if torch.backends.mps.is_available():
        return torch.device("mps")
    return torch.device("cpu")


def choose_dtype(folder: Path, device: torch.device) -> tuple[torch.dtype, str]:
    """The number format to compute with a base in, and the reason."""
    return format_for(sum(path.stat().st_size for path in folder.glob("*.safetensors")), device)


def format_for(stored: int, device: torch.device) -> tuple[torch.dtype, str]:
    """The number format for a base with so many bytes of weights on disk, and the reason."""
    if stored <= SMALL:
        return torch.float32, "float32: the model is small, and exact numbers give the same answer in any batch"
    if device.type == "cuda":
        if torch.cuda.is_bf16_supported(including_emulation=False):
            return torch.bfloat16, "bfloat16: this GPU supports it"
        return torch.float16, "float16: this GPU does not support bfloat16"
    if device.type == "cpu" and cpu_has_bfloat16():
        return torch.bfloat16, "bfloat16: this CPU supports it, and is two to three times as fast as in float32"
    if 2 * stored <= 0.6 * psutil.virtual_memory().available:
        return torch.float32, "float32: this CPU does not support bfloat16"
    return torch.bfloat16, "bfloat16: float32 would not fit into memory"


def training_dtype(network: "PreTrainedModel") -> tuple[torch.dtype, str]:
    """The number format to train LoRA layers over a frozen network in, and the reason."""
    if network.dtype != torch.float32 or network.device.type != "cpu" or in_four_bits(network):
        return network.dtype, "the base's own"
    if not cpu_has_bfloat16():
        return network.dtype, "the base's own"
    if any(not torch.equal(weight.bfloat16().float(), weight) for weight in network.parameters()):
        return torch.float32, "the base's weights are not exact in bfloat16"
    return torch.bfloat16, "the base's weights are exact in it, and this CPU supports it"


@cache
def cpu_has_bfloat16() -> bool:
    """Whether the CPU has instructions for bfloat16."""
    # Without them it is emulated, many times slower than float32. torch has no public function for this.
    known = Path("/proc/cpuinfo")
    return (
        known.is_file() and re.search("amx_bf16|avx512_bf16|\\bbf16\\b", known.read_text(errors="replace")) is not None
    )
