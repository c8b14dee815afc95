"""Cross-entropy on answers: on the tokens of each answer and on the stop token, never on the prompt.

Only hidden states that predict such a token go through the output layer.

Shapes: B rows, T tokens, K trained tokens, V vocabulary.
"""

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from transformers import PreTrainedModel

from gradschool.model.chat import Rendered
from gradschool.model.reader import Head, Reader, logits_at
from gradschool.tune.objectives.chunked import cross_entropy_at, output_loss
from gradschool.tune.objectives.objective import Compute, Objective, StepLoss
from gradschool.tune.plan import Plan
from gradschool.tune.rows import MAX_TOKENS, Packed, Padded, micro_batches, pack, pad, steps_of_epoch
from gradschool.tune.world import ALONE, World


class Answers(Objective):
    """Train on the answers of rendered conversations; the loss is the mean over answer tokens, in nats."""

    name = "answers"

    def __init__(self, train: Sequence[Rendered], validation: Sequence[Rendered], plan: Plan, pad_id: int) -> None:
        self.train, self.validation, self.plan, self.pad_id = train, validation, plan, pad_id
        self.steps_per_epoch = -(-len(train) // plan.rows_per_step)
        self._epoch = -1
        self._steps: list[list[Rendered]] = []  # the rows of each step of that epoch

    def rows(self, step: int) -> list[Rendered]:
        """The training rows of a step."""
        epoch, index = divmod(step, self.steps_per_epoch)
        if epoch != self._epoch:
            self._epoch = epoch
            self._steps = list(steps_of_epoch(self.train, self.plan.rows_per_step, self.plan.seed, epoch))
        return self._steps[index]

    def backward(self, step: int, compute: Compute) -> StepLoss:
        """Gradients are accumulated over micro-batches; each answer token of the step has the same weight."""
        rows, reader, world = self.rows(step), compute.reader, compute.world
        count, total = answer_tokens(rows), 0.0
        local = micro_batches(world.local_rows(rows), compute.max_tokens, reader.packs)
        for micro_batch, weight in world.pad_steps(local, rows[:1]):
            loss = summed_loss(reader, micro_batch, self.pad_id)
            torch.autograd.backward(loss * (weight * world.size) / count)
            total += weight * loss.item()
        tokens = sum(len(row.token_ids) for row in rows)
        return StepLoss(world.sum(total) / count, tokens, (step + 1) / self.steps_per_epoch)

    def validation_loss(self, compute: Compute) -> float:
        """Mean loss per answer token of the validation rows, in nats."""
        return mean_loss(compute.reader, self.validation, self.pad_id, compute.max_tokens, compute.world)

    def try_largest(self, compute: Compute) -> None:
        """Read the largest micro-batch of the longest rows."""
        longest = sorted(self.train, key=lambda row: len(row.token_ids))[-self.plan.rows_per_step :]
        *_, micro_batch = micro_batches(longest, compute.max_tokens, compute.reader.packs)
        torch.autograd.backward(summed_loss(compute.reader, micro_batch, self.pad_id))


def summed_loss(reader: Reader, rows: Sequence[Rendered], pad_id: int) -> Tensor:
    """The loss summed over the answer tokens of some rows, in nats."""
    if reader.packs and reader.head is not None:
        return packed_loss(reader, reader.head, pack(rows, reader.network.device, reader.eyes))
    return padded_loss(reader.network, pad(rows, pad_id, reader.network.device))


def packed_loss(reader: Reader, head: Head, batch: Packed) -> Tensor:
    """The summed loss of packed rows, in nats."""
    hidden = reader.hidden(batch.token_ids, batch.positions, batch.layout)[batch.predicting]
    return output_loss(hidden, head, cross_entropy_at(batch.targets))


def padded_loss(network: PreTrainedModel, batch: Padded) -> Tensor:
    """The summed loss of padded rows, in nats, from the network's own logits."""
    columns = batch.trained[:, 1:].any(dim=0).nonzero().squeeze(1)  # positions that predict an answer token of any row
    logits = logits_at(network, columns, input_ids=batch.token_ids, attention_mask=batch.attention)
    trained = batch.trained[:, columns + 1]
    targets = batch.token_ids[:, columns + 1]
    return nn.functional.cross_entropy(logits[trained].float(), targets[trained], reduction="sum")


@torch.no_grad()
def mean_loss(
    reader: Reader, rows: Sequence[Rendered], pad_id: int, max_tokens: int = MAX_TOKENS, world: World = ALONE
) -> float:
    """Mean loss per answer token, in nats, with at most `max_tokens` tokens in one forward pass."""
    was_training = reader.network.training
    reader.network.eval()
    total = 0.0
    local = micro_batches(world.local_rows(rows), max_tokens, reader.packs)
    for micro_batch, weight in world.pad_steps(local, rows[:1]):
        total += weight * summed_loss(reader, micro_batch, pad_id).item()
    reader.network.train(was_training)
    return world.sum(total) / answer_tokens(rows)


def answer_tokens(rows: Sequence[Rendered]) -> int:
    """How many tokens of these rows are trained on."""
    return sum(sum(row.loss_mask) for row in rows)
