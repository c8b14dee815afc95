"""The output layer and a loss on its logits, a chunk of tokens at a time.

The logits of all tokens of a step are often the largest tensor of a training; here they never exist at once.

Shapes: K tokens, k of them in a chunk, W width, V vocabulary.
"""

from collections.abc import Callable, Iterator
from typing import Any, TypeAlias

import torch
from torch import Tensor

from gradschool.model.reader import CHUNK_NUMBERS, Head

# From a chunk and its log-probabilities (k, V): the loss summed over the chunk, in nats, and its gradient with respect
# to the logits (k, V). The log-probabilities may be overwritten.
LossAt: TypeAlias = Callable[[slice, Tensor], tuple[Tensor, Tensor]]


def output_loss(hidden: Tensor, head: Head, loss_at: LossAt) -> Tensor:
    """The loss of hidden states (K, W) through the output layer, summed, in nats; differentiable."""
    loss: Tensor = _OutputLoss.apply(hidden, head.layer.weight, head.layer.bias, head, loss_at)  # type: ignore[no-untyped-call]
    return loss


def cross_entropy_at(targets: Tensor) -> LossAt:
    """Cross-entropy with one target token (K,) for each hidden state."""

    def loss_at(chunk: slice, log_probs: Tensor) -> tuple[Tensor, Tensor]:
        chosen = targets[chunk, None]
        loss = -log_probs.gather(1, chosen).sum()
        return loss, log_probs.exp_().scatter_add_(1, chosen, torch.full_like(log_probs[:, :1], -1))

    return loss_at


class _OutputLoss(torch.autograd.Function):
    """Computes the gradient of each chunk together with its loss, so that logits are needed only once.

    The idea of 'Cut Your Losses' (Wijmans et al. 2024, arXiv:2411.09009) and Liger Kernel (Hsu et al. 2024,
    arXiv:2410.10989), without custom kernels.
    """

    @staticmethod
    def forward(ctx: Any, hidden: Tensor, weight: Tensor, bias: Tensor | None, head: Head, loss_at: LossAt) -> Tensor:
        needed = ctx.needs_input_grad[:3]
        hidden_grad = torch.empty_like(hidden) if needed[0] else None
        weight_grad = torch.zeros_like(weight, dtype=torch.float32) if needed[1] else None
        bias_grad = torch.zeros_like(bias, dtype=torch.float32) if bias is not None and needed[2] else None
        total = hidden.new_zeros((), dtype=torch.float32)
        for chunk in _chunks(len(hidden), weight.shape[0]):
            logits = head.logits(hidden[chunk]).float()
            loss, grad = loss_at(chunk, logits.log_softmax(-1))
            total += loss
            if head.softcap is not None:
                grad *= 1 - (logits / head.softcap) ** 2
            grad = (grad * head.scale if head.scale != 1.0 else grad).to(hidden.dtype)
            if hidden_grad is not None:
                torch.mm(grad, weight, out=hidden_grad[chunk])
            if weight_grad is not None:
                weight_grad += grad.T @ hidden[chunk]
            if bias_grad is not None:
                bias_grad += grad.sum(0)
        grads = ((hidden_grad, hidden), (weight_grad, weight), (bias_grad, bias))
        ctx.save_for_backward(*(grad if grad is None or of is None else grad.to(of.dtype) for grad, of in grads))
        return total

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, ...]:
        return (*(grad if grad is None else grad * grads[0] for grad in ctx.saved_tensors), None, None)


def _chunks(count: int, vocabulary: int) -> Iterator[slice]:
    size = max(1, CHUNK_NUMBERS // vocabulary)
    return (slice(start, start + size) for start in range(0, count, size))
