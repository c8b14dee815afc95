"""How much memory answering takes, from a base's config alone, and how much this machine has left."""

import copy
from pathlib import Path

import psutil
import torch
from torch import nn
from transformers import AutoModelForCausalLM, PreTrainedConfig, PreTrainedModel

SHARE = 0.5  # of what is free may be filled by what is kept of rows under way
ENTRY_TOKENS = 4_096  # of prompts that are read at once
AT_ONCE = 64  # rows from which on a processor gains little by more
PROGRAM = 450 << 20  # bytes that the program takes with its libraries, before anything is loaded
# A processor's heap leaves room unused between tensors, and its matrix products put operands into another order
# first; both, as PROGRAM, measured by bench/growth.py.
HEAP, PRODUCTS = 1.22, 40 << 20
CGROUP = Path("/sys/fs/cgroup")


def kept_bytes(config: PreTrainedConfig, dtype: torch.dtype) -> int:
    """Bytes that answering keeps for each token of each row: its keys and values in all layers."""
    text = config.get_text_config()
    heads = getattr(text, "num_key_value_heads", None) or text.num_attention_heads
    width = getattr(text, "head_dim", None) or text.hidden_size // text.num_attention_heads
    return 2 * int(text.num_hidden_layers) * int(heads) * int(width) * dtype.itemsize


class AnsweringNeeds:
    """What answering with a base needs, for any number of rows at once."""

    def __init__(self, config: PreTrainedConfig, dtype: torch.dtype, device: str) -> None:
        network = without_weights(config, dtype)
        output = network.get_output_embeddings()
        linear = (m for m in network.modules() if isinstance(m, nn.Linear) and m is not output)
        self.weights = sum(parameter.numel() for parameter in network.parameters()) * dtype.itemsize
        self.kept, self.device = kept_bytes(config, dtype), device
        # What a layer holds of a token while prompts are read, and the logits of a row.
        hidden = int(config.get_text_config().hidden_size)
        self.passing = 4 * max(layer.out_features for layer in linear) * dtype.itemsize + 2 * hidden * 4
        self.said = int(output.out_features) * (dtype.itemsize + 4)

    def at(self, rows: int, tokens: int) -> int:
        """Bytes at the height, with so many rows of so many tokens each, answers included, under way."""
        moving = rows * (tokens * self.kept + self.said) + min(ENTRY_TOKENS, rows * tokens) * self.passing
        if self.device == "cpu":
            return self.weights + int(HEAP * moving) + PRODUCTS
        return self.weights + moving


def rows_at_once(config: PreTrainedConfig, dtype: torch.dtype, tokens: int, device: torch.device) -> int:
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


def without_weights(config: PreTrainedConfig, dtype: torch.dtype, depth: int | None = None) -> PreTrainedModel:
    """A network that has shapes alone, with all its layers or the first `depth`."""
    config = copy.deepcopy(config)
    text = config.get_text_config()
    if depth is not None:
        text.num_hidden_layers = depth
        if getattr(text, "layer_types", None):
            text.layer_types = text.layer_types[:depth]
    with torch.device("meta"):
        network: PreTrainedModel = AutoModelForCausalLM.from_config(config, dtype=dtype)
    return network


def gigabytes(count: int) -> str:
    """A number of bytes for a person."""
    return f"{count / 1e9:.1f} GB" if count >= 95_000_000 else f"{count / 1e6:.0f} MB"
