"""Rehearsal against forgetting: keep the student close to its base on texts that the base wrote.

The base writes short texts before training. At each step a KL divergence keeps the student's distribution close to the
base's on a few of them. This is 'Learning without forgetting' (Li & Hoiem 2016, arXiv:1606.09282), with generated texts
in place of the base's training data, which is not available (Robins 1995, "Catastrophic forgetting, rehearsal and
pseudorehearsal"). No text is shipped for it, and no data of the user is used.

Shapes: N texts, T tokens of each, B texts of one step, W width, V vocabulary.
"""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from gradschool.model.attention import Segments
from gradschool.model.reader import Head, Reader
from gradschool.tune.objectives.chunked import LossAt, output_loss
from gradschool.tune.objectives.objective import Compute, Objective, StepLoss

TEXTS, TEXT_TOKENS = 96, 64  # how many texts the base writes at most, and their length
TEXTS_PER_STEP = 4


def texts_read(steps: int) -> int:
    """How many texts a training of so many steps reads; after the last one it begins again."""
    return min(TEXTS, TEXTS_PER_STEP * steps)


class Rehearsal(Objective):
    """KL(base ‖ student) on texts of the base, times a weight.

    The teacher reads each text once; its hidden states are cached, since they are small.
    """

    name = "rehearsal"

    def __init__(self, texts: Sequence[Sequence[int]], teacher: Reader, weight: float) -> None:
        self.texts = torch.tensor([list(text) for text in texts])  # (N, T)
        self.teacher, self.weight = teacher, weight
        self._cached: dict[tuple[int, ...], Tensor] = {}

    def backward(self, step: int, compute: Compute) -> StepLoss:
        """Every process reads all texts of the step, so that their average is the gradient."""
        loss = self.loss(compute.reader, step)
        torch.autograd.backward(loss)
        return StepLoss(loss.item())

    def loss(self, student: Reader, step: int) -> Tensor:
        """The weighted KL divergence on the texts of a step, in nats per token."""
        count = min(TEXTS_PER_STEP, len(self.texts))
        chosen = tuple((step * count + i) % len(self.texts) for i in range(count))
        token_ids = self.texts[list(chosen)].to(student.network.device)
        if chosen not in self._cached:
            with torch.no_grad():
                self._cached[chosen] = read(self.teacher, token_ids)
        taught, output = self._cached[chosen], read(student, token_ids)
        if student.head is not None and self.teacher.head is not None and student.packs:
            total = output_loss(output, student.head, divergence_at(taught, self.teacher.head))
        else:
            log_probs = output.float().log_softmax(-1), taught.float().log_softmax(-1)
            total = nn.functional.kl_div(*log_probs, reduction="sum", log_target=True)
        return self.weight * total / token_ids.numel()


def read(reader: Reader, token_ids: Tensor) -> Tensor:
    """Hidden states of packed texts, (B, T) -> (B·T, W), or logits (B·T, V) if the network cannot read packed rows."""
    if reader.packs:
        count, length = token_ids.shape
        positions = torch.arange(length, device=token_ids.device).repeat(count)[None]
        return reader.hidden(token_ids.reshape(1, -1), positions, Segments(0, ((count, length),)))
    logits: Tensor = reader.network(input_ids=token_ids, use_cache=False).logits
    return logits.flatten(0, 1)


def divergence_at(taught: Tensor, head: Head) -> LossAt:
    """KL divergence from the distributions of a teacher, given by its hidden states (K, W)."""

    def loss_at(chunk: slice, log_probs: Tensor) -> tuple[Tensor, Tensor]:
        target = head.logits(taught[chunk]).float().log_softmax(-1)
        loss = nn.functional.kl_div(log_probs, target, reduction="sum", log_target=True)
        return loss, log_probs.exp_() - target.exp_()

    return loss_at
