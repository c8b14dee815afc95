"""LoRA (Hu et al. 2021, arXiv:2106.09685): a frozen linear layer plus a trained low-rank update.

Shapes: B rows, T tokens, I inputs, O outputs, R rank.

           x (B, T, I) ──┬── W (O, I), frozen ─────────────────────┐
                         │                                         + ── y (B, T, O)
                         └── A (R, I) ── B (O, R) ── × alpha/R ────┘
"""

import math
from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor, nn
from transformers import PreTrainedModel

from gradschool.errors import ModelError
from gradschool.model.four_bits import weight_of


class LoraLinear(nn.Module):
    """A linear layer that computes y = x Wᵀ + b + scale · (x Aᵀ) Bᵀ, where only A and B are trained.

    A and B are float32 in any case: their updates are too small for bfloat16.
    """

    def __init__(self, base: nn.Linear, lora_a: Tensor, lora_b: Tensor, scale: float) -> None:
        super().__init__()
        self.base = base
        self.lora_a = nn.Parameter(lora_a)  # (R, I)
        self.lora_b = nn.Parameter(lora_b)  # (O, R)
        self.scale = scale

    @classmethod
    def from_base(cls, base: nn.Linear, rank: int, alpha: float, generator: torch.Generator) -> "LoraLinear":
        """Wrap a layer. A is uniform in ±1/√I as in PEFT, and B is zero, so that the output does not change yet."""
        bound = 1 / math.sqrt(base.in_features)
        lora_a = (torch.rand(rank, base.in_features, generator=generator) * 2 - 1) * bound
        lora_b = torch.zeros(base.out_features, rank)
        device = base.weight.device
        return cls(base, lora_a.to(device), lora_b.to(device), alpha / rank)

    def forward(self, x: Tensor) -> Tensor:
        """(…, I) -> (…, O)."""
        a, b = self.lora_a.to(x.dtype), self.lora_b.to(x.dtype)
        flat: Tensor = _Lora.apply(x.flatten(0, -2), self.base, a, b, self.scale)  # type: ignore[no-untyped-call]
        return flat.view(*x.shape[:-1], -1)

    def fuse(self) -> nn.Linear:
        """One linear layer with the same output: W + scale · B A, added in float32, stored in the base's dtype."""
        layer = nn.Linear(self.base.in_features, self.base.out_features, self.base.bias is not None, device="meta")
        frozen = weight_of(self.base)
        weight = frozen.float() + self.scale * (self.lora_b @ self.lora_a)
        layer.weight = nn.Parameter(weight.to(frozen.dtype), requires_grad=False)
        layer.bias = self.base.bias
        return layer


class _Lora(torch.autograd.Function):
    """y = x Wᵀ + c + s · (x Aᵀ) Bᵀ with W and c frozen; only x and x Aᵀ are saved for the backward pass.

    Quantized W is dequantized once in each pass, and not saved.
    """

    @staticmethod
    def forward(ctx: Any, x: Tensor, base: nn.Linear, a: Tensor, b: Tensor, s: float) -> Tensor:
        low = x @ a.T  # (N, R)
        y = nn.functional.linear(x, weight_of(base), base.bias)
        y.addmm_(low, b.T, alpha=s)
        ctx.save_for_backward(x, a, b, low)
        ctx.base, ctx.s = base, s
        return y

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, ...]:
        (dy,), (x, a, b, low), s = grads, ctx.saved_tensors, ctx.s
        dlow = (dy @ b) * s
        dx = None
        if ctx.needs_input_grad[0]:
            dx = dy @ weight_of(ctx.base)
            dx.addmm_(dlow, a)
        return dx, None, dlow.T @ x, (dy.T @ low) * s, None


def attach(network: PreTrainedModel, rank: int, alpha: float, seed: int) -> list[str]:
    """Freeze a network and put a LoRA layer around each of its linear layers except the output layer.

    Returns their names; raises ModelError if there are none. Following 'LoRA Without Regret', all layers are targets.
    """
    assert not any(lora_layers(network)), "the network has LoRA layers already"
    network.requires_grad_(False)
    generator = torch.Generator().manual_seed(seed)
    output = network.get_output_embeddings()
    linear = [(n, m) for n, m in network.named_modules() if isinstance(m, nn.Linear) and m is not output]
    if not linear:
        raise ModelError(
            f"{type(network).__name__} has no linear layers for LoRA.",
            "Its layers are of another kind.",
            'use another base_model, or [tune] method = "full".',
        )
    for name, layer in linear:
        network.set_submodule(name, LoraLinear.from_base(layer, rank, alpha, generator))
    return [name for name, _ in linear]


def fuse(network: PreTrainedModel) -> None:
    """Replace each LoRA layer by one linear layer with the same output."""
    for name, layer in list(lora_layers(network)):
        network.set_submodule(name, layer.fuse())


def lora_layers(network: PreTrainedModel) -> Iterator[tuple[str, LoraLinear]]:
    """The LoRA layers of a network, by the name of the layer that each wraps."""
    for name, module in network.named_modules():
        if isinstance(module, LoraLinear):
            yield name, module


def trained_parameters(network: PreTrainedModel) -> dict[str, nn.Parameter]:
    """The parameters that an optimizer may change, by name."""
    return {name: parameter for name, parameter in network.named_parameters() if parameter.requires_grad}
