"""Rows of tokens, and the portions of them that are trained on together.

Shapes: B rows, T tokens of the longest row, K columns in which any row has a token to learn, V vocabulary.
"""

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from gradschool.model.chat import Rendered


@dataclass(frozen=True, slots=True)
class Batch:
    """Rows side by side, filled up on the right; the loss is over `trained` tokens alone."""

    token_ids: Tensor  # (B, T) int64
    attention: Tensor  # (B, T) int64, 1 where there is a token
    trained: Tensor  # (B, T) bool

    @property
    def tokens(self) -> int:
        """Tokens read, without the filling."""
        return int(self.attention.sum())


def make_batch(rows: Sequence[Rendered], pad_id: int, device: torch.device) -> Batch:
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
    return Batch(token_ids.to(device), attention.to(device), trained.to(device))


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


def portions(rows: Sequence[Rendered], most_tokens: int) -> Iterator[list[Rendered]]:
    """Cut a step into portions that fit into memory: at most `most_tokens` each, filling included."""
    portion: list[Rendered] = []
    longest = 0
    for row in sorted(rows, key=lambda r: len(r.token_ids)):
        longest = max(longest, len(row.token_ids))
        if portion and longest * (len(portion) + 1) > most_tokens:
            yield portion
            portion, longest = [], len(row.token_ids)
        portion.append(row)
    if portion:
        yield portion
