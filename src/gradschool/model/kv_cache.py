"""The KV cache of a batch: the common prefix once, and a slot for the rest of each row.

Four layouts, in the sense of `attention`, fill and use it: the prefix is prefilled once, the prompts of new rows are
prefilled after it, decode steps add one token to each row, and tokens that are known in advance are added together.

Shapes: P tokens of the prefix, n new rows of L tokens, B rows in the batch, C tokens that fit into a slot; H query
heads, K key heads, G = H / K, D numbers per head.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor

from gradschool.model.attention import Attend, Masks, Scoring, attend

GROWTH = 32  # slots are enlarged by multiples of so many tokens


def slot_tokens(tokens: int) -> int:
    """The tokens that a slot has place for if it has to hold so many."""
    return -(-tokens // GROWTH) * GROWTH


@dataclass(slots=True)
class KVCache:
    """Keys and values by layer; the rows of the batch occupy the first slots."""

    slots: int
    prefix: dict[int, tuple[Tensor, Tensor]] = field(default_factory=dict)  # (K, P, D)
    rows: dict[int, tuple[Tensor, Tensor]] = field(default_factory=dict)  # (slots, K, C, D)
    lengths: Tensor = field(default_factory=lambda: torch.zeros(0, dtype=torch.long))  # (slots,) without the prefix

    def slots_of(self, layer: int, tokens: int, like: Tensor) -> tuple[Tensor, Tensor]:
        """The slots of a layer, enlarged to at least so many tokens; `like` are states (1, K, T, D)."""
        held = self.rows.get(layer)
        if held is None or held[0].shape[2] < tokens:
            before = held[0].shape[2] if held else 0
            free = like.new_zeros(self.slots, like.shape[1], slot_tokens(tokens) - before, like.shape[3])
            keys, values = (torch.cat([old, free], dim=2) for old in held) if held else (free, free.clone())
            held = self.rows[layer] = keys, values
        return held

    def move(self, source: int, target: int) -> None:
        """Move the row in one slot to another."""
        for keys, values in self.rows.values():
            keys[target], values[target] = keys[source], values[source]
        self.lengths[target] = self.lengths[source]


@dataclass(frozen=True, slots=True)
class PrefillPrefix:
    """The packed row is the common prefix, which is cached."""

    cache: KVCache
    function: Attend = attend
    reach: Tensor | None = None
    masks: Masks = field(default_factory=dict)

    def attend(self, query: Tensor, key: Tensor, value: Tensor, scoring: Scoring, layer: int) -> Tensor:
        """(1, H, P, D), (1, K, P, D) twice -> (1, P, H, D)."""
        self.cache.prefix[layer] = (key[0].contiguous(), value[0].contiguous())
        return self.function(query, key, value, 0, scoring, self.masks, self.reach).transpose(1, 2)


@dataclass(frozen=True, slots=True)
class Prefill:
    """The packed row holds prompts without the prefix, grouped by length; each is cached in its slot."""

    cache: KVCache
    groups: tuple[tuple[int, int], ...]
    slots: Tensor  # (n,), in the order of the prompts
    masks: Masks = field(default_factory=dict)
    function: Attend = attend
    reach: tuple[Tensor | None, ...] = ()  # of each group, if some tokens attend to later ones

    def attend(self, query: Tensor, key: Tensor, value: Tensor, scoring: Scoring, layer: int) -> Tensor:
        """(1, H, T, D), (1, K, T, D) twice -> (1, T, H, D)."""
        keys, values = self.cache.slots_of(layer, self.groups[-1][1] + 1, key)
        prefix = self.cache.prefix.get(layer)
        outputs, place, row = [], 0, 0
        for (count, length), reach in zip(self.groups, self.reach or (None,) * len(self.groups), strict=True):
            parts = []
            for states in (query, key, value):
                own = states[0, :, place : place + count * length]
                parts.append(own.reshape(len(own), count, length, -1).transpose(0, 1))
            own_query, own_key, own_value = parts
            slots = self.slots[row : row + count]
            keys[slots, :, :length], values[slots, :, :length] = own_key, own_value
            if prefix is not None:
                own_key, own_value = (
                    torch.cat([before.expand(count, -1, -1, -1), own], dim=2)
                    for before, own in zip(prefix, (own_key, own_value), strict=True)
                )
            before = own_key.shape[2] - length
            outputs.append(self.function(own_query, own_key, own_value, before, scoring, self.masks, reach))
            place, row = place + count * length, row + count
        return torch.cat([output.transpose(1, 2).flatten(0, 1) for output in outputs])[None]


@dataclass(frozen=True, slots=True)
class DecodeStep:
    """The packed row holds one new token of each row; `longest` is the longest row, this token included."""

    cache: KVCache
    rows: int
    longest: int
    masks: dict[int | None, Tensor] = field(default_factory=dict)

    def attend(self, query: Tensor, key: Tensor, value: Tensor, scoring: Scoring, layer: int) -> Tensor:
        """(1, H, B, D), (1, K, B, D) twice -> (1, B, H, D)."""
        heads, width, key_heads = query.shape[1], query.shape[3], key.shape[1]
        shared, rows = heads // key_heads, self.rows
        keys, values = self.cache.slots_of(layer, self.longest, key)
        places = torch.arange(rows, device=key.device), self.cache.lengths[:rows]
        keys[places[0], :, places[1]] = key[0].transpose(0, 1)
        values[places[0], :, places[1]] = value[0].transpose(0, 1)
        queries = (query[0] * scoring.scale).view(key_heads, shared, rows, width).permute(2, 0, 1, 3)  # (B, K, G, D)
        # Over complete slots, with unused positions masked: matmul would copy a slice of them.
        scores = torch.matmul(queries, keys[:rows].transpose(2, 3))  # (B, K, G, C)
        prefix = self.cache.prefix.get(layer)
        if prefix is not None:
            # All rows attend to the same keys: one product, which reads them once.
            together = queries.transpose(0, 1).reshape(key_heads, rows * shared, width)
            prefix_scores = torch.bmm(together, prefix[0].transpose(1, 2)).view(key_heads, rows, shared, -1)
            scores = torch.cat([prefix_scores.transpose(0, 1), scores], dim=3)
        if scoring.softcap is not None:
            scores = torch.tanh(scores / scoring.softcap) * scoring.softcap
        prefix_tokens = scores.shape[3] - keys.shape[2]
        weights = (scores + self._mask(scoring.window, scores, prefix_tokens)).softmax(-1)
        if prefix is None:
            return torch.matmul(weights, values[:rows]).reshape(1, rows, heads, width)
        # Rounded once, as without a prefix: else an answer would depend on the questions that share the prefix.
        exact = torch.promote_types(values.dtype, torch.float32)
        output = torch.matmul(weights[..., prefix_tokens:].to(exact), values[:rows].to(exact))  # (B, K, G, D)
        at_prefix = weights[..., :prefix_tokens].transpose(0, 1).reshape(key_heads, rows * shared, -1)
        from_prefix = torch.bmm(at_prefix.to(exact), prefix[1].to(exact)).view(key_heads, rows, shared, width)
        return (output + from_prefix.transpose(0, 1)).to(values.dtype).reshape(1, rows, heads, width)

    def _mask(self, window: int | None, scores: Tensor, prefix_tokens: int) -> Tensor:
        """(B, 1, 1, P + C), to add to scores: -inf at positions without a token, or outside the window."""
        made = self.masks.get(window)
        if made is None:
            lengths = self.cache.lengths[: self.rows, None]
            positions = torch.arange(scores.shape[3], device=scores.device) - prefix_tokens  # negative for the prefix
            hidden = positions > lengths
            if window is not None:
                hidden |= positions <= lengths - window
            zeros = torch.zeros(hidden.shape, dtype=scores.dtype, device=scores.device)
            made = self.masks[window] = zeros.masked_fill(hidden, float("-inf"))[:, None, None]
        return made


@dataclass(frozen=True, slots=True)
class Extend:
    """The packed row holds further tokens of some rows: as many as `counts`, after `lengths` that their slots hold."""

    cache: KVCache
    slots: tuple[int, ...]
    lengths: tuple[int, ...]  # without the prefix
    counts: tuple[int, ...]
    masks: Masks = field(default_factory=dict)
    function: Attend = attend

    def attend(self, query: Tensor, key: Tensor, value: Tensor, scoring: Scoring, layer: int) -> Tensor:
        """(1, H, T, D), (1, K, T, D) twice -> (1, T, H, D)."""
        ends = [length + count for length, count in zip(self.lengths, self.counts, strict=True)]
        cached = self.cache.slots_of(layer, max(ends), key)
        prefix = self.cache.prefix.get(layer)
        outputs, place = [], 0
        for slot, length, end in zip(self.slots, self.lengths, ends, strict=True):
            own = slice(place, place + end - length)
            read = []
            for slots, states, before in zip(cached, (key, value), prefix or (None, None), strict=True):
                slots[slot, :, length:end] = states[0, :, own]
                row = slots[slot, :, :end]
                read.append((row if before is None else torch.cat([before, row], dim=1))[None])
            before_own = read[0].shape[2] - (end - length)
            outputs.append(self.function(query[:, :, own], read[0], read[1], before_own, scoring, self.masks, None))
            place = own.stop
        return torch.cat(outputs, dim=2).transpose(1, 2)


def grouped(lengths: Sequence[int]) -> tuple[tuple[int, int], ...]:
    """Lengths in ascending order, as pairs of (count, length)."""
    return tuple((lengths.count(length), length) for length in sorted(set(lengths)))
