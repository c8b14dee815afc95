"""Models with random weights in the shapes of well-known bases, for measuring speed and memory."""

import os
from pathlib import Path
from typing import Any

import torch
from transformers import AutoModelForCausalLM, LlamaConfig, PreTrainedModel

from gradschool.model.adapter import save_adapter
from gradschool.model.lora import attach
from gradschool.model.machine import cpu_has_bfloat16
from gradschool.model.opening import POCKET

RANK = 16  # of adapters
# Of all libraries; BENCH_FLOAT32=1 measures in float32 on a processor with bfloat16, too.
DTYPE = "float32" if os.environ.get("BENCH_FLOAT32") or not cpu_has_bfloat16() else "bfloat16"


def result_file(name: str) -> Path:
    """The file for results; those in float32 have a separate one."""
    return Path(__file__).parent / "results" / f"{name}{'' if DTYPE == 'bfloat16' else '-float32'}.json"


def _shape(vocabulary: int, width: int, inner: int, layers: int, heads: int, key_heads: int) -> dict[str, int]:
    return {
        "vocab_size": vocabulary,
        "hidden_size": width,
        "intermediate_size": inner,
        "num_hidden_layers": layers,
        "num_attention_heads": heads,
        "num_key_value_heads": key_heads,
    }


SHAPES = {
    "smoke": _shape(4928, 64, 128, 2, 4, 2),
    "pocket": _shape(4928, 256, 640, 6, 4, 4),
    "135M": _shape(49152, 576, 1536, 30, 9, 3),  # SmolLM2's
    "360M": _shape(49152, 960, 2560, 32, 15, 5),
}


def network_of(shape: str, dtype: torch.dtype = torch.bfloat16) -> PreTrainedModel:
    """A model of the given shape and dtype."""
    torch.manual_seed(0)
    settings: dict[str, Any] = SHAPES[shape]
    config = LlamaConfig(**settings, max_position_embeddings=8192, tie_word_embeddings=True)
    network: PreTrainedModel = AutoModelForCausalLM.from_config(config, dtype=dtype)
    network.eval()
    return network


def write_model(folder: Path, shape: str) -> None:
    """Write a model with pocket's tokenizer, and an initial adapter."""
    network = network_of(shape)
    save_network(network, folder / "model")
    attach(network, RANK, 2 * RANK, seed=0)
    save_adapter(network, folder / "adapter", str(folder / "model"), None)


def save_network(network: PreTrainedModel, folder: Path) -> None:
    """Save a model with pocket's tokenizer: rows are token ids already."""
    network.save_pretrained(folder)
    for file in POCKET.glob("tokenizer*"):
        (folder / file.name).write_bytes(file.read_bytes())
