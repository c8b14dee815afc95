"""Rehearsal against forgetting: while it learns the job, the student stays near its base on texts of the base's own.

The base writes texts before training begins, and at each step the student is drawn towards the base's own
distribution on a few of them. 'Learning without forgetting' (Li & Hoiem 2016, arXiv:1606.09282) on texts that stand
in for those that the base was made from, which nobody has any more (Robins 1995, "Catastrophic forgetting, rehearsal
and pseudorehearsal"). No text has to be shipped for it, and nothing of the user's is used.

Shapes: N texts, T tokens of each, B texts of one step, V vocabulary.
"""

from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn
from transformers import PreTrainedModel

TEXTS, TEXT_TOKENS = 96, 64  # how many the base writes, and how long
TEXTS_PER_STEP = 4

Teacher = Callable[[Tensor], Tensor]


class Rehearsal:
    """Texts of the base's own, and the base itself as the teacher: token ids (B, T) to logits (B, T, V)."""

    def __init__(self, texts: Sequence[Sequence[int]], teacher: Teacher, weight: float) -> None:
        self.texts = torch.tensor([list(text) for text in texts])  # (N, T)
        self.teacher, self.weight = teacher, weight

    def loss(self, network: PreTrainedModel, step: int) -> Tensor:
        """How far the student is from its base: KL(base ‖ student) on the texts of a step, in nats per token."""
        count = min(TEXTS_PER_STEP, len(self.texts))
        chosen = [(step * count + i) % len(self.texts) for i in range(count)]
        token_ids = self.texts[chosen].to(network.device)
        with torch.no_grad():
            taught = self.teacher(token_ids).float().log_softmax(-1)
        said = network(input_ids=token_ids, use_cache=False).logits.float().log_softmax(-1)
        apart = nn.functional.kl_div(said, taught, reduction="none", log_target=True)  # (B, T, V)
        return self.weight * apart.sum(-1).mean()
