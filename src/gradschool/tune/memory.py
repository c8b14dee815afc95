"""What a training takes in memory, told from a base's config and the rows alone, before any weight is loaded.

A copy of the network without weights (on torch's meta device) reads one portion, and what autograd keeps for the way
back is counted. It is tried at two small depths, from which any depth follows.

Shapes: T tokens of a portion, P of its prefix, n segments of L tokens; H heads of queries, K of keys, D per head.
"""

from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

import torch
from torch import Tensor, nn
from transformers import PreTrainedConfig

from gradschool.model.attention import (
    Scoring,
    Segments,
    causal_mask,
    install,
    matmul_attention,
    matmul_is_faster,
)
from gradschool.model.four_bits import packable
from gradschool.model.lora import attach
from gradschool.model.memory import HEAP, PRODUCTS, without_weights
from gradschool.model.reader import CHUNK_NUMBERS

Method: TypeAlias = Literal["lora", "4-bit lora", "full"]

TRIED_DEPTHS = (1, 2)
# Bytes per trained number: itself, its gradient, AdamW's two moments, and the best state so far; all in float32.
TRAINED = 4 + 4 + 8 + 4
# Bytes per weight in 4 bits with its share of the scales (QLoRA: Dettmers et al. 2023, arXiv:2305.14314).
FOUR_BITS = 0.5 + 0.0625
# Where a family's layers cannot be counted: bytes per token, layer and number of width, as a Llama keeps in 2 bytes.
USUAL_KEPT = 44


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
    """What is to be trained: a base in a number format, by a method, on a kind of device, with rows of at most
    `longest` tokens, `prefix` of them the same in all rows."""

    config: PreTrainedConfig
    dtype: torch.dtype
    method: Method
    rank: int
    longest: int
    prefix: int = 0
    device: str = "cpu"

    @property
    def computed(self) -> torch.dtype:
        """The number format of a step: where all weights are trained, they are in float32."""
        return torch.float32 if self.method == "full" else self.dtype

    def segments(self, count: int) -> Segments:
        """A portion of so many of the longest rows."""
        return Segments(self.prefix, ((count, self.longest - self.prefix),))


class Needs:
    """What trainings of one shape need, for any number of tokens that are read at once."""

    def __init__(self, shape: Shape) -> None:
        self.shape = shape
        network = without_weights(shape.config, shape.dtype)
        numbers = sum(parameter.numel() for parameter in network.parameters())
        output = network.get_output_embeddings()
        linear = [m for m in network.modules() if isinstance(m, nn.Linear) and m is not output]
        self.weights, trained, self.unpacked = numbers * shape.dtype.itemsize, numbers, 0
        if shape.method != "full":
            trained = sum(shape.rank * (layer.in_features + layer.out_features) for layer in linear)
        if shape.method == "4-bit lora":
            packed = sum(layer.weight.numel() for layer in packable(network))
            self.weights = int(packed * FOUR_BITS) + (numbers - packed) * shape.dtype.itemsize
            self.unpacked = max(layer.weight.numel() for layer in linear) * shape.dtype.itemsize
        self.trained = trained * TRAINED
        self.vocabulary, self.head = int(output.out_features), output.weight.numel()
        text = shape.config.get_text_config()
        self.depth, self.width = int(text.num_hidden_layers), int(text.hidden_size)
        self.one_row, self.two_rows = kept_by_layer(shape, 1), kept_by_layer(shape, 2)

    def at(self, tokens: int, checkpointing: bool = False) -> Need:
        """What is needed with so many tokens read at once, one row at least; with `checkpointing`, each layer keeps
        only what it read, and is computed again on the way back."""
        shape = self.shape
        rows = max(1, (tokens - shape.prefix) // (shape.longest - shape.prefix))
        layer, rest = (one + (rows - 1) * (two - one) for one, two in zip(self.one_row, self.two_rows, strict=True))
        read = shape.prefix + rows * (shape.longest - shape.prefix)
        size = shape.computed.itemsize
        states = (self.depth + 1) * read * self.width * size  # what layers read, and what the last one says
        kept = rest + (states + layer if checkpointing else self.depth * layer)
        passing = max(min(CHUNK_NUMBERS, read * self.vocabulary) * (2 * size + 8), layer) + self.unpacked
        if shape.device == "cpu":
            reordered = self.head * size if shape.computed == torch.bfloat16 else 0
            kept, passing = int(HEAP * kept), int(HEAP * passing) + PRODUCTS + reordered
        return Need(self.weights, self.trained, kept, passing)


def kept_by_layer(shape: Shape, rows: int) -> tuple[int, int]:
    """Bytes that one layer keeps for the way back from so many of the longest rows, and what is kept beside layers."""
    try:
        one, two = (_kept(shape, rows, depth) for depth in TRIED_DEPTHS)
    except (RuntimeError, NotImplementedError, TypeError, ValueError, AttributeError, IndexError):
        tokens = shape.prefix + rows * (shape.longest - shape.prefix)
        numbers = USUAL_KEPT * tokens * shape.config.get_text_config().hidden_size
        return int(numbers * shape.computed.itemsize / 2), 0
    return two - one, one - (two - one)


def _kept(shape: Shape, rows: int, depth: int) -> int:
    network = without_weights(shape.config, shape.computed, depth).train()
    if shape.method != "full":
        attach(network, shape.rank, 2 * shape.rank, seed=0)
    install(network)
    # Storages are held here, so that no other one can get the id of one that is gone.
    own = [tensor.untyped_storage() for tensor in (*network.parameters(), *network.buffers())]
    known = {id(storage) for storage in own}
    kept: list[torch.UntypedStorage] = []

    def keep(tensor: Tensor) -> Tensor:
        storage = tensor.untyped_storage()
        if id(storage) not in known:
            known.add(id(storage))
            kept.append(storage)
        return tensor

    segments = shape.segments(rows)
    tokens = segments.prefix + sum(count * length for count, length in segments.groups)
    with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
        ids = torch.zeros(1, tokens, dtype=torch.long, device="meta")
        finished = torch.ones(1, 1, 1, 1, dtype=torch.bool, device="meta")
        layout = Counted(segments, torch.device(shape.device))
        network.get_decoder()(input_ids=ids, position_ids=ids, attention_mask=finished, use_cache=False, layout=layout)
    return sum(storage.nbytes() for storage in kept)


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
        if scoring.softcap is not None or matmul_is_faster(self.device, length * seen):
            return matmul_attention(query, key, value, causal_mask(before, length, scoring.window, query), scoring)
        output: Tensor = _Kernel.apply(query, key, value)  # type: ignore[no-untyped-call]
        return output


class _Kernel(torch.autograd.Function):
    """What the attention kernels keep: their input and output."""

    @staticmethod
    def forward(ctx: Any, query: Tensor, key: Tensor, value: Tensor) -> Tensor:
        output = torch.empty_like(query)
        ctx.save_for_backward(query, key, value, output)
        return output
