"""Rows of tokens, dealt out to steps, cut into portions that fit into memory, and put together to be read.

Rows that begin alike (instructions, guidelines, shown examples) are packed: what they share is read once, the rest of
each follows end to end, without filling. A network that cannot read packed rows gets them side by side, filled up.

Shapes: B rows, T tokens (packed: of all; padded: of the longest row), K tokens to learn.
"""

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby

import torch
from torch import Tensor

from gradschool.model.attention import Segments
from gradschool.model.chat import Rendered

MAX_TOKENS = 8_192  # read at once: more is not faster


@dataclass(frozen=True, slots=True)
class Packed:
    """Rows end to end behind the beginning that they share; token `targets[k]` is predicted at `predicting[k]`."""

    token_ids: Tensor  # (1, T) int64
    positions: Tensor  # (1, T) int64
    layout: Segments
    predicting: Tensor  # (K,) int64, places in the packed row
    targets: Tensor  # (K,) int64


@dataclass(frozen=True, slots=True)
class Padded:
    """Rows side by side, filled up on the right; the loss is over `trained` tokens alone."""

    token_ids: Tensor  # (B, T) int64
    attention: Tensor  # (B, T) int64, 1 where there is a token
    trained: Tensor  # (B, T) bool


def pack(rows: Sequence[Rendered], device: torch.device) -> Packed:
    """Put rows end to end behind their common beginning, those of equal length next to each other."""
    prefix = shared_prefix(rows)
    ordered = sorted(rows, key=lambda row: len(row.token_ids))
    token_ids, positions = list(ordered[0].token_ids[:prefix]), list(range(prefix))
    predicting, targets = [], []
    for row in ordered:
        start = len(token_ids) - prefix  # where the row would begin if it had the packed row to itself
        for place in range(prefix, len(row.token_ids)):
            if row.loss_mask[place]:
                predicting.append(start + place - 1 if place > prefix else prefix - 1)
                targets.append(row.token_ids[place])
        token_ids += row.token_ids[prefix:]
        positions += range(prefix, len(row.token_ids))
    lengths = groupby(len(row.token_ids) - prefix for row in ordered)
    layout = Segments(prefix, tuple((sum(1 for _ in alike), length) for length, alike in lengths))
    made = (torch.tensor(numbers, device=device) for numbers in (token_ids, positions, predicting, targets))
    ids, places, predictors, targeted = made
    return Packed(ids[None], places[None], layout, predictors, targeted)


def shared_prefix(rows: Sequence[Rendered]) -> int:
    """How many tokens all rows begin with alike, short of the first that any of them learns; none for a single row."""
    if len(rows) < 2:
        return 0
    first, last = min(row.token_ids for row in rows), max(row.token_ids for row in rows)
    alike = next((i for i, (a, b) in enumerate(zip(first, last, strict=False)) if a != b), min(len(first), len(last)))
    return min(alike, *(row.loss_mask.index(True) for row in rows))


def pad(rows: Sequence[Rendered], pad_id: int, device: torch.device) -> Padded:
    """Put rows side by side."""
    longest = max(len(row.token_ids) for row in rows)
    token_ids = torch.full((len(rows), longest), pad_id)
    attention = torch.zeros(len(rows), longest, dtype=torch.long)
    trained = torch.zeros(len(rows), longest, dtype=torch.bool)
    for i, row in enumerate(rows):
        length = len(row.token_ids)
        token_ids[i, :length] = torch.tensor(row.token_ids)
        attention[i, :length] = 1
        trained[i, :length] = torch.tensor(row.loss_mask, dtype=torch.bool)
    return Padded(token_ids.to(device), attention.to(device), trained.to(device))


def steps_of_epoch(rows: Sequence[Rendered], rows_per_step: int, seed: int, epoch: int) -> Iterator[list[Rendered]]:
    """Deal all rows out to steps, in an order that depends on seed and epoch alone.

    Steps are made of rows of like length (sorted within stretches of eight steps), so that little is filled up.
    """
    order = list(range(len(rows)))
    shuffle = random.Random(f"{seed}:{epoch}")
    shuffle.shuffle(order)
    stretch = rows_per_step * 8
    steps = []
    for start in range(0, len(order), stretch):
        part = sorted(order[start : start + stretch], key=lambda i: len(rows[i].token_ids))
        steps += [part[i : i + rows_per_step] for i in range(0, len(part), rows_per_step)]
    shuffle.shuffle(steps)
    for step in steps:
        yield [rows[i] for i in step]


def micro_batches(rows: Sequence[Rendered], most_tokens: int, packed: bool) -> Iterator[list[Rendered]]:
    """Cut a step into portions that fit into memory: at most `most_tokens` each, filling included; one row at least.

    Packed rows count with what they share once, padded ones all as long as the longest.
    """
    micro_batch: list[Rendered] = []
    prefix = shared_prefix(rows) if packed else 0
    tokens = 0
    for row in sorted(rows, key=lambda r: len(r.token_ids)):
        length = len(row.token_ids)
        grown = tokens + length - prefix if packed else length * (len(micro_batch) + 1)
        if micro_batch and grown > most_tokens:
            yield micro_batch
            micro_batch = []
        tokens = grown if micro_batch else length
        micro_batch.append(row)
    if micro_batch:
        yield micro_batch
