"""The loss of answers: over the answer's tokens and the stop token alone.

Only the hidden states that predict such a token meet the output layer, and a chunk of them at a time: the logits of a
whole step, often the largest thing in memory, never exist.

Shapes: B rows, T tokens, K tokens to learn, k of them in a chunk, W width, V vocabulary.
"""

import inspect
from collections.abc import Callable, Iterator, Sequence
from typing import Any, TypeAlias

import torch
from torch import Tensor, nn
from transformers import PreTrainedModel

from gradschool.model.chat import Rendered
from gradschool.model.reader import CHUNK_NUMBERS, Head, Reader
from gradschool.tune.rows import MAX_TOKENS, Packed, Padded, micro_batches, pack, pad
from gradschool.tune.world import ALONE, World

# From the log shares (k, V) that a network gives to all tokens at some places: the loss there, in nats, and its slope
# with the logits (k, V).
LossAt: TypeAlias = Callable[[slice, Tensor], tuple[Tensor, Tensor]]


def read_nats(reader: Reader, rows: Sequence[Rendered], pad_id: int) -> Tensor:
    """The loss summed over the answer tokens of some rows, in nats."""
    if reader.packs and reader.head is not None:
        return packed_nats(reader, reader.head, pack(rows, reader.network.device))
    return padded_nats(reader.network, pad(rows, pad_id, reader.network.device))


def packed_nats(reader: Reader, head: Head, batch: Packed) -> Tensor:
    """The loss of packed rows, in nats."""
    hidden = reader.hidden(batch.token_ids, batch.positions, batch.layout)[batch.predicting]
    return head_nats(hidden, head, at_targets(batch.targets))


def padded_nats(network: PreTrainedModel, batch: Padded) -> Tensor:
    """The loss of padded rows, in nats, by the network's own logits, in columns where any row has a token to learn."""
    columns = batch.trained[:, 1:].any(dim=0).nonzero().squeeze(1)  # positions that predict an answer token
    keep = {"logits_to_keep": columns} if _takes_columns(network) else {}
    logits = network(input_ids=batch.token_ids, attention_mask=batch.attention, use_cache=False, **keep).logits
    if not keep:
        logits = logits[:, columns]
    trained = batch.trained[:, columns + 1]
    targets = batch.token_ids[:, columns + 1]
    return nn.functional.cross_entropy(logits[trained].float(), targets[trained], reduction="sum")


def _takes_columns(network: PreTrainedModel) -> bool:
    return "logits_to_keep" in inspect.signature(network.forward).parameters


def at_targets(targets: Tensor) -> LossAt:
    """Each place is to say one token, (K,): cross-entropy."""

    def aim(chunk: slice, shares: Tensor) -> tuple[Tensor, Tensor]:
        chosen = targets[chunk, None]
        nats = -shares.gather(1, chosen).sum()
        return nats, shares.exp_().scatter_add_(1, chosen, torch.full_like(shares[:, :1], -1))

    return aim


def head_nats(hidden: Tensor, head: Head, aim: LossAt) -> Tensor:
    """What the output layer makes of hidden states (K, W), measured at an aim and summed, in nats."""
    nats: Tensor = _HeadNats.apply(hidden, head.layer.weight, head.layer.bias, head, aim)  # type: ignore[no-untyped-call]
    return nats


class _HeadNats(torch.autograd.Function):
    """Chunk by chunk, the gradient together with the loss: logits are needed once and thrown away.

    As 'Cut Your Losses' (Wijmans et al. 2024, arXiv:2411.09009) and Liger Kernel (Hsu et al. 2024, arXiv:2410.10989)
    do it with kernels of their own.
    """

    @staticmethod
    def forward(ctx: Any, hidden: Tensor, weight: Tensor, bias: Tensor | None, head: Head, aim: LossAt) -> Tensor:
        wanted = ctx.needs_input_grad[:3]
        hidden_grad = torch.empty_like(hidden) if wanted[0] else None
        weight_grad = torch.zeros_like(weight, dtype=torch.float32) if wanted[1] else None
        bias_grad = torch.zeros_like(bias, dtype=torch.float32) if bias is not None and wanted[2] else None
        nats = hidden.new_zeros((), dtype=torch.float32)
        for chunk in _chunks(len(hidden), weight.shape[0]):
            logits = head.logits(hidden[chunk]).float()
            loss, slope = aim(chunk, logits.log_softmax(-1))
            nats += loss
            if head.softcap is not None:
                slope *= 1 - (logits / head.softcap) ** 2
            slope = (slope * head.scale if head.scale != 1.0 else slope).to(hidden.dtype)
            if hidden_grad is not None:
                torch.mm(slope, weight, out=hidden_grad[chunk])
            if weight_grad is not None:
                weight_grad += slope.T @ hidden[chunk]
            if bias_grad is not None:
                bias_grad += slope.sum(0)
        kept = ((hidden_grad, hidden), (weight_grad, weight), (bias_grad, bias))
        ctx.save_for_backward(*(grad if grad is None or of is None else grad.to(of.dtype) for grad, of in kept))
        return nats

    @staticmethod
    def backward(ctx: Any, *slopes: Tensor) -> tuple[Tensor | None, ...]:
        grads = (grad if grad is None else grad * slopes[0] for grad in ctx.saved_tensors)
        return (*grads, None, None)


def _chunks(count: int, vocabulary: int) -> Iterator[slice]:
    size = max(1, CHUNK_NUMBERS // vocabulary)
    return (slice(start, start + size) for start in range(0, count, size))


@torch.no_grad()
def mean_loss(
    reader: Reader, rows: Sequence[Rendered], pad_id: int, most_tokens: int = MAX_TOKENS, world: World = ALONE
) -> float:
    """Mean loss per answer token over rows, in nats, with so many tokens read at once."""
    was_training = reader.network.training
    reader.network.eval()
    nats = 0.0
    mine = micro_batches(world.share(rows), most_tokens, reader.packs)
    for micro_batch, weight in world.even(mine, rows[:1]):
        nats += weight * read_nats(reader, micro_batch, pad_id).item()
    reader.network.train(was_training)
    return world.sum(nats) / answer_tokens(rows)


def answer_tokens(rows: Sequence[Rendered]) -> int:
    """How many tokens of these rows are learnt."""
    return sum(sum(row.loss_mask) for row in rows)
