"""How many bytes of activations a network saves for its backward pass and frees before it, without its weights.

A copy of the network with two layers, on torch's meta device, reads one micro-batch. The tensors of the second layer
are counted, from which any depth follows: those that autograd saves, and those that are freed before the next layer.

Shapes: T tokens of a micro-batch; H query heads, K key heads, D per head.
"""

from collections.abc import Iterable
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
from gradschool.model.made_tensors import MadeTensors
from gradschool.model.memory import without_weights

# For families that cannot be counted: bytes per token, layer and hidden dimension that a Llama saves and frees, in
# 2-byte numbers.
TYPICAL_SAVED, TYPICAL_FREED = 44, 24
MOST_KNOWN = 256  # counts that are remembered


@dataclass(frozen=True, slots=True)
class Activations:
    """Bytes of activations: saved by each layer, saved outside the layers, and each tensor that a layer frees."""

    layer: int
    outside: int
    freed: tuple[int, ...] = ()

    def after(self, one_row_less: "Activations", rows: int) -> "Activations":
        """Those of a micro-batch with so many more rows, if each row adds what the last one added."""

        def grown(less: int, more: int) -> int:
            return more + rows * (more - less)

        freed = tuple(map(grown, one_row_less.freed, self.freed))
        return Activations(grown(one_row_less.layer, self.layer), grown(one_row_less.outside, self.outside), freed)


_known: dict[tuple[object, ...], Activations] = {}


def activation_bytes(
    config: PreTrainedConfig, dtype: torch.dtype, rank: int | None, segments: Segments, device: str
) -> Activations:
    """The activations of a micro-batch. `rank` is that of the LoRA layers, None if all weights are trained."""
    try:
        return _counted(config, dtype, rank, segments, device)
    except (RuntimeError, NotImplementedError, TypeError, ValueError, AttributeError, IndexError):
        numbers = segments.tokens * config.get_text_config().hidden_size * dtype.itemsize // 2
        return Activations(TYPICAL_SAVED * numbers, 0, (TYPICAL_FREED * numbers,))


def remembered_bytes(
    config: PreTrainedConfig, dtype: torch.dtype, rank: int | None, segments: Segments, device: str
) -> Activations:
    """As `activation_bytes`, counted once: the trials and the training of a run ask for the same activations."""
    if segments.reach:  # which does not count where segments are compared
        return activation_bytes(config, dtype, rank, segments, device)
    asked = (type(config), config.to_json_string(use_diff=False), dtype, rank, segments.prefix, segments.groups, device)
    if asked not in _known:
        if len(_known) >= MOST_KNOWN:
            _known.clear()
        _known[asked] = activation_bytes(config, dtype, rank, segments, device)
    return _known[asked]


def _counted(
    config: PreTrainedConfig, dtype: torch.dtype, rank: int | None, segments: Segments, device: str
) -> Activations:
    network = without_weights(config, dtype, depth=2).train()
    if rank is not None:
        attach(network, rank, 2 * rank, seed=0)
    install(network)
    own = [*network.parameters(), *network.buffers()]
    saved, made = _Storages(own), _Storages(own)
    before_and_after: list[tuple[int, int]] = []  # how many storages are saved and made, around the second layer

    def mark(*_: Any) -> None:
        before_and_after.append((len(saved.new), len(made.new)))

    second = network.get_decoder().layers[1]
    second.register_forward_pre_hook(mark)
    second.register_forward_hook(mark)
    with torch.autograd.graph.saved_tensors_hooks(saved.add, lambda tensor: tensor), MadeTensors(made.add):
        ids = torch.zeros(1, segments.tokens, dtype=torch.long, device="meta")
        mask = torch.ones(1, 1, 1, 1, dtype=torch.bool, device="meta")  # four dimensions: used as it is
        layout = _OnDevice(segments, torch.device(device))
        network.get_decoder()(input_ids=ids, position_ids=ids, attention_mask=mask, use_cache=False, layout=layout)
    (saved_before, made_before), (saved_after, made_after) = before_and_after
    layer = sum(storage.nbytes() for storage in saved.new[saved_before:saved_after])
    outside = sum(storage.nbytes() for storage in saved.new) - 2 * layer
    freed = (storage.nbytes() for storage in made.new[made_before:made_after] if id(storage) not in saved.known)
    return Activations(layer, outside, tuple(freed))


class _Storages:
    """The storages of some tensors, each once, in their order. References keep them: no other gets the id of one."""

    def __init__(self, own: Iterable[Tensor]) -> None:
        self._own = [tensor.untyped_storage() for tensor in own]
        self.known, self.new = {id(storage) for storage in self._own}, list[torch.UntypedStorage]()

    def add(self, tensor: Tensor) -> Tensor:
        storage = tensor.untyped_storage()
        if id(storage) not in self.known:
            self.known.add(id(storage))
            self.new.append(storage)
        return tensor


@dataclass(frozen=True, slots=True)
class _OnDevice:
    """A layout whose attention saves what it would save on another device."""

    segments: Segments
    device: torch.device

    def attend(self, query: Tensor, key: Tensor, value: Tensor, scoring: Scoring, layer: int) -> Tensor:
        """(1, H, T, D), (1, K, T, D) twice -> (1, T, H, D)."""
        return self.segments.attend(query, key, value, scoring, layer, self._attend)

    def _attend(
        self, query: Tensor, key: Tensor, value: Tensor, before: int, scoring: Scoring, masks: Any, reach: Any
    ) -> Tensor:
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
