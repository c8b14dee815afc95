"""The memory that answering needs, from a base's config alone: the weights, the KV cache, and what a pass computes.

A copy of the network with two layers reads prompts on torch's meta device, and adds a token to each answer. The tensors
that exist at the same time are counted.

Shapes: B rows, C tokens of a slot, P tokens of the prefix; K key heads, D numbers per head.
"""

import weakref
from collections.abc import Iterable
from functools import partial
from itertools import chain

import torch
from torch import Tensor, nn
from transformers import PreTrainedConfig

from gradschool.model.attention import attend, install
from gradschool.model.kv_cache import DecodeStep, KVCache, Prefill, PrefillPrefix, slot_tokens
from gradschool.model.made_tensors import MadeTensors
from gradschool.model.memory import (
    HEAP_OVERHEAD,
    MATMUL_BUFFERS,
    PREFILL_TOKENS,
    Device,
    key_shape,
    kv_cache_bytes,
    seeing_bytes,
    without_weights,
)
from gradschool.model.reader import UNSUPPORTED, Reader

DEPTH = 2  # layers that are run: the second one starts with what the first one leaves behind
META = torch.device("meta")


class AnsweringMemory:
    """Bytes that answering with a base needs, for any number of rows in a batch."""

    def __init__(self, config: PreTrainedConfig, device: Device) -> None:
        network, size = without_weights(config, device.dtype), device.dtype.itemsize
        output = network.get_output_embeddings()
        linear = (m for m in network.modules() if isinstance(m, nn.Linear) and m is not output)
        self.base = sum(parameter.numel() for parameter in network.parameters()) * size + seeing_bytes(config, size)
        self._cached = kv_cache_bytes(config, device.dtype)
        self._depth = int(config.get_text_config().num_hidden_layers)
        self._logits = int(output.out_features) * size
        self._device, self._keys = device, key_shape(config)
        self._function = partial(attend, device=torch.device(device.kind))
        # For families that cannot be counted: bytes of each token in a layer, those of its widest product.
        hidden = int(config.get_text_config().hidden_size)
        self._typical = 4 * max(layer.out_features for layer in linear) * size + 2 * hidden * 4
        self._network = without_weights(config, device.dtype, DEPTH).eval()
        install(self._network)
        self._known: dict[tuple[str, int, int, int], int] = {}

    def total(self, rows: int, prompt: int, new_tokens: int, shared: int = 0) -> int:
        """Peak bytes with so many rows in a batch, each with a prompt and an answer of so many tokens.

        All prompts begin with the same `shared` tokens, which are cached once. The peak is while prompts are read, when
        all rows have their slots already, or when all answers are complete.
        """
        own = prompt - shared
        together = min(rows, max(1, PREFILL_TOKENS // own))  # rows in one pass
        first, last = slot_tokens(own + 1), slot_tokens(own + max(1, new_tokens - 1))
        prefix = self._computed("prefix", 1, shared, 0) if shared else 0
        reading = rows * first * self._cached + self._computed("prompts", together, own, shared)
        writing = rows * last * self._cached + self._computed("step", rows, last, shared) + rows * self._logits
        if last > first:  # while the slots of a layer are enlarged, they exist twice
            writing += rows * last * self._cached // self._depth
        batch = shared * self._cached + max(prefix, reading + together * self._logits, writing)
        if self._device.kind != "cpu":
            return self.base + batch
        return self.base + int(HEAP_OVERHEAD * batch) + MATMUL_BUFFERS

    def _computed(self, what: str, rows: int, tokens: int, shared: int) -> int:
        """Peak bytes of the activations of a forward pass, without the KV cache.

        `what` is "prefix" or "prompts" (prefill), or "step" (one decode step, with slots of `tokens` tokens).
        """
        key = what, rows, tokens, shared
        if key not in self._known:
            read = rows if what == "step" else rows * tokens
            try:
                self._known[key] = self._live(self._layout(*key), read)
            except UNSUPPORTED:
                self._known[key] = read * self._typical
        return self._known[key]

    def _layout(self, what: str, rows: int, tokens: int, shared: int) -> PrefillPrefix | Prefill | DecodeStep:
        """The layout of a pass, with a KV cache that has place for it."""
        (heads, width), dtype = self._keys, self._device.dtype
        if what == "prefix":
            return PrefillPrefix(KVCache(1), self._function)
        prefix = torch.empty(heads, shared, width, dtype=dtype, device=META)
        slots = torch.empty(rows, heads, slot_tokens(tokens + 1), width, dtype=dtype, device=META)
        cache = KVCache(rows, lengths=torch.zeros(rows, dtype=torch.long, device=META))
        for layer in range(DEPTH):
            cache.rows[layer] = slots, slots
            if shared:
                cache.prefix[layer] = prefix, prefix
        if what == "step":
            return DecodeStep(cache, rows, tokens)
        return Prefill(cache, ((rows, tokens),), cache.lengths, function=self._function)

    def _live(self, layout: PrefillPrefix | Prefill | DecodeStep, tokens: int) -> int:
        """The most bytes of tensors that exist at the same time while so many tokens are read."""
        ids = torch.zeros(1, tokens, dtype=torch.long, device=META)
        cached = chain.from_iterable((*layout.cache.rows.values(), *layout.cache.prefix.values()))
        own = (*self._network.parameters(), *self._network.buffers(), *cached)
        live = _Live(own)
        with torch.inference_mode(), MadeTensors(live.add):
            Reader(self._network, packs=True, head=None).hidden(ids, ids, layout)
        return live.peak


class _Live:
    """The bytes of some tensors, but not of `own` ones, that exist at the same time."""

    def __init__(self, own: Iterable[Tensor]) -> None:
        self.peak, self._now = 0, 0
        self._own = {id(storage): storage for storage in (tensor.untyped_storage() for tensor in own)}
        self._made: dict[int, weakref.ref[torch.UntypedStorage]] = {}

    def add(self, tensor: Tensor) -> None:
        """Count a new tensor until it is freed."""
        storage = tensor.untyped_storage()
        name, size = id(storage), storage.nbytes()
        if name in self._own or name in self._made:
            return

        def freed(_: object) -> None:
            del self._made[name]
            self._now -= size

        self._made[name] = weakref.ref(storage, freed)
        self._now += size
        self.peak = max(self.peak, self._now)
