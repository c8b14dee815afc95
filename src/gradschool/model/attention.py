"""Attention over packed rows: segments end to end in one row, behind a prefix that all of them share.

Each segment sees the shared prefix and itself, and nothing of the others, just as if it stood alone behind the prefix.
Families of transformers call it through their attention interface; the layout of the row reaches it as a keyword
argument of the model's forward. Calls without a layout are attended to as transformers itself would.

Shapes: T tokens of the row, P of the prefix, n segments of L tokens each, S tokens seen; H heads of queries, K of keys,
D numbers per head.
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
# Up to so many scores of a head and segment, plain products are faster on a processor than the kernel that never
# writes scores down; the kernel is for long rows, whose scores would fill memory.
PLAIN_SCORES = 1 << 18


# Masks by (tokens before, tokens, window): made by the first layer, used by all.
Masks: TypeAlias = dict[tuple[int, int, int | None], Tensor]


@dataclass(frozen=True, slots=True)
class Scoring:
    """How scores are made: what they are scaled by, how far back one may look, and Gemma 2's bound on them."""

    scale: float
    window: int | None = None
    softcap: float | None = None
    dropout: float = 0.0


Attend: TypeAlias = Callable[[Tensor, Tensor, Tensor, int, Scoring, Masks], Tensor]


class Layout(Protocol):
    """How a row is made up, and so what each of its tokens may see."""

    def attend(self, query: Tensor, key: Tensor, value: Tensor, scoring: Scoring, layer: int) -> Tensor:
        """(1, H, T, D), (1, K, T, D), (1, K, T, D) -> (1, T, H, D)."""
        ...


@dataclass(frozen=True, slots=True)
class Segments:
    """A packed row: `prefix` tokens, then groups of (how many segments, tokens of each)."""

    prefix: int
    groups: tuple[tuple[int, int], ...]
    masks: Masks = field(default_factory=dict, compare=False, repr=False)

    def windows(self) -> set[int | None]:
        """How far back the layers that read this row could look."""
        return {window for _, _, window in self.masks}

    def attend(
        self,
        query: Tensor,
        key: Tensor,
        value: Tensor,
        scoring: Scoring,
        layer: int,
        way: Attend | None = None,
    ) -> Tensor:
        """(1, H, T, D), (1, K, T, D), (1, K, T, D) -> (1, T, H, D); `way` takes the place of `attend`."""
        way = way or attend
        # One split each: its gradient is put together in one piece, where slices would each fill up a whole row.
        sizes = [self.prefix, *(count * length for count, length in self.groups)]
        prefix, *own = zip(*(states[0].split_with_sizes(sizes, dim=1) for states in (query, key, value)), strict=True)
        (prefix_query, prefix_key, prefix_value), outputs = prefix, []
        if self.prefix:
            states = prefix_query[None], prefix_key[None], prefix_value[None]
            outputs.append(way(*states, 0, scoring, self.masks))
        for (count, _), (own_query, own_key, own_value) in zip(self.groups, own, strict=True):
            keys, values = _behind(prefix_key, own_key, count), _behind(prefix_value, own_value, count)
            outputs.append(way(_apart(own_query, count), keys, values, self.prefix, scoring, self.masks))
        return torch.cat([output.transpose(1, 2).flatten(0, 1) for output in outputs])[None]


def attend(query: Tensor, key: Tensor, value: Tensor, before: int, scoring: Scoring, masks: Masks) -> Tensor:
    """Causal attention of L queries to themselves and to the `before` tokens before them.

    (n, H, L, D), (n, K, before + L, D) twice -> (n, H, L, D). `masks` keeps the masks that were made.
    """
    length, seen, window = query.shape[2], key.shape[2], scoring.window
    inside = window is None or seen <= window

    def mask() -> Tensor | None:
        if length == 1 and inside:
            return None
        made = masks.get((before, length, window))
        if made is None:
            made = masks[before, length, window] = causal_mask(before, length, window, query)
        return made

    if not matmul_is_faster(query.device, length * seen) and scoring.softcap is None:
        causal = not before and inside
        return sdpa_attention(query, key, value, None if causal else mask(), scoring, causal and length > 1)
    return matmul_attention(query, key, value, mask(), scoring)


def matmul_is_faster(device: torch.device, scores: int) -> bool:
    """Which of the two ways is taken, by the scores of a head and segment."""
    return device.type == "cpu" and scores <= PLAIN_SCORES


def sdpa_attention(
    query: Tensor, key: Tensor, value: Tensor, mask: Tensor | None, scoring: Scoring, causal: bool = False
) -> Tensor:
    """Attention that never writes scores down, for long rows and for GPUs; the shapes of `attend`."""
    shared = query.shape[1] // key.shape[1]
    if shared > 1 and mask is not None and query.device.type != "cpu":  # no fast kernel knows both
        key, value, shared = key.repeat_interleave(shared, 1), value.repeat_interleave(shared, 1), 1
    return functional.scaled_dot_product_attention(
        query, key, value, mask, scoring.dropout, causal, scale=scoring.scale, enable_gqa=shared > 1
    )


def matmul_attention(query: Tensor, key: Tensor, value: Tensor, mask: Tensor | None, scoring: Scoring) -> Tensor:
    """Attention in plain products, for short rows on a processor; the shapes of `attend`."""
    (count, heads, length, width), (_, key_heads, seen, _) = query.shape, key.shape
    shared = heads // key_heads  # queries that share a head of keys lie below each other: fewer, larger products
    query = query.reshape(count * key_heads, shared * length, width) * scoring.scale
    scores = torch.bmm(query, key.flatten(0, 1).transpose(1, 2)).view(count, heads, length, seen)
    if scoring.softcap is not None:
        scores = torch.tanh(scores / scoring.softcap) * scoring.softcap
    if mask is not None:
        scores = scores + mask
    weights = scores.softmax(-1)
    if scoring.dropout:
        weights = functional.dropout(weights, scoring.dropout)
    return torch.bmm(weights.view(-1, shared * length, seen), value.flatten(0, 1)).view(count, heads, length, -1)


def causal_mask(before: int, length: int, window: int | None, like: Tensor) -> Tensor:
    """(L, before + L), to be added to scores: 0 where one of the last L tokens may look, -inf elsewhere."""
    queries = torch.arange(before, before + length, device=like.device)[:, None]
    keys = torch.arange(before + length, device=like.device)
    hidden = keys > queries
    if window is not None:
        hidden |= keys <= queries - window
    return torch.zeros(hidden.shape, dtype=like.dtype, device=like.device).masked_fill(hidden, float("-inf"))


def _apart(states: Tensor, count: int) -> Tensor:
    """Segments that lie end to end, side by side: (heads, n·L, D) -> (n, heads, L, D)."""
    return states.reshape(len(states), count, -1, states.shape[-1]).transpose(0, 1)


def _behind(prefix: Tensor, states: Tensor, count: int) -> Tensor:
    """Each segment behind the prefix: (heads, P, D), (heads, n·L, D) -> (n, heads, P + L, D)."""
    own = _apart(states, count)
    return torch.cat([prefix.expand(count, -1, -1, -1), own], dim=2) if prefix.shape[1] else own


def install(network: PreTrainedModel) -> None:
    """Let a network's attention go through `attention`."""
    AttentionInterface.register(NAME, attention)
    AttentionMaskInterface.register(NAME, sdpa_mask)
    network.set_attn_implementation(NAME)


def uninstall(network: PreTrainedModel) -> None:
    """Give a network back the attention that transformers chooses for it."""
    try:
        network.set_attn_implementation("sdpa")
    except ValueError:  # the family has none
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
    """What each layer calls, with states (B, heads, T, D); returns (B, T, H, D), and no weights."""
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
        # The least number instead of -inf: what fills a row up on the left sees nothing at all.
        least = torch.finfo(query.dtype).min
        mask = torch.zeros_like(attention_mask, dtype=query.dtype).masked_fill(~attention_mask, least)
    return matmul_attention(query, key, value, mask, scoring).transpose(1, 2), None
