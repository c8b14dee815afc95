"""The loss of answers: over the answer's tokens and the stop token alone.

Shapes: B rows, T tokens, K columns in which any row has a token to learn, V vocabulary.
"""

import inspect
from collections.abc import Sequence

import torch
from torch import Tensor, nn
from transformers import PreTrainedModel

from gradschool.model.chat import Rendered
from gradschool.tune.rows import Batch, make_batch, portions

PORTION_TOKENS = 8_192  # tokens read at once; a step may be made of several portions


def answer_nats(network: PreTrainedModel, batch: Batch) -> Tensor:
    """The loss summed over the answer tokens of a batch, in nats; logits only in columns where there is one."""
    columns = batch.trained[:, 1:].any(dim=0).nonzero().squeeze(1)  # (K,) positions that predict an answer token
    keep = {"logits_to_keep": columns} if _takes_columns(network) else {}
    logits = network(input_ids=batch.token_ids, attention_mask=batch.attention, use_cache=False, **keep).logits
    if not keep:
        logits = logits[:, columns]  # (B, K, V)
    trained = batch.trained[:, columns + 1]  # (B, K)
    targets = batch.token_ids[:, columns + 1]  # (B, K)
    return nn.functional.cross_entropy(logits[trained].float(), targets[trained], reduction="sum")


def _takes_columns(network: PreTrainedModel) -> bool:
    return "logits_to_keep" in inspect.signature(network.forward).parameters


@torch.no_grad()
def mean_loss(network: PreTrainedModel, rows: Sequence[Rendered], pad_id: int) -> float:
    """Mean loss per answer token over rows, in nats."""
    was_training = network.training
    network.eval()
    nats = 0.0
    for portion in portions(rows, PORTION_TOKENS):
        nats += answer_nats(network, make_batch(portion, pad_id, network.device)).item()
    network.train(was_training)
    return nats / answer_tokens(rows)


def answer_tokens(rows: Sequence[Rendered]) -> int:
    """How many tokens of these rows are learnt."""
    return sum(sum(row.loss_mask) for row in rows)
