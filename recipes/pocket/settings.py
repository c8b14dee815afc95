"""All settings of the recipe."""

from dataclasses import dataclass, field


@dataclass(frozen=True)
class Shape:
    """The size of the network; about 5.7 million parameters, of which the tied embedding is 1.2 million."""

    vocabulary: int = 4928
    """Entries of the embedding; the tokenizer's entries rounded up to a multiple of 64."""
    width: int = 256
    """Size of hidden states."""
    layers: int = 6
    """Transformer blocks."""
    heads: int = 4
    """Attention heads; few and wide, because exact lookup of a word needs wide keys."""
    key_heads: int = 4
    """Heads of keys and values."""
    inner: int = 640
    """Width of the feed-forward layers."""
    positions: int = 2048
    """Maximum context in tokens."""
    rope_theta: float = 10000.0
    """Base of the rotary position embedding."""
    epsilon: float = 1e-5
    """Epsilon of the norms."""


@dataclass(frozen=True)
class Stage:
    """A stage of the curriculum: up to the fraction `until` of the budget, rows of `length` tokens drawn by `mix`."""

    until: float
    length: int
    mix: dict[str, float]


STAGES = (
    Stage(0.15, 512, {"text": 0.40, "chat": 0.10, "short": 0.50}),
    Stage(0.50, 512, {"text": 0.30, "chat": 0.08, "short": 0.27, "medium": 0.35}),
    Stage(0.82, 512, {"text": 0.20, "chat": 0.12, "medium": 0.45, "long": 0.23}),
    Stage(1.01, 1024, {"text": 0.18, "chat": 0.12, "medium": 0.38, "long": 0.32}),
)
"""Natural text first, then more and longer tasks; `mix` counts rows, not tokens."""
FURTHER = (
    Stage(0.15, 512, {"text": 0.20, "chat": 0.06, "short": 0.34, "medium": 0.40}),
    Stage(0.60, 512, {"text": 0.20, "chat": 0.06, "short": 0.09, "medium": 0.50, "long": 0.15}),
    Stage(1.01, 1536, {"text": 0.18, "chat": 0.08, "medium": 0.26, "long": 0.48}),
)
"""The curriculum for continued training from an exported model, which can already copy.

Its last rows are longer, because questions with guidelines, shown examples and passages exceed a thousand tokens.
"""
SYNTHETIC = {"short": 2_000_000, "medium": 20_000_000, "long": 14_000_000}
"""Generated tokens of synthetic tasks by stream; a longer training repeats them."""


@dataclass(frozen=True)
class Training:
    """Settings of the training."""

    shape: Shape = field(default_factory=Shape)
    stages: tuple[Stage, ...] = STAGES
    batch_tokens: int = 8192
    """Tokens per optimizer step."""
    micro_tokens: int = 4096
    """Tokens per micro-batch; gradients are accumulated over the batch."""
    matrix_rate: float = 0.012
    """Learning rate of the matrices inside the blocks (Muon)."""
    other_rate: float = 2.5e-3
    """Learning rate of the embedding and the norms (AdamW)."""
    warmup: float = 0.01
    """Fraction of the budget over which the learning rate rises."""
    decay: float = 0.5
    """Fraction of the budget, at its end, over which the learning rate falls to zero."""
    weight_decay: float = 0.05
    average: float = 0.997
    """Decay of the moving average of the weights."""
    seed: int = 20
    check_every: int = 2_000_000
    """Tokens between two evaluations on held-out data."""
    save_minutes: float = 4.0
    """Minutes between two checkpoints."""


def further() -> Training:
    """Settings for continued training from an exported model: lower learning rates that decay from the start.

    With the rates of a first training, the averaged weights were no better than the start after nine million tokens.
    """
    return Training(stages=FURTHER, matrix_rate=0.006, other_rate=1.2e-3, decay=0.97)
