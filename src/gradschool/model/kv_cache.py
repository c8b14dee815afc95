"""Keys and values of rows that are being answered: what they share once, the rest of each in a slot of its own.

Three layouts, in the sense of `attention`, fill and use them: the shared prefix is read once, rows enter behind it with
their prompts, and then all rows advance by one token at a time.

Shapes: P tokens of the prefix, n rows that enter with L tokens, B rows under way, C tokens that a slot can hold; H
heads of queries, K of keys, G = H / K, D numbers per head.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor

from gradschool.model.attention import Masks, Scoring, attend

GROWTH = 32  # tokens by which slots grow


@dataclass(slots=True)
class KVCache:
    """The keys and values of all layers, by layer; rows under way fill the first slots."""

    slots: int
    prefix: dict[int, tuple[Tensor, Tensor]] = field(default_factory=dict)  # (K, P, D)
    rows: dict[int, tuple[Tensor, Tensor]] = field(default_factory=dict)  # (slots, K, C, D)
    lengths: Tensor = field(default_factory=lambda: torch.zeros(0, dtype=torch.long))  # (slots,) without the prefix

    def room(self, layer: int, tokens: int, like: Tensor) -> tuple[Tensor, Tensor]:
        """The slots of a layer, grown to hold at least so many tokens; `like` are states (1, K, T, D)."""
        held = self.rows.get(layer)
        if held is None or held[0].shape[2] < tokens:
            before = held[0].shape[2] if held else 0
            free = like.new_zeros(self.slots, like.shape[1], -(-tokens // GROWTH) * GROWTH - before, like.shape[3])
            keys, values = (torch.cat([old, free], dim=2) for old in held) if held else (free, free.clone())
            held = self.rows[layer] = keys, values
        return held

    def move(self, source: int, target: int) -> None:
        """Let the row in one slot lie in another."""
        for keys, values in self.rows.values():
            keys[target], values[target] = keys[source], values[source]
        self.lengths[target] = self.lengths[source]


@dataclass(frozen=True, slots=True)
class PrefillPrefix:
    """The row is the shared prefix alone, and is kept."""

    kept: KVCache

    def attend(self, query: Tensor, key: Tensor, value: Tensor, scoring: Scoring, layer: int) -> Tensor:
        """(1, H, P, D), (1, K, P, D) twice -> (1, P, H, D)."""
        self.kept.prefix[layer] = (key[0].contiguous(), value[0].contiguous())
        return attend(query, key, value, 0, scoring, {}).transpose(1, 2)


@dataclass(frozen=True, slots=True)
class Prefill:
    """The row is made of prompts behind the prefix, equally long ones together; each is kept in its slot."""

    kept: KVCache
    groups: tuple[tuple[int, int], ...]
    slots: Tensor  # (n,), in the order of the prompts
    masks: Masks = field(default_factory=dict)

    def attend(self, query: Tensor, key: Tensor, value: Tensor, scoring: Scoring, layer: int) -> Tensor:
        """(1, H, T, D), (1, K, T, D) twice -> (1, T, H, D)."""
        keys, values = self.kept.room(layer, self.groups[-1][1] + 1, key)
        prefix = self.kept.prefix.get(layer)
        outputs, place, row = [], 0, 0
        for count, length in self.groups:
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
            outputs.append(attend(own_query, own_key, own_value, before, scoring, self.masks))
            place, row = place + count * length, row + count
        return torch.cat([output.transpose(1, 2).flatten(0, 1) for output in outputs])[None]


@dataclass(frozen=True, slots=True)
class DecodeStep:
    """The row is made of one token of each row under way; `longest` is the most that one has, this token included."""

    kept: KVCache
    rows: int
    longest: int
    masks: dict[int | None, Tensor] = field(default_factory=dict)

    def attend(self, query: Tensor, key: Tensor, value: Tensor, scoring: Scoring, layer: int) -> Tensor:
        """(1, H, B, D), (1, K, B, D) twice -> (1, B, H, D)."""
        heads, width, key_heads = query.shape[1], query.shape[3], key.shape[1]
        shared, rows = heads // key_heads, self.rows
        keys, values = self.kept.room(layer, self.longest, key)
        places = torch.arange(rows, device=key.device), self.kept.lengths[:rows]
        keys[places[0], :, places[1]] = key[0].transpose(0, 1)
        values[places[0], :, places[1]] = value[0].transpose(0, 1)
        asked = (query[0] * scoring.scale).view(key_heads, shared, rows, width).permute(2, 0, 1, 3)  # (B, K, G, D)
        # All that the slots can hold, and the mask hides the rest: a slice of it would be copied by the product.
        scores = torch.matmul(asked, keys[:rows].transpose(2, 3))  # (B, K, G, C)
        prefix = self.kept.prefix.get(layer)
        if prefix is not None:
            # All rows ask the same keys: one product, in which these are read once.
            together = asked.transpose(0, 1).reshape(key_heads, rows * shared, width)
            before = torch.bmm(together, prefix[0].transpose(1, 2)).view(key_heads, rows, shared, -1)
            scores = torch.cat([before.transpose(0, 1), scores], dim=3)
        if scoring.softcap is not None:
            scores = torch.tanh(scores / scoring.softcap) * scoring.softcap
        tokens_before = scores.shape[3] - keys.shape[2]
        weights = (scores + self._mask(scoring.window, scores, tokens_before)).softmax(-1)
        output = torch.matmul(weights[..., tokens_before:], values[:rows])  # (B, K, G, D)
        if prefix is not None:
            at_prefix = weights[..., :tokens_before].transpose(0, 1).reshape(key_heads, rows * shared, -1)
            seen = torch.bmm(at_prefix, prefix[1]).view(key_heads, rows, shared, width)
            output = output + seen.transpose(0, 1)
        return output.reshape(1, rows, heads, width)

    def _mask(self, window: int | None, scores: Tensor, before: int) -> Tensor:
        """(B, 1, 1, P + C), to be added to scores: -inf where a row has no token, or one out of its sight."""
        made = self.masks.get(window)
        if made is None:
            lengths = self.kept.lengths[: self.rows, None]
            places = torch.arange(scores.shape[3], device=scores.device) - before  # own tokens from 0, prefix below
            hidden = places > lengths
            if window is not None:
                hidden |= places <= lengths - window
            zeros = torch.zeros(hidden.shape, dtype=scores.dtype, device=scores.device)
            made = self.masks[window] = zeros.masked_fill(hidden, float("-inf"))[:, None, None]
        return made


def grouped(lengths: Sequence[int]) -> tuple[tuple[int, int], ...]:
    """Sorted lengths as (how many, length)."""
    return tuple((lengths.count(length), length) for length in sorted(set(lengths)))
