"""The memory that a training needs, from a base's config alone, and how a training is fitted into free memory."""

from dataclasses import dataclass
from typing import Literal, TypeAlias

import torch
from torch import nn
from transformers import PreTrainedConfig

from gradschool.errors import ResourceError
from gradschool.model.attention import Segments
from gradschool.model.four_bits import packable
from gradschool.model.memory import HEAP_OVERHEAD, MATMUL_BUFFERS, Device, Workload, gigabytes, without_weights
from gradschool.model.reader import CHUNK_NUMBERS
from gradschool.tune.activations import activation_bytes
from gradschool.tune.rows import MAX_TOKENS

Method: TypeAlias = Literal["lora", "4-bit lora", "full"]

# Bytes per trained number, all in float32: weight, gradient, AdamW's two moments, and the best weights so far.
TRAINED_BYTES = 4 + 4 + 8 + 4
# Bytes per weight in 4 bits, scales included (QLoRA: Dettmers et al. 2023, arXiv:2305.14314).
FOUR_BIT_BYTES = 0.5 + 0.0625
USABLE = 0.85  # of the free memory


class TrainingMemory:
    """Bytes that trainings of a base need, for any size of micro-batches.

    `base` are the weights, `trained` the trained numbers with gradients and optimizer state.
    """

    def __init__(self, config: PreTrainedConfig, method: Method, workload: Workload, device: Device) -> None:
        network, storage = without_weights(config, device.dtype), device.dtype.itemsize
        count = sum(parameter.numel() for parameter in network.parameters())
        output = network.get_output_embeddings()
        linear = [m for m in network.modules() if isinstance(m, nn.Linear) and m is not output]
        self.workload, self.device = workload, device
        self.base, trained, self._unpacked = count * storage, count, 0
        if method != "full":
            trained = sum(workload.rank * (layer.in_features + layer.out_features) for layer in linear)
        if method == "4-bit lora":
            packed = sum(layer.weight.numel() for layer in packable(network))
            self.base = int(packed * FOUR_BIT_BYTES) + (count - packed) * storage
            self._unpacked = max(layer.weight.numel() for layer in linear) * storage
        self.trained = trained * TRAINED_BYTES
        self._vocabulary, self._output = int(output.out_features), output.weight.numel()
        text = config.get_text_config()
        self._depth, self._width = int(text.num_hidden_layers), int(text.hidden_size)
        # With method "full", weights and activations are in float32.
        self._dtype = torch.float32 if method == "full" else device.dtype
        rank = None if method == "full" else workload.rank
        self._one_row, self._two_rows = (
            activation_bytes(config, self._dtype, rank, segments(workload, rows), device.kind) for rows in (1, 2)
        )

    def total(self, tokens: int, checkpointing: bool = False) -> int:
        """Peak bytes with micro-batches of so many tokens, at least one row."""
        return self.base + self.trained + self.activations(tokens, checkpointing) + self._temporary(tokens)

    def activations(self, tokens: int, checkpointing: bool = False) -> int:
        """Bytes saved for the backward pass; with `checkpointing`, layers save their input and are computed again."""
        layer, rest = self._layer_and_rest(tokens)
        saved = rest + self._depth * layer
        if checkpointing:
            read = self.workload.shared + self._rows(tokens) * self.workload.own
            inputs = (self._depth + 1) * read * self._width * self._dtype.itemsize  # the last hidden states included
            saved = rest + inputs + layer
        return int(HEAP_OVERHEAD * saved) if self.device.kind == "cpu" else saved

    def _temporary(self, tokens: int) -> int:
        """Bytes that exist for a moment: a chunk of logits, or a layer's gradients, and an unpacked layer."""
        read, size = self.workload.shared + self._rows(tokens) * self.workload.own, self._dtype.itemsize
        logits = min(CHUNK_NUMBERS, read * self._vocabulary) * (2 * size + 8)
        temporary = max(logits, self._layer_and_rest(tokens)[0]) + self._unpacked
        if self.device.kind == "cpu":
            reordered = self._output * size if self._dtype == torch.bfloat16 else 0
            return int(HEAP_OVERHEAD * temporary) + MATMUL_BUFFERS + reordered
        return temporary

    def _rows(self, tokens: int) -> int:
        return max(1, (tokens - self.workload.shared) // self.workload.own)

    def _layer_and_rest(self, tokens: int) -> tuple[int, int]:
        more = self._rows(tokens) - 1
        layer, rest = (one + more * (two - one) for one, two in zip(self._one_row, self._two_rows, strict=True))
        return layer, rest


def segments(workload: Workload, rows: int) -> Segments:
    """A packed micro-batch of so many of the longest rows."""
    return Segments(workload.shared, ((rows, workload.own),))


@dataclass(frozen=True, slots=True)
class MemoryPlan:
    """Tokens of a micro-batch, whether activations are checkpointed, and the reason."""

    tokens: int = MAX_TOKENS
    checkpointing: bool = False
    reason: str = ""
    tight: bool = False  # so close to the free memory that the largest pass is tried before the training


UNLIMITED = MemoryPlan()


def plan_memory(memory: TrainingMemory, rows_per_step: int, free: int, loaded: int = 0) -> MemoryPlan:
    """The largest micro-batches of a step that fit into `free` bytes.

    `loaded` are the bytes of weights that are in memory already. Activations are checkpointed only if otherwise not
    even one row fits. Raises ResourceError if it does not fit with checkpointing either.
    """
    longest = memory.workload.longest
    largest = max(longest, min(MAX_TOKENS, memory.workload.shared + rows_per_step * memory.workload.own))
    for checkpointing in (False, True):
        tokens = largest
        while True:
            more = memory.total(tokens, checkpointing) - loaded
            if more <= USABLE * free:
                return MemoryPlan(tokens, checkpointing, _reason(tokens, checkpointing, more, free), more > free / 3)
            if tokens == longest:
                break
            tokens = max(tokens // 2, longest)
    raise ResourceError(
        "There is not enough memory to train.",
        f"Micro-batches of a single row need {gigabytes(more)} more, and {gigabytes(free)} are free.",
        "choose a smaller base_model, a smaller [tune] rank or max_tokens, or close other programs.",
    )


def _reason(tokens: int, checkpointing: bool, more: int, free: int) -> str:
    reason = f"micro-batches of up to {tokens:,} tokens, which need {gigabytes(more)} more of {gigabytes(free)} free"
    if checkpointing:
        reason += "; activations are checkpointed, since they would not fit"
    return reason
