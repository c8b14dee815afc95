"""The memory that this machine has free, and what takes it: the rows of a batch, and networks without their weights."""

import copy
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import nn
from transformers import (
    AutoModel,
    AutoModelForCausalLM,
    AutoModelForImageTextToText,
    PreTrainedConfig,
    PreTrainedModel,
)
from transformers.initialization import no_init_weights

from gradschool.environment import CGROUP, free_memory
from gradschool.errors import ModelError, first_line
from gradschool.model.eyes import MAX_CACHED
from gradschool.model.seeing import is_part, language_part, network_over, sees
from gradschool.records import Decoding
from gradschool.settings import Tune

KV_CACHE_FRACTION = 0.5  # of the free memory, for the KV cache of all rows of a batch
PREFILL_TOKENS = 4_096  # in one prefill pass
AT_ONCE = 64  # rows in a batch: on a CPU, more gain little
# Of a process with its libraries, before the base is loaded: one that climbs, and one that only answers.
CLIMBING_PROCESS_BYTES, ANSWERING_PROCESS_BYTES = 560 << 20, 450 << 20
# A CPU's heap has gaps between the tensors of a KV cache, and its matrix products reorder their operands in buffers
# (bench/memory.py). The gaps of a training, which saves many tensors, are larger: see tune/memory.py.
HEAP_OVERHEAD, MATMUL_BUFFERS = 1.05, 40 << 20


@dataclass(frozen=True, slots=True)
class Workload:
    """What a base is used for: rows of at most `longest` tokens, of which all rows share the first `shared`, answers of
    at most `new_tokens` tokens, and the rank of LoRA layers; see [tune] vision_blocks."""

    longest: int
    shared: int = 0
    new_tokens: int = Decoding().max_new_tokens
    rank: int = Tune().rank
    vision_blocks: int | None = None

    @property
    def own(self) -> int:
        """Tokens of the longest row that are not shared."""
        return self.longest - self.shared


@dataclass(frozen=True, slots=True)
class Device:
    """A device of a kind (cpu, cuda, mps), the number format that it computes in, and its free bytes."""

    kind: str
    dtype: torch.dtype
    free: int = 0
    name: str = "here"


def kv_cache_bytes(config: PreTrainedConfig, dtype: torch.dtype) -> int:
    """Bytes of the KV cache for each token of each row, over all layers."""
    heads, width = key_shape(config)
    return 2 * int(config.get_text_config().num_hidden_layers) * heads * width * dtype.itemsize


def key_shape(config: PreTrainedConfig) -> tuple[int, int]:
    """The number of key heads, and of numbers in each."""
    text = config.get_text_config()
    heads = getattr(text, "num_key_value_heads", None) or text.num_attention_heads
    width = getattr(text, "head_dim", None) or text.hidden_size // text.num_attention_heads
    return int(heads), int(width)


def rows_at_once(config: PreTrainedConfig, dtype: torch.dtype, tokens: int, device: torch.device) -> int:
    """How many rows of so many tokens, answers included, fit into one batch."""
    return max(1, min(AT_ONCE, int(KV_CACHE_FRACTION * free_bytes(device)) // (tokens * kv_cache_bytes(config, dtype))))


def free_bytes(device: torch.device, cgroup: Path = CGROUP) -> int:
    """Free bytes of a device; a container may have less than its machine, and a Mac's GPU uses the machine's memory."""
    if device.type == "cuda":
        return int(torch.cuda.mem_get_info(device)[0])
    return free_memory(cgroup)


def parameters_of(config: PreTrainedConfig) -> int:
    """The number of parameters of a base."""
    network = without_weights(config, torch.bfloat16)
    return sum(parameter.numel() for parameter in network.parameters()) + vision_parameters(config)


def vision_parameters(config: PreTrainedConfig) -> int:
    """The number of parameters of the vision tower and the projector; 0 for a base that reads no images."""
    if not sees(config):
        return 0
    whole = whole_without_weights(config, torch.bfloat16)
    text = sum(parameter.numel() for parameter in language_part(whole).parameters())
    return sum(parameter.numel() for parameter in whole.parameters()) - text


def whole_without_weights(config: PreTrainedConfig, dtype: torch.dtype) -> PreTrainedModel:
    """A base that reads images on torch's meta device, with its vision tower."""
    return _built(copy.deepcopy(config), dtype, AutoModelForImageTextToText)


def seeing_bytes(config: PreTrainedConfig, size: int) -> int:
    """Bytes that reading images takes: vision tower and projector in numbers of `size` bytes, and cached features."""
    return vision_parameters(config) * size + MAX_CACHED if sees(config) else 0


def without_weights(config: PreTrainedConfig, dtype: torch.dtype, depth: int | None = None) -> PreTrainedModel:
    """A network on torch's meta device, with all its layers or the first `depth`."""
    config = copy.deepcopy(config)
    text = config.get_text_config()
    if depth is not None:
        text.num_hidden_layers = depth
        if getattr(text, "layer_types", None):
            text.layer_types = text.layer_types[:depth]
    if sees(config):
        return language_part(_built(config, dtype, AutoModelForImageTextToText))
    if is_part(config):  # of a base that is opened: its own config is that of its language part
        decoder = _built(config, dtype, AutoModel)
        with torch.device("meta"):
            output = nn.Linear(text.hidden_size, text.vocab_size, bias=False, dtype=dtype)
        if config.tie_word_embeddings:
            output.weight = decoder.get_input_embeddings().weight  # type: ignore[assignment]
        return network_over(decoder, output, dtype)
    return _built(config, dtype, AutoModelForCausalLM)


def _built(config: PreTrainedConfig, dtype: torch.dtype, kind: Any) -> PreTrainedModel:
    try:
        with torch.device("meta"), no_init_weights():  # drawing weights takes most of the time, there too
            network: PreTrainedModel = kind.from_config(config, dtype=dtype)
        network.tie_weights()
    except Exception as error:  # whatever the numbers in a config of others lead to
        raise ModelError(
            "The network that the base's config describes cannot be built.",
            f"{type(error).__name__}: {first_line(error)}",
            "check that the base is complete, or download it again.",
        ) from error
    return network
