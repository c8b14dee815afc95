"""The memory that a training needs, from a base's config and its largest pass, and how it fits into free memory."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Literal, TypeAlias

import torch
from torch import nn
from transformers import PreTrainedConfig

from gradschool.environment import gigabytes
from gradschool.errors import ResourceError
from gradschool.model.attention import Segments
from gradschool.model.four_bits import packable
from gradschool.model.memory import MATMUL_BUFFERS, Device, seeing_bytes, whole_without_weights, without_weights
from gradschool.model.reader import CHUNK_NUMBERS
from gradschool.model.seeing import sees
from gradschool.model.sight import adapted_layers, patches_of_token
from gradschool.tune.activations import Activations, remembered_bytes
from gradschool.tune.passes import Pass
from gradschool.tune.rows import MAX_TOKENS

Method: TypeAlias = Literal["lora", "4-bit lora", "full"]
CountActivations: TypeAlias = Callable[[torch.dtype, int | None, Segments, str], Activations]  # see activation_bytes

# Bytes per trained number, all in float32: weight, gradient, AdamW's two moments, and the best weights so far.
TRAINED_BYTES = 4 + 4 + 8 + 4
# Bytes per weight in 4 bits, scales included (QLoRA: Dettmers et al. 2023, arXiv:2305.14314).
FOUR_BIT_BYTES = 0.5 + 0.0625
USABLE = 0.85  # of the free memory
# Of what layers free, about this fraction remains as gaps on a CPU's heap, between tensors that are saved: glibc wants
# some bytes more than the size of an aligned tensor, so that no tensor of the same size fits into the gap, but smaller
# ones do (bench/memory.py). In 16 bits layers free float32 tensors, and save tensors of half their size, which fit.
# Tensors of MAPPED bytes or more are not on the heap, and leave no gap.
GAPS, GAPS_IN_16_BITS, MAPPED = 0.5, 0.2, 32 << 20


class TrainingMemory:
    """Bytes that trainings of a base need, for any passes.

    `base` are the weights, `trained` the trained numbers with gradients and optimizer state. `packs` says whether the
    base reads packed rows; if not, the logits of a whole micro-batch exist at once. `count` counts activations of this
    base: a cached `activation_bytes` can be shared by several methods. See [tune] vision_blocks.
    """

    def __init__(
        self,
        config: PreTrainedConfig,
        method: Method,
        rank: int,
        device: Device,
        *,
        packs: bool = True,
        count: CountActivations | None = None,
        vision_blocks: int | None = None,
    ) -> None:
        network, storage = without_weights(config, device.dtype), device.dtype.itemsize
        weights = sum(parameter.numel() for parameter in network.parameters())
        output = network.get_output_embeddings()
        linear = [m for m in network.modules() if isinstance(m, nn.Linear) and m is not output]
        self._count, self.device = count or partial(remembered_bytes, config), device
        text = config.get_text_config()
        self._depth, self._width = int(text.num_hidden_layers), int(text.hidden_size)
        self.base, trained, unpacked = weights * storage, weights, [0]
        if method != "full":
            trained = sum(rank * (layer.in_features + layer.out_features) for layer in linear)
        if method == "4-bit lora":
            unpacked = [layer.weight.numel() * storage for layer in packable(network)] or unpacked
            self.base -= int(sum(unpacked) * (1 - FOUR_BIT_BYTES / storage))
        self.base += seeing_bytes(config, storage)
        self._seen = 0  # bytes that are saved for each token, if all are of images
        if vision_blocks is not None and sees(config):
            whole = whole_without_weights(config, device.dtype)
            sizes = [layer.in_features + layer.out_features for layer in adapted_layers(whole, vision_blocks)]
            trained += rank * sum(sizes)
            self._seen = round(2 * sum(sizes) * patches_of_token(config) * storage)
        self._unpacked, self._unpacked_by_layer = max(unpacked), sum(w for w in unpacked if w < MAPPED) // self._depth
        self.trained = trained * TRAINED_BYTES
        self._vocabulary, self._output = int(output.out_features), output.weight.numel()
        # With method "full", weights and activations are in float32.
        self._dtype = torch.float32 if method == "full" else device.dtype
        self._rank = None if method == "full" else rank
        self._logits_at_once = CHUNK_NUMBERS if packs else None
        self._counted: dict[Segments, Activations] = {}

    def total(self, passes: Sequence[Pass], checkpointing: bool = False) -> int:
        """Peak bytes of a training with these passes, one after the other."""
        largest = max(self.activations(one, checkpointing) + self._temporary(one) for one in passes)
        return self.base + self.trained + largest

    def activations(self, one: Pass, checkpointing: bool = False) -> int:
        """Bytes saved for the backward pass, with the gaps between them.

        With `checkpointing`, layers save their input and are computed again.
        """
        counted, freed = self._activations_of(one.segments), 0
        seen = self._seen * one.tokens
        if self.device.kind == "cpu":
            freed = sum(size for size in counted.freed if size < MAPPED) + self._unpacked_by_layer
        if checkpointing:  # nothing that is saved later fills the gaps of the layer that is computed again
            inputs = (self._depth + 1) * one.tokens * self._width * self._dtype.itemsize  # the last states included
            return seen + counted.outside + inputs + counted.layer + freed
        gaps = GAPS if self._dtype.itemsize > 2 else GAPS_IN_16_BITS
        return seen + counted.outside + self._depth * (counted.layer + int(gaps * freed))

    def _temporary(self, one: Pass) -> int:
        """Bytes that exist for a moment: a chunk of logits, or a layer's gradients, and an unpacked layer."""
        size, numbers = self._dtype.itemsize, one.predicted * self._vocabulary
        if self._logits_at_once:
            numbers = min(self._logits_at_once, numbers)
        logits = numbers * one.logit_bytes(size)
        if self._rank is None:  # the gradient of the output layer, and what is added to it
            logits += 2 * 4 * self._output
        temporary = max(logits, self._activations_of(one.segments).layer) + self._unpacked
        if self.device.kind == "cpu":
            return temporary + MATMUL_BUFFERS
        return temporary

    def _activations_of(self, segments: Segments) -> Activations:
        """The activations of a pass; of more than three equal rows, from those of two and three."""
        if segments not in self._counted:
            match segments.groups:
                case ((rows, length),) if rows > 3:
                    two, three = (self._activations_of(Segments(segments.prefix, ((n, length),))) for n in (2, 3))
                    counted = three.after(two, rows - 3)
                case _:
                    counted = self._count(self._dtype, self._rank, segments, self.device.kind)
            self._counted[segments] = counted
        return self._counted[segments]


@dataclass(frozen=True, slots=True)
class MemoryPlan:
    """Tokens of a micro-batch, whether activations are checkpointed, and the reason."""

    tokens: int = MAX_TOKENS
    checkpointing: bool = False
    reason: str = ""
    tight: bool = False  # so close to the free memory that the largest pass is tried before the training


UNLIMITED = MemoryPlan()


def plan_memory(
    memory: TrainingMemory,
    passes_of: Callable[[int], Sequence[Pass]],
    longest: int,
    largest: int,
    free: int,
    loaded: int = 0,
) -> MemoryPlan:
    """The largest micro-batches that fit into `free` bytes, of at least the `longest` row and at most `largest` tokens.

    `passes_of` are the passes with micro-batches of at most so many tokens, and `loaded` the bytes of weights that are
    in memory already. Activations are checkpointed only if otherwise not even one row fits. Raises ResourceError if it
    does not fit with checkpointing either.
    """
    largest = max(longest, min(MAX_TOKENS, largest))
    for checkpointing in (False, True):
        tokens = largest
        while True:
            passes = passes_of(tokens)
            more = memory.total(passes, checkpointing) - loaded
            if more <= USABLE * free:
                reason = _reason(max(one.tokens for one in passes), checkpointing, more, free)
                return MemoryPlan(tokens, checkpointing, reason, more > free / 3)
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
