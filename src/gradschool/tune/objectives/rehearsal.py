"""Rehearsal against forgetting: while it learns the job, the student stays near its base on texts of the base's own.

The base writes texts before training begins, and at each step the student is drawn towards the base's own
distribution on a few of them. 'Learning without forgetting' (Li & Hoiem 2016, arXiv:1606.09282) on texts that stand
in for those that the base was made from, which nobody has any more (Robins 1995, "Catastrophic forgetting, rehearsal
and pseudorehearsal"). No text has to be shipped for it, and nothing of the user's is used.

Shapes: N texts, T tokens of each, B texts of one step, W width, V vocabulary.
"""

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext

import torch
from torch import Tensor, nn

from gradschool.model.attention import Segments
from gradschool.model.reader import Head, Reader
from gradschool.tune.objectives.answers import LossAt, head_nats

TEXTS, TEXT_TOKENS = 96, 64  # how many the base writes, and how long
TEXTS_PER_STEP = 4


class Rehearsal:
    """Texts of the base's own, and the base itself as the teacher.

    The teacher reads each text once: what it makes of it is kept, as hidden states, which are small. `as_teacher`
    lets the teacher's network answer as the base where it is also the student's.
    """

    def __init__(
        self,
        texts: Sequence[Sequence[int]],
        teacher: Reader,
        weight: float,
        as_teacher: Callable[[], AbstractContextManager[None]] = nullcontext,
    ) -> None:
        self.texts = torch.tensor([list(text) for text in texts])  # (N, T)
        self.teacher, self.weight, self.as_teacher = teacher, weight, as_teacher
        self._taught: dict[tuple[int, ...], Tensor] = {}

    def loss(self, student: Reader, step: int) -> Tensor:
        """How far the student is from its base: KL(base ‖ student) on the texts of a step, in nats per token."""
        count = min(TEXTS_PER_STEP, len(self.texts))
        chosen = tuple((step * count + i) % len(self.texts) for i in range(count))
        token_ids = self.texts[list(chosen)].to(student.network.device)
        if chosen not in self._taught:
            self._taught[chosen] = self._teach(token_ids)
        taught, said = self._taught[chosen], read(student, token_ids)
        if student.head is not None and self.teacher.head is not None and student.packs:
            nats = head_nats(said, student.head, at_teacher(taught, self.teacher.head))
        else:
            shares = said.float().log_softmax(-1), taught.float().log_softmax(-1)
            nats = nn.functional.kl_div(*shares, reduction="sum", log_target=True)
        return self.weight * nats / token_ids.numel()

    @torch.no_grad()
    def _teach(self, token_ids: Tensor) -> Tensor:
        network = self.teacher.network
        was_training = network.training
        network.eval()
        with self.as_teacher():
            taught = read(self.teacher, token_ids)
        network.train(was_training)
        return taught


def read(reader: Reader, token_ids: Tensor) -> Tensor:
    """Hidden states of texts (B, T), one after the other, (B·T, W); logits (B·T, V) where rows cannot be packed."""
    if reader.packs:
        count, length = token_ids.shape
        positions = torch.arange(length, device=token_ids.device).repeat(count)[None]
        return reader.hidden(token_ids.reshape(1, -1), positions, Segments(0, ((count, length),)))
    logits: Tensor = reader.network(input_ids=token_ids, use_cache=False).logits
    return logits.flatten(0, 1)


def at_teacher(taught: Tensor, head: Head) -> LossAt:
    """Each place is to give every token the share that a teacher gives it, by its hidden states (K, W)."""

    def aim(chunk: slice, shares: Tensor) -> tuple[Tensor, Tensor]:
        theirs = head.logits(taught[chunk]).float().log_softmax(-1)
        nats = nn.functional.kl_div(shares, theirs, reduction="sum", log_target=True)
        return nats, shares.exp_() - theirs.exp_()

    return aim
