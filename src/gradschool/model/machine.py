"""The device and number format for this machine, each with the reason for it."""

import re
from collections.abc import Callable, Mapping
from functools import cache, partial
from pathlib import Path
from typing import TYPE_CHECKING

import torch
from transformers import AutoConfig, PreTrainedConfig

from gradschool.environment import FLOAT32_SHARE, free_memory
from gradschool.model.formats import FORMATS, faster, in_words, times_of
from gradschool.model.four_bits import in_four_bits
from gradschool.model.loading import LOAD_ERRORS, check_folder, quiet

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
    """The number format to answer with a base in, and the reason: timed, unless a rule leaves no choice.

    The rules: a small base answers in float32, since exact numbers give the same answer in any batch. A GPU computes in
    the shortest format that it supports, which also takes half the memory. Float32 has to fit into memory.
    """
    stored = sum(path.stat().st_size for path in folder.glob("*.safetensors"))
    return dtype_for(partial(_config, folder), stored, device)


def dtype_for(
    config: Callable[[], PreTrainedConfig | None], stored: int, device: torch.device
) -> tuple[torch.dtype, str]:
    """The format that `choose_dtype` chooses for a base with so many bytes of weights, which need not be here.

    `config` is read if its layers have to be timed; None if it cannot be.
    """
    expected = format_for(stored, device)
    if device.type != "cpu" or stored <= SMALL or not _fits_float32(stored):
        return expected
    read = config()
    times = times_of(read, device, stored) if read else None
    return _timed(times.answering, "an answer step") if times else expected


def _timed(seconds: Mapping[str, float], step: str) -> tuple[torch.dtype, str]:
    name = faster(seconds)
    without = "" if cpu_has_bfloat16() else " (this CPU has no instructions for bfloat16)"
    return FORMATS[name], f"{name}: {in_words(seconds, step)}{without}"


def _config(folder: Path) -> PreTrainedConfig | None:
    """The config of a folder; None if it cannot be loaded, which loading the base then reports."""
    check_folder(folder)
    try:
        with quiet():
            return AutoConfig.from_pretrained(folder, local_files_only=True, trust_remote_code=False)  # type: ignore[no-any-return]
    except LOAD_ERRORS:
        return None


def _fits_float32(stored: int) -> bool:
    return 2 * stored <= FLOAT32_SHARE * free_memory()


def format_for(stored: int, device: torch.device) -> tuple[torch.dtype, str]:
    """The number format to expect for a base with so many bytes of weights, and the reason; nothing is timed."""
    if stored <= SMALL:
        return torch.float32, "float32: the model is small, and exact numbers give the same answer in any batch"
    if device.type == "cuda":
        if torch.cuda.is_bf16_supported(including_emulation=False):
            return torch.bfloat16, "bfloat16: this GPU supports it"
        return torch.float16, "float16: this GPU does not support bfloat16"
    if device.type == "cpu" and cpu_has_bfloat16():
        return torch.bfloat16, "bfloat16: this CPU supports it, and is two to three times as fast as in float32"
    if _fits_float32(stored):
        return torch.float32, "float32: this CPU does not support bfloat16"
    return torch.bfloat16, "bfloat16: float32 would not fit into memory"


def training_dtype(network: "PreTrainedModel") -> tuple[torch.dtype, str]:
    """The number format to train LoRA layers over a frozen network in, and the reason: timed, if there is a choice."""
    if network.device.type != "cpu" or in_four_bits(network):
        return network.dtype, f"{_name(network.dtype)}: the base's own"
    if network.dtype == torch.float32 and not _exact_in_bfloat16(network):
        return torch.float32, "float32: the base's weights are not exact in bfloat16"
    if network.dtype != torch.float32 and not _fits_float32(sum(2 * weight.numel() for weight in network.parameters())):
        return network.dtype, f"{_name(network.dtype)}: float32 would not fit into memory"
    stored = sum(weight.numel() * weight.element_size() for weight in network.parameters())
    times = times_of(network.config, network.device, stored)
    return _timed(times.training, "a training step") if times else (network.dtype, f"{_name(network.dtype)}: its own")


def _exact_in_bfloat16(network: "PreTrainedModel") -> bool:
    return all(torch.equal(weight.bfloat16().float(), weight) for weight in network.parameters())


def _name(dtype: torch.dtype) -> str:
    return str(dtype).removeprefix("torch.")


@cache
def cpu_has_bfloat16() -> bool:
    """Whether the CPU has instructions for bfloat16."""
    # Without them it is emulated, many times slower than float32. torch has no public function for this.
    known = Path("/proc/cpuinfo")
    return (
        known.is_file() and re.search("amx_bf16|avx512_bf16|\\bbf16\\b", known.read_text(errors="replace")) is not None
    )
