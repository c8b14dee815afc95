"""How much memory answering takes, from a base's config alone, and how much this machine has left."""

from pathlib import Path
from typing import TYPE_CHECKING

import psutil
import torch

if TYPE_CHECKING:
    from transformers import PreTrainedConfig

SHARE = 0.5  # of what is free may be filled by what is kept of rows under way
AT_ONCE = 64  # rows from which on a processor gains little by more
CGROUP = Path("/sys/fs/cgroup")


def kept_bytes(config: "PreTrainedConfig", dtype: torch.dtype) -> int:
    """Bytes that answering keeps for each token of each row: its keys and values in all layers."""
    text = config.get_text_config()
    heads = getattr(text, "num_key_value_heads", None) or text.num_attention_heads
    width = getattr(text, "head_dim", None) or text.hidden_size // text.num_attention_heads
    return 2 * int(text.num_hidden_layers) * int(heads) * int(width) * dtype.itemsize


def rows_at_once(config: "PreTrainedConfig", dtype: torch.dtype, tokens: int, device: torch.device) -> int:
    """How many rows of so many tokens, answers included, may be under way at once."""
    return max(1, min(AT_ONCE, int(SHARE * free_bytes(device)) // (tokens * kept_bytes(config, dtype))))


def free_bytes(device: torch.device, cgroup: Path = CGROUP) -> int:
    """What a device has left; a container may have less than its machine, and a Mac's GPU shares the machine's."""
    if device.type == "cuda":
        return int(torch.cuda.mem_get_info(device)[0])
    free = int(psutil.virtual_memory().available)
    try:
        limit = int((cgroup / "memory.max").read_text())
        used = int((cgroup / "memory.current").read_text())
        lines = (line.split() for line in (cgroup / "memory.stat").read_text().splitlines())
        cached = next(int(number) for name, number in lines if name == "inactive_file")
    except (OSError, ValueError, StopIteration):  # no such files, or "max": no limit
        return free
    return max(0, min(free, limit - used + cached))


def gigabytes(count: int) -> str:
    """A number of bytes for a person."""
    return f"{count / 1e9:.1f} GB" if count >= 95_000_000 else f"{count / 1e6:.0f} MB"
