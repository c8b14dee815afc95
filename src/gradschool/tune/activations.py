"""How many bytes of activations a network saves for its backward pass, counted without its weights.

A copy of the network with two layers, on torch's meta device, reads one micro-batch, and the tensors that autograd
saves are counted: those of the second layer, from which any depth follows, and all others.

Shapes: T tokens of a micro-batch; H query heads, K key heads, D per head.
"""

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from transformers import PreTrainedConfig

from gradschool.model.attention import (
    Scoring,
    Segments,
    causal_mask,
    install,
    matmul_attention,
    matmul_is_faster,
)
from gradschool.model.lora import attach
from gradschool.model.memory import without_weights

# For families that cannot be counted: bytes per token, layer and hidden dimension, as a Llama saves in 2-byte numbers.
TYPICAL_BYTES = 44


def activation_bytes(
    config: PreTrainedConfig, dtype: torch.dtype, rank: int | None, segments: Segments, device: str
) -> tuple[int, int]:
    """Bytes that one layer saves for the backward pass of a micro-batch, and bytes saved outside the layers.

    `rank` is that of the LoRA layers, None if all weights are trained.
    """
    try:
        return _saved_bytes(config, dtype, rank, segments, device)
    except (RuntimeError, NotImplementedError, TypeError, ValueError, AttributeError, IndexError):
        numbers = TYPICAL_BYTES * segments.tokens * config.get_text_config().hidden_size
        return int(numbers * dtype.itemsize / 2), 0


def _saved_bytes(
    config: PreTrainedConfig, dtype: torch.dtype, rank: int | None, segments: Segments, device: str
) -> tuple[int, int]:
    network = without_weights(config, dtype, depth=2).train()
    if rank is not None:
        attach(network, rank, 2 * rank, seed=0)
    install(network)
    # References keep the storages alive, so that no new one gets the id of a freed one.
    own = [tensor.untyped_storage() for tensor in (*network.parameters(), *network.buffers())]
    known = {id(storage) for storage in own}
    saved: list[torch.UntypedStorage] = []
    before_and_after: list[int] = []  # how many storages are saved before and after the second layer

    def count(tensor: Tensor) -> Tensor:
        storage = tensor.untyped_storage()
        if id(storage) not in known:
            known.add(id(storage))
            saved.append(storage)
        return tensor

    second = network.get_decoder().layers[1]
    second.register_forward_pre_hook(lambda *_: before_and_after.append(len(saved)))
    second.register_forward_hook(lambda *_: before_and_after.append(len(saved)))
    with torch.autograd.graph.saved_tensors_hooks(count, lambda tensor: tensor):
        ids = torch.zeros(1, segments.tokens, dtype=torch.long, device="meta")
        mask = torch.ones(1, 1, 1, 1, dtype=torch.bool, device="meta")  # four dimensions: used as it is
        layout = _OnDevice(segments, torch.device(device))
        network.get_decoder()(input_ids=ids, position_ids=ids, attention_mask=mask, use_cache=False, layout=layout)
    before, after = before_and_after
    layer = sum(storage.nbytes() for storage in saved[before:after])
    return layer, sum(storage.nbytes() for storage in saved) - 2 * layer


@dataclass(frozen=True, slots=True)
class _OnDevice:
    """A layout whose attention saves what it would save on another device."""

    segments: Segments
    device: torch.device

    def attend(self, query: Tensor, key: Tensor, value: Tensor, scoring: Scoring, layer: int) -> Tensor:
        """(1, H, T, D), (1, K, T, D) twice -> (1, T, H, D)."""
        return self.segments.attend(query, key, value, scoring, layer, self._attend)

    def _attend(self, query: Tensor, key: Tensor, value: Tensor, before: int, scoring: Scoring, masks: Any) -> Tensor:
        length, seen = query.shape[2], key.shape[2]
        if scoring.softcap is not None or matmul_is_faster(self.device, length * seen):
            return matmul_attention(query, key, value, causal_mask(before, length, scoring.window, query), scoring)
        output: Tensor = _FusedAttention.apply(query, key, value)  # type: ignore[no-untyped-call]
        return output


class _FusedAttention(torch.autograd.Function):
    """Saves what fused attention kernels save: their inputs and output."""

    @staticmethod
    def forward(ctx: Any, query: Tensor, key: Tensor, value: Tensor) -> Tensor:
        output = torch.empty_like(query)
        ctx.save_for_backward(query, key, value, output)
        return output
