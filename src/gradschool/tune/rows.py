"""Batches of training rows: which rows each step reads, in which micro-batches, and packed or padded into tensors.

Rows often have a common prefix (instructions, guidelines, few-shot examples). Packed rows contain the prefix once and
then the rest of each row, without padding. Networks that cannot read packed rows get padded ones.

Shapes: B rows, T tokens (packed: of all rows; padded: of the longest one), K trained tokens.
"""

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import groupby, islice

import torch
from torch import Tensor

from gradschool.model.attention import Segments
from gradschool.model.chat import Rendered
from gradschool.model.eyes import Eyes, positions_in, reach_in
from gradschool.model.prefix import between_images, common_prefix

MAX_TOKENS = 8_192  # of a micro-batch: more is not faster


@dataclass(frozen=True, slots=True)
class Packed:
    """A common prefix, followed by the rest of each row; position `predicting[k]` predicts token `targets[k]`."""

    token_ids: Tensor  # (1, T) int64
    positions: Tensor  # (1, T) int64
    layout: Segments
    predicting: Tensor  # (K,) int64, indices into the packed row
    targets: Tensor  # (K,) int64


@dataclass(frozen=True, slots=True)
class Padded:
    """Rows padded on the right; the loss is over `trained` tokens."""

    token_ids: Tensor  # (B, T) int64
    attention: Tensor  # (B, T) int64, 0 for padding
    trained: Tensor  # (B, T) bool


def pack(rows: Sequence[Rendered], device: torch.device, eyes: Eyes | None = None) -> Packed:
    """Pack rows after their common prefix, sorted by length; `eyes` are those of the network, if it has some."""
    prefix = shared_prefix(rows)
    ordered = sorted(rows, key=lambda row: len(row.token_ids))
    token_ids, positions = list(ordered[0].token_ids[:prefix]), positions_in(eyes, ordered[0].token_ids)[:prefix]
    predicting, targets = [], []
    for row in ordered:
        start = len(token_ids) - prefix  # add to a position in the row for its index in the packed row
        for position in range(prefix, len(row.token_ids)):
            if row.loss_mask[position]:
                predicting.append(start + position - 1 if position > prefix else prefix - 1)
                targets.append(row.token_ids[position])
        token_ids += row.token_ids[prefix:]
        positions += positions_in(eyes, row.token_ids)[prefix:-1]
    ids, at, predictors, predicted = (
        torch.tensor(numbers, device=device) for numbers in (token_ids, positions, predicting, targets)
    )
    layout = layout_of(rows, prefix)
    each = iter([row.token_ids for row in ordered])
    groups = (reach_in(eyes, list(islice(each, count)), prefix) for count, _ in layout.groups)
    reach = (reach_in(eyes, [ordered[0].token_ids[:prefix]], 0), *groups)
    return Packed(ids[None], at[None], replace(layout, reach=reach), predictors, predicted)


def layout_of(rows: Sequence[Rendered], prefix: int) -> Segments:
    """The layout of packed rows, sorted by length, after a common prefix of so many tokens."""
    lengths = groupby(sorted(len(row.token_ids) - prefix for row in rows))
    return Segments(prefix, tuple((sum(1 for _ in equal), length) for length, equal in lengths))


def shared_prefix(rows: Sequence[Rendered]) -> int:
    """The length of the common prefix of all rows, up to the first trained token of any; 0 for a single row."""
    if len(rows) < 2:
        return 0
    ids = [row.token_ids for row in rows]
    return between_images(ids, min(common_prefix(ids), *(row.loss_mask.index(True) for row in rows)))


def pad(rows: Sequence[Rendered], pad_id: int, device: torch.device) -> Padded:
    """Pad rows on the right to the longest one."""
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
    """The rows of each step of an epoch, in an order that depends on seed and epoch alone.

    Rows of a step have similar lengths (sorted within buckets of eight steps), so that there is little padding.
    """
    order = list(range(len(rows)))
    shuffle = random.Random(f"{seed}:{epoch}")
    shuffle.shuffle(order)
    bucket = rows_per_step * 8
    steps = []
    for start in range(0, len(order), bucket):
        part = sorted(order[start : start + bucket], key=lambda i: len(rows[i].token_ids))
        steps += [part[i : i + rows_per_step] for i in range(0, len(part), rows_per_step)]
    shuffle.shuffle(steps)
    for step in steps:
        yield [rows[i] for i in step]


def micro_batches(rows: Sequence[Rendered], max_tokens: int, packed: bool) -> Iterator[list[Rendered]]:
    """Split the rows of a step into micro-batches of at most `max_tokens` tokens each, but at least one row.

    A packed micro-batch counts the common prefix once, a padded one includes its padding.
    """
    micro_batch: list[Rendered] = []
    prefix = shared_prefix(rows) if packed else 0
    tokens = 0
    for row in sorted(rows, key=lambda r: len(r.token_ids)):
        length = len(row.token_ids)
        grown = tokens + length - prefix if packed else length * (len(micro_batch) + 1)
        if micro_batch and grown > max_tokens:
            yield micro_batch
            micro_batch = []
        tokens = grown if micro_batch else length
        micro_batch.append(row)
    if micro_batch:
        yield micro_batch
