"""What a training takes in memory, told from a base's config and the rows alone, before any weight is loaded.

A copy of the network without weights (on torch's meta device) reads one portion, and what autograd keeps for the way
back is counted. It is tried at two small depths, from which any depth follows.

Shapes: T tokens of a portion, P of its prefix, n segments of L tokens; H heads of queries, K of keys, D per head.
"""

import copy
from dataclasses import dataclass, replace
from typing import Any, Literal, TypeAlias

import torch
from torch import Tensor, nn
from transformers import AutoModelForCausalLM, PreTrainedConfig, PreTrainedModel

from gradschool.model.attention import (
    Scoring,
    Segments,
    by_products,
    by_products_is_faster,
    causal_mask,
    install,
)
from gradschool.model.reader import CHUNK_NUMBERS
from gradschool.tune.lora import attach

Method: TypeAlias = Literal["lora", "4-bit lora", "full"]

TRIED_DEPTHS = (1, 2)
# Bytes per trained number: itself, its gradient, AdamW's two moments, and the best state so far; all in float32.
TRAINED = 4 + 4 + 8 + 4
# Bytes per weight in 4 bits with its share of the scales (QLoRA: Dettmers et al. 2023, arXiv:2305.14314).
FOUR_BITS = 0.5 + 0.0625
# Where a family's layers cannot be counted: bytes per token, layer and number of width, as a Llama keeps in 2 bytes.
USUAL_KEPT = 44
# A processor's heap leaves room unused between tensors, and its matrix products put operands into another order
# first; both measured by bench/growth.py.
HEAP, PRODUCTS = 1.22, 40 << 20


@dataclass(frozen=True, slots=True)
class Need:
    """Bytes of a training: the base's weights, what is trained with its optimiser, what a portion keeps for the way
    back, and what exists for a moment."""

    weights: int
    trained: int
    kept: int
    passing: int

    @property
    def total(self) -> int:
        """All of it at once."""
        return self.weights + self.trained + self.kept + self.passing


@dataclass(frozen=True, slots=True)
class Shape:
    """What is to be trained: a base in a number format, by a method, and one portion of rows on a kind of device.

    A portion is made of rows of `longest` tokens, `prefix` of them shared, as many as `tokens` tokens hold.
    """

    config: PreTrainedConfig
    dtype: torch.dtype
    method: Method
    rank: int
    longest: int
    tokens: int
    prefix: int = 0
    checkpointing: bool = False
    device: str = "cpu"

    @property
    def segments(self) -> Segments:
        """The portion as a packed row."""
        own = self.longest - self.prefix
        return Segments(self.prefix, ((max(1, (self.tokens - self.prefix) // own), own),))


def need_of(shape: Shape) -> Need:
    """What a training of this shape needs at its height."""
    network = without_weights(shape.config, shape.dtype)
    numbers = sum(parameter.numel() for parameter in network.parameters())
    output = network.get_output_embeddings()
    linear = [m for m in network.modules() if isinstance(m, nn.Linear) and m is not output]
    computed = torch.float32 if shape.method == "full" else shape.dtype
    weights, trained = numbers * shape.dtype.itemsize, numbers
    if shape.method != "full":
        trained = sum(shape.rank * (layer.in_features + layer.out_features) for layer in linear)
    if shape.method == "4-bit lora":
        packed = sum(layer.weight.numel() for layer in linear)
        weights = int(packed * FOUR_BITS) + (numbers - packed) * shape.dtype.itemsize
    kept, layer = _kept_by_all(replace(shape, dtype=computed))
    vocabulary = int(output.out_features)
    chunk = min(CHUNK_NUMBERS, shape.tokens * vocabulary) * (2 * computed.itemsize + 8)
    passing = max(chunk, layer)
    if shape.method == "4-bit lora":
        passing += max(layer.weight.numel() for layer in linear) * shape.dtype.itemsize
    if shape.device == "cpu":
        reordered = vocabulary * int(output.in_features) * 2 if computed == torch.bfloat16 else 0
        kept, passing = int(HEAP * kept), int(HEAP * passing) + PRODUCTS + reordered
    return Need(weights, trained * TRAINED, kept, passing)


def _kept_by_all(shape: Shape) -> tuple[int, int]:
    """Bytes kept for the way back by all layers together, and by one of them."""
    text = shape.config.get_text_config()
    depth, states = int(text.num_hidden_layers), shape.tokens * int(text.hidden_size) * shape.dtype.itemsize
    layer, rest = kept_by_layer(shape)
    if shape.checkpointing:  # each layer keeps what it read, and is computed again on the way back
        return depth * states + layer + rest, layer
    return depth * layer + rest, layer


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


def kept_by_layer(shape: Shape) -> tuple[int, int]:
    """Bytes that one layer keeps for the way back, and those kept beside all layers."""
    try:
        one, two = (_kept(shape, depth) for depth in TRIED_DEPTHS)
    except (RuntimeError, NotImplementedError, TypeError, ValueError, AttributeError, IndexError):
        return int(USUAL_KEPT * shape.tokens * shape.config.get_text_config().hidden_size * shape.dtype.itemsize / 2), 0
    return two - one, one - (two - one)


def _kept(shape: Shape, depth: int) -> int:
    network = without_weights(shape.config, shape.dtype, depth).train()
    if shape.method != "full":
        attach(network, shape.rank, 2 * shape.rank, seed=0)
    install(network)
    own = {id(storage) for storage in (t.untyped_storage() for t in (*network.parameters(), *network.buffers()))}
    storages: dict[int, torch.UntypedStorage] = {}

    def keep(tensor: Tensor) -> Tensor:
        storage = tensor.untyped_storage()
        if id(storage) not in own:
            storages[id(storage)] = storage  # held, so that no other one gets its id
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
        segments = shape.segments
        tokens = segments.prefix + sum(count * length for count, length in segments.groups)
        ids = torch.zeros(1, tokens, dtype=torch.long, device="meta")
        finished = torch.ones(1, 1, 1, 1, dtype=torch.bool, device="meta")
        layout = Counted(segments, torch.device(shape.device))
        network.get_decoder()(input_ids=ids, position_ids=ids, attention_mask=finished, use_cache=False, layout=layout)
    return sum(storage.nbytes() for storage in storages.values())


@dataclass(frozen=True, slots=True)
class Counted:
    """A layout whose attention keeps for the way back what it would keep on another device."""

    segments: Segments
    device: torch.device

    def attend(self, query: Tensor, key: Tensor, value: Tensor, scoring: Scoring, layer: int) -> Tensor:
        """(1, H, T, D), (1, K, T, D) twice -> (1, T, H, D)."""
        return self.segments.attend(query, key, value, scoring, layer, self._attend)

    def _attend(self, query: Tensor, key: Tensor, value: Tensor, before: int, scoring: Scoring, masks: Any) -> Tensor:
        length, seen = query.shape[2], key.shape[2]
        if scoring.softcap is not None or by_products_is_faster(self.device, length * seen):
            return by_products(query, key, value, causal_mask(before, length, scoring.window, query), scoring)
        output: Tensor = _Kernel.apply(query, key, value)  # type: ignore[no-untyped-call]
        return output


class _Kernel(torch.autograd.Function):
    """What the attention kernels keep: their input and output."""

    @staticmethod
    def forward(ctx: Any, query: Tensor, key: Tensor, value: Tensor) -> Tensor:
        output = torch.empty_like(query)
        ctx.save_for_backward(query, key, value, output)
        return output
