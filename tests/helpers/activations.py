"""Measures the activations of networks with weights, to compare estimates with."""

from typing import Any

import torch
import transformers
from transformers import AutoModelForCausalLM

import tiny
from gradschool.model.attention import Segments, install
from gradschool.model.chat import Rendered
from gradschool.model.lora import attach
from gradschool.model.reader import Reader
from gradschool.tune.rows import pack

SIZES: dict[str, Any] = {**tiny.SIZES, "num_hidden_layers": 4}
ROWS, PREFIX, OWN = 3, 5, 11
SEGMENTS = Segments(PREFIX, ((ROWS, OWN),))
RANK = 4


def config_of(family: str, **changes: Any) -> Any:
    """The config of a tiny network with four layers."""
    sizes = {**SIZES, **changes}
    if family == "phi3":
        sizes.pop("head_dim")
    return getattr(transformers, tiny.FAMILIES[family])(**sizes)


def saved_bytes(config: Any, dtype: torch.dtype, rank: int | None, checkpointing: bool = False) -> int:
    """Bytes that a network with weights saves for its backward pass, without the output layer."""
    network = AutoModelForCausalLM.from_config(config, dtype=dtype).train()
    if rank is not None:
        attach(network, rank, 2, 0)
    if checkpointing:
        network.activation_checkpointing_enable({"use_reentrant": False})
    install(network)  # whatever rounding makes of random weights, which `reader_of` would test
    reader = Reader(network, packs=True, head=None)
    own = {t.untyped_storage().data_ptr() for t in (*network.parameters(), *network.buffers())}
    saved: dict[int, torch.Tensor] = {}

    def count(tensor: torch.Tensor) -> torch.Tensor:
        if tensor.untyped_storage().data_ptr() not in own:
            saved[tensor.untyped_storage().data_ptr()] = tensor
        return tensor

    shared = [7] * PREFIX
    rows = [Rendered((*shared, *[20 + i] * OWN), (*[False] * (PREFIX + 1), *[True] * (OWN - 1))) for i in range(ROWS)]
    batch = pack(rows, torch.device("cpu"))
    with torch.autograd.graph.saved_tensors_hooks(count, lambda tensor: tensor):
        reader.hidden(batch.token_ids, batch.positions, batch.layout)
    return sum(tensor.untyped_storage().nbytes() for tensor in saved.values())
