"""Attention over packed rows: segments are concatenated in one row, after a prefix that they share.

Each segment attends to the prefix and to itself, as if it followed the prefix alone. Models call this function through
transformers' attention interface, and receive the layout of the row as a keyword argument of `forward`. Without a
layout, attention is that of transformers.

Shapes: T tokens of the row, P of the prefix, n segments of L tokens each, S tokens attended to; H query heads, K key
heads, D numbers per head.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Protocol, TypeAlias

import torch
from torch import Tensor, nn
from torch.nn import functional
from transformers import AttentionInterface, AttentionMaskInterface, PreTrainedModel
from transformers.integrations.sdpa_attention import sdpa_attention_forward
from transformers.masking_utils import sdpa_mask

NAME = "gradschool"
# Up to so many scores of a head and segment, matmul is faster than SDPA on a CPU. SDPA is for long rows: it does not
# store their scores.
MATMUL_SCORES = 1 << 18


# Masks by (tokens before, tokens, window, the reach of the tokens), made by the first layer and used by all.
Masks: TypeAlias = dict[tuple[int, int, int | None, int], Tensor]


@dataclass(frozen=True, slots=True)
class Scoring:
    """How attention scores are computed: scale, sliding window, Gemma 2's soft cap, and dropout."""

    scale: float
    window: int | None = None
    softcap: float | None = None
    dropout: float = 0.0


Attend: TypeAlias = Callable[[Tensor, Tensor, Tensor, int, Scoring, Masks, Tensor | None], Tensor]


class Layout(Protocol):
    """The structure of a packed row, which decides what each token attends to."""

    def attend(self, query: Tensor, key: Tensor, value: Tensor, scoring: Scoring, layer: int) -> Tensor:
        """(1, H, T, D), (1, K, T, D), (1, K, T, D) -> (1, T, H, D)."""
        ...


@dataclass(frozen=True, slots=True)
class Segments:
    """A packed row: `prefix` tokens, then groups of (number of segments, tokens of each).

    `reach` has one entry for the prefix and for each group if some tokens attend to later ones; see `reach.py`.
    """

    prefix: int
    groups: tuple[tuple[int, int], ...]
    reach: tuple[Tensor | None, ...] = field(default=(), compare=False, repr=False)
    masks: Masks = field(default_factory=dict, compare=False, repr=False)

    @property
    def tokens(self) -> int:
        """Tokens of the row."""
        return self.prefix + sum(count * length for count, length in self.groups)

    def windows(self) -> set[int | None]:
        """The sliding windows of the layers that read this row."""
        return {window for _, _, window, _ in self.masks}

    def attend(
        self,
        query: Tensor,
        key: Tensor,
        value: Tensor,
        scoring: Scoring,
        layer: int,
        function: Attend | None = None,
    ) -> Tensor:
        """(1, H, T, D), (1, K, T, D), (1, K, T, D) -> (1, T, H, D); `function` replaces `attend`."""
        function = function or attend
        first, *reaches = self.reach or (None,) * (1 + len(self.groups))
        # One split for each tensor: the gradient of each slice would be as large as the row.
        sizes = [self.prefix, *(count * length for count, length in self.groups)]
        prefix, *own = zip(*(states[0].split_with_sizes(sizes, dim=1) for states in (query, key, value)), strict=True)
        (prefix_query, prefix_key, prefix_value), outputs = prefix, []
        if self.prefix:
            states = prefix_query[None], prefix_key[None], prefix_value[None]
            outputs.append(function(*states, 0, scoring, self.masks, first))
        for (count, _), its, (own_query, own_key, own_value) in zip(self.groups, reaches, own, strict=True):
            keys, values = after(prefix_key, own_key, count), after(prefix_value, own_value, count)
            outputs.append(function(unpacked(own_query, count), keys, values, self.prefix, scoring, self.masks, its))
        return torch.cat([output.transpose(1, 2).flatten(0, 1) for output in outputs])[None]


def attend(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    before: int,
    scoring: Scoring,
    masks: Masks,
    reach: Tensor | None = None,
    device: torch.device | None = None,
) -> Tensor:
    """Attention of L tokens to themselves and to the `before` tokens before them: causal, or as far as their `reach`.

    (n, H, L, D), (n, K, before + L, D) twice, (n, L) -> (n, H, L, D). `masks` caches masks. `device` is the one whose
    memory is counted with tensors that have no numbers.
    """
    length, seen, window = query.shape[2], key.shape[2], scoring.window
    in_window = window is None or seen <= window

    def mask() -> Tensor | None:
        if length == 1 and in_window:
            return None
        key = (before, length, window, 0 if reach is None else id(reach))  # which its layout keeps
        made = masks.get(key)
        if made is None:
            made = masks[key] = causal_mask(before, length, window, query, reach)
        return made

    if not matmul_is_faster(device or query.device, length * seen) and scoring.softcap is None:
        causal = not before and in_window and reach is None
        return sdpa_attention(query, key, value, None if causal else mask(), scoring, causal and length > 1)
    return matmul_attention(query, key, value, mask(), scoring)


def matmul_is_faster(device: torch.device, scores: int) -> bool:
    """Whether `matmul_attention` is used, by the number of scores of a head and segment."""
    return device.type == "cpu" and scores <= MATMUL_SCORES


def sdpa_attention(
    query: Tensor, key: Tensor, value: Tensor, mask: Tensor | None, scoring: Scoring, causal: bool = False
) -> Tensor:
    """Attention that does not store its scores, for long rows and for GPUs; shapes as in `attend`."""
    group = query.shape[1] // key.shape[1]
    if group > 1 and mask is not None and query.device.type != "cpu":  # no fast kernel supports both
        key, value, group = key.repeat_interleave(group, 1), value.repeat_interleave(group, 1), 1
    return functional.scaled_dot_product_attention(
        query, key, value, mask, scoring.dropout, causal, scale=scoring.scale, enable_gqa=group > 1
    )


def matmul_attention(query: Tensor, key: Tensor, value: Tensor, mask: Tensor | None, scoring: Scoring) -> Tensor:
    """Attention with matrix products, for short rows on a CPU; shapes as in `attend`."""
    (count, heads, length, width), (_, key_heads, seen, _) = query.shape, key.shape
    group = heads // key_heads  # query heads with the same key head are concatenated: fewer, larger products
    query = query.reshape(count * key_heads, group * length, width) * scoring.scale
    scores = torch.bmm(query, key.flatten(0, 1).transpose(1, 2)).view(count, heads, length, seen)
    if scoring.softcap is not None:
        scores = torch.tanh(scores / scoring.softcap) * scoring.softcap
    if mask is not None:
        scores = scores + mask
    weights = scores.softmax(-1)
    if scoring.dropout:
        weights = functional.dropout(weights, scoring.dropout)
    return torch.bmm(weights.view(-1, group * length, seen), value.flatten(0, 1)).view(count, heads, length, -1)


def causal_mask(before: int, length: int, window: int | None, like: Tensor, reach: Tensor | None = None) -> Tensor:
    """(L, before + L), to add to scores: 0 at the positions that each of the last L tokens attends to, else -inf.

    With the `reach` (n, L) of these tokens: (n, 1, L, before + L).
    """
    queries = torch.arange(before, before + length, device=like.device)[:, None]
    keys = torch.arange(before + length, device=like.device)
    hidden = keys > queries if reach is None else keys >= reach[:, None, :, None]
    if window is not None:
        hidden = hidden | (keys <= queries - window)
    return torch.zeros(hidden.shape, dtype=like.dtype, device=like.device).masked_fill(hidden, float("-inf"))


def unpacked(states: Tensor, count: int) -> Tensor:
    """Concatenated segments as a batch: (heads, n·L, D) -> (n, heads, L, D)."""
    return states.reshape(len(states), count, -1, states.shape[-1]).transpose(0, 1)


def after(prefix: Tensor, states: Tensor, count: int) -> Tensor:
    """Each segment after the prefix: (heads, P, D), (heads, n·L, D) -> (n, heads, P + L, D)."""
    own = unpacked(states, count)
    return torch.cat([prefix.expand(count, -1, -1, -1), own], dim=2) if prefix.shape[1] else own


def install(network: PreTrainedModel) -> None:
    """Make a network use `attention`."""
    AttentionInterface.register(NAME, attention)
    AttentionMaskInterface.register(NAME, sdpa_mask)
    network.set_attn_implementation(NAME)


def uninstall(network: PreTrainedModel) -> None:
    """Make a network use the default attention of transformers again."""
    try:
        network.set_attn_implementation("sdpa")
    except ValueError:  # the family does not support it
        network.set_attn_implementation("eager")


def attention(
    module: nn.Module,
    query: Tensor,
    key: Tensor,
    value: Tensor,
    attention_mask: Tensor | None,
    dropout: float = 0.0,
    scaling: float | None = None,
    sliding_window: int | None = None,
    softcap: float | None = None,
    layout: Layout | None = None,
    **further: Any,
) -> tuple[Tensor, None]:
    """The function that each layer calls with states (B, heads, T, D); returns (B, T, H, D) and no weights."""
    scoring = Scoring(scaling or query.shape[-1] ** -0.5, sliding_window, softcap, dropout)
    if layout is not None:
        return layout.attend(query, key, value, scoring, getattr(module, "layer_idx", 0)), None
    if softcap is None:
        plain: tuple[Tensor, None] = sdpa_attention_forward(
            module, query, key, value, attention_mask, dropout, scaling, **further
        )
        return plain
    if attention_mask is None:
        mask = causal_mask(key.shape[2] - query.shape[2], query.shape[2], None, query)
    else:
        # The smallest number instead of -inf: left padding attends to nothing, and would become NaN.
        lowest = torch.finfo(query.dtype).min
        mask = torch.zeros_like(attention_mask, dtype=query.dtype).masked_fill(~attention_mask, lowest)
    return matmul_attention(query, key, value, mask, scoring).transpose(1, 2), None
