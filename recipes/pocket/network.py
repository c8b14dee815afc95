"""The network: a Llama with the parameter names of transformers, written for fast training on few cores.

Shapes: B rows, T tokens, D width, H heads, K key heads, C = D / H.
"""

import json
from pathlib import Path

import torch
import torch.nn.functional as F
from safetensors.torch import load_file
from torch import Tensor, nn

from gradschool.model.machine import cpu_has_bfloat16
from recipes.pocket.settings import Shape


def rotary_table(length: int, head_width: int, theta: float) -> tuple[Tensor, Tensor]:
    """Return cosines and sines [T, C] of the rotary embedding (Su et al., 2021) in the half-split order of Llama."""
    frequencies = theta ** (-torch.arange(0, head_width, 2, dtype=torch.float32) / head_width)
    angles = torch.outer(torch.arange(length, dtype=torch.float32), frequencies)
    angles = torch.cat([angles, angles], dim=-1)
    return angles.cos(), angles.sin()


def rotate(x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
    """Apply the rotary embedding to queries or keys [B, H, T, C]."""
    first, second = x.chunk(2, dim=-1)
    return x * cos + torch.cat([-second, first], dim=-1) * sin


class Norm(nn.Module):
    """Root-mean-square norm (Zhang and Sennrich, 2019)."""

    def __init__(self, width: int, epsilon: float) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(width))
        self.epsilon = epsilon

    def forward(self, x: Tensor) -> Tensor:
        """Scale every vector of [B, T, D] to unit mean square, in float32."""
        x = x.float()
        scaled: Tensor = self.weight * (x * torch.rsqrt(x.pow(2).mean(-1, keepdim=True) + self.epsilon))
        return scaled


class Attention(nn.Module):
    """Causal self-attention with rotary positions."""

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.heads, self.key_heads, self.head_width = shape.heads, shape.key_heads, shape.width // shape.heads
        self.q_proj = nn.Linear(shape.width, shape.heads * self.head_width, bias=False)
        self.k_proj = nn.Linear(shape.width, shape.key_heads * self.head_width, bias=False)
        self.v_proj = nn.Linear(shape.width, shape.key_heads * self.head_width, bias=False)
        self.o_proj = nn.Linear(shape.heads * self.head_width, shape.width, bias=False)

    def forward(self, x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
        """Apply causal attention to [B, T, D]."""
        rows, length, _ = x.shape
        q = self.q_proj(x).view(rows, length, self.heads, self.head_width).transpose(1, 2)
        k = self.k_proj(x).view(rows, length, self.key_heads, self.head_width).transpose(1, 2)
        v = self.v_proj(x).view(rows, length, self.key_heads, self.head_width).transpose(1, 2)
        q, k = rotate(q, cos, sin).to(v.dtype), rotate(k, cos, sin).to(v.dtype)
        mixed = F.scaled_dot_product_attention(q, k, v, is_causal=True, enable_gqa=self.heads != self.key_heads)
        out: Tensor = self.o_proj(mixed.transpose(1, 2).reshape(rows, length, -1))
        return out


class FeedForward(nn.Module):
    """Gated feed-forward layer (SwiGLU; Shazeer, 2020)."""

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.gate_proj = nn.Linear(shape.width, shape.inner, bias=False)
        self.up_proj = nn.Linear(shape.width, shape.inner, bias=False)
        self.down_proj = nn.Linear(shape.inner, shape.width, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        """Transform every vector of [B, T, D]."""
        out: Tensor = self.down_proj(F.silu(self.gate_proj(x)) * self.up_proj(x))
        return out


class Block(nn.Module):
    """One transformer block."""

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.self_attn, self.mlp = Attention(shape), FeedForward(shape)
        self.input_layernorm = Norm(shape.width, shape.epsilon)
        self.post_attention_layernorm = Norm(shape.width, shape.epsilon)

    def forward(self, x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
        """Apply attention and the feed-forward layer to [B, T, D], with residuals."""
        x = x + self.self_attn(self.input_layernorm(x), cos, sin)
        out: Tensor = x + self.mlp(self.post_attention_layernorm(x))
        return out


class Network(nn.Module):
    """The language model without its output layer; logits are products of its hidden states with the embedding."""

    def __init__(self, shape: Shape, seed: int = 0) -> None:
        super().__init__()
        self.shape = shape
        self.embed_tokens = nn.Embedding(shape.vocabulary, shape.width)
        self.layers = nn.ModuleList(Block(shape) for _ in range(shape.layers))
        self.norm = Norm(shape.width, shape.epsilon)
        cos, sin = rotary_table(shape.positions, shape.width // shape.heads, shape.rope_theta)
        self.register_buffer("cos", cos, persistent=False)
        self.register_buffer("sin", sin, persistent=False)
        self.cos: Tensor
        self.sin: Tensor
        source = torch.Generator().manual_seed(seed)
        with torch.no_grad():
            for name, weight in self.named_parameters():
                if weight.dim() == 2:
                    small = name.endswith(("o_proj.weight", "down_proj.weight"))
                    spread = 0.02 if "embed" in name else 0.5 / shape.width**0.5
                    weight.normal_(0.0, spread / (2 * shape.layers) ** 0.5 if small else spread, generator=source)

    def forward(self, tokens: Tensor) -> Tensor:
        """Map tokens [B, T] to hidden states [B, T, D]."""
        x = self.embed_tokens(tokens)
        cos, sin = self.cos[: tokens.shape[1]], self.sin[: tokens.shape[1]]
        for block in self.layers:
            x = block(x, cos, sin)
        out: Tensor = self.norm(x)
        return out


def weighted_loss(vectors: Tensor, embedding: Tensor, targets: Tensor, weights: Tensor) -> Tensor:
    """Sum the weighted cross-entropy, in nats, of targets [N] given hidden states [N, D]."""
    logits = F.linear(vectors, embedding).float()
    return (F.cross_entropy(logits, targets, reduction="none") * weights).sum()


def computing(device: str) -> torch.autocast:
    """Autocast to bfloat16, except on a CPU without bfloat16 instructions, where float32 is faster."""
    return torch.autocast(device, torch.bfloat16, enabled=device != "cpu" or cpu_has_bfloat16())


def load_exported(folder: Path) -> Network:
    """Load an exported model into the equivalent network of this recipe."""
    config = json.loads((folder / "config.json").read_text())
    shape = Shape(
        vocabulary=config["vocab_size"],
        width=config["hidden_size"],
        layers=config["num_hidden_layers"],
        heads=config["num_attention_heads"],
        key_heads=config["num_key_value_heads"],
        inner=config["intermediate_size"],
    )
    network = Network(shape)
    stored = {k.removeprefix("model."): v.float() for k, v in load_file(folder / "model.safetensors").items()}
    network.load_state_dict({k: v for k, v in stored.items() if k != "lm_head.weight"})
    return network
