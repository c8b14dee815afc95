"""Losses of plain texts under a network: the sum of -log p over their tokens, in nats."""

from collections.abc import Sequence

import torch
from torch.nn import functional

from gradschool.model.attention import Segments
from gradschool.model.kv_cache import grouped
from gradschool.model.reader import Head, Reader

BATCH = 16  # rows in one forward pass; their logits are the largest tensor
IGNORED = -100  # cross_entropy's index for targets without loss


def row_losses(reader: Reader, rows: Sequence[list[int]]) -> list[float]:
    """The loss of each row of token ids, in nats, over all tokens but the first; rows should be sorted by length."""
    losses: list[float] = []
    for start in range(0, len(rows), BATCH):
        batch = rows[start : start + BATCH]
        packs = reader.packs and reader.head is not None
        losses += _packed(reader, batch, reader.head) if packs and reader.head else _padded(reader, batch)
    return losses


@torch.inference_mode()
def _padded(reader: Reader, rows: Sequence[list[int]]) -> list[float]:
    device, longest = reader.network.device, max(map(len, rows))
    ids = torch.tensor([row + [0] * (longest - len(row)) for row in rows], device=device)
    mask = torch.tensor([[1] * len(row) + [0] * (longest - len(row)) for row in rows], device=device)
    logits = reader.network(input_ids=ids, attention_mask=mask, use_cache=False).logits[:, :-1]
    targets = ids[:, 1:].masked_fill(mask[:, 1:] == 0, IGNORED)
    losses = functional.cross_entropy(logits.float().transpose(1, 2), targets, reduction="none", ignore_index=IGNORED)
    return [float(loss) for loss in losses.double().sum(1)]


@torch.inference_mode()
def _packed(reader: Reader, rows: Sequence[list[int]], head: Head) -> list[float]:
    device = reader.network.device
    ids = torch.tensor([[token for row in rows for token in row]], device=device)
    positions = torch.tensor([[position for row in rows for position in range(len(row))]], device=device)
    lengths = [len(row) for row in rows]
    hidden = reader.hidden(ids, positions, Segments(0, grouped(lengths)))
    last = torch.tensor(lengths, device=device).cumsum(0) - 1
    predicting = torch.ones(len(hidden), dtype=torch.bool, device=device).index_fill(0, last, False)
    nats = head.nats(hidden[predicting], ids[0].roll(-1)[predicting]).double()
    return [float(row.sum()) for row in nats.split_with_sizes([length - 1 for length in lengths])]
