"""How much memory answering takes, from a base's config alone, and how much this machine has left."""

from typing import TYPE_CHECKING

import psutil
import torch

if TYPE_CHECKING:
    from transformers import PreTrainedConfig

SHARE = 0.5  # of what is free may be filled by what is kept of rows under way
AT_ONCE = 64  # rows from which on a processor gains little by more


def kept_bytes(config: "PreTrainedConfig", dtype: torch.dtype) -> int:
    """Bytes that answering keeps for each token of each row: its keys and values in all layers."""
    text = config.get_text_config()
    heads = getattr(text, "num_key_value_heads", None) or text.num_attention_heads
    width = getattr(text, "head_dim", None) or text.hidden_size // text.num_attention_heads
    return 2 * int(text.num_hidden_layers) * int(heads) * int(width) * dtype.itemsize


def rows_at_once(config: "PreTrainedConfig", dtype: torch.dtype, tokens: int, device: torch.device) -> int:
    """How many rows of so many tokens, answers included, may be under way at once."""
    return max(1, min(AT_ONCE, int(SHARE * free_bytes(device)) // (tokens * kept_bytes(config, dtype))))


def free_bytes(device: torch.device) -> int:
    """What a device has left; on a Mac's GPU, what the machine has left."""
    if device.type == "cuda":
        return int(torch.cuda.mem_get_info(device)[0])
    return int(psutil.virtual_memory().available)
