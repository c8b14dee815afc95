"""Every setting of the recipe, stated once."""

from dataclasses import dataclass, field


@dataclass(frozen=True)
class Shape:
    """The size of the network; about 5.7 million parameters, of which the tied embedding is 1.2 million."""

    vocabulary: int = 4928
    """Entries of the embedding; the tokenizer's entries rounded up to a multiple of 64."""
    width: int = 256
    """Numbers per token between layers."""
    layers: int = 6
    """Transformer blocks."""
    heads: int = 4
    """Attention heads; few and wide, since exact look-up of a word wants a wide key."""
    key_heads: int = 4
    """Heads of keys and values."""
    inner: int = 640
    """Width inside the feed-forward part."""
    positions: int = 2048
    """Longest context the configuration allows, in tokens."""
    rope_theta: float = 10000.0
    """Base of the rotary position embedding."""
    epsilon: float = 1e-5
    """Added inside the norms."""


@dataclass(frozen=True)
class Stage:
    """One part of the curriculum: from the stage before until `until`, rows of `length` tokens drawn by `mix`."""

    until: float
    length: int
    mix: dict[str, float]


STAGES = (
    Stage(0.15, 512, {"text": 0.40, "chat": 0.10, "short": 0.50}),
    Stage(0.50, 512, {"text": 0.30, "chat": 0.08, "short": 0.27, "medium": 0.35}),
    Stage(0.82, 512, {"text": 0.20, "chat": 0.12, "medium": 0.45, "long": 0.23}),
    Stage(1.01, 1024, {"text": 0.18, "chat": 0.12, "medium": 0.38, "long": 0.32}),
)
"""Natural text first, then ever more and ever longer tasks; the mix of rows, not of tokens."""
FURTHER = (
    Stage(0.15, 512, {"text": 0.20, "chat": 0.06, "short": 0.34, "medium": 0.40}),
    Stage(0.60, 512, {"text": 0.20, "chat": 0.06, "short": 0.09, "medium": 0.50, "long": 0.15}),
    Stage(1.01, 1536, {"text": 0.18, "chat": 0.08, "medium": 0.26, "long": 0.48}),
)
"""The curriculum of a training that starts from an exported model, which can copy already.

Its last rows are longer: questions with guidelines, shown examples and passages have more than a thousand tokens.
"""
SYNTHETIC = {"short": 2_000_000, "medium": 20_000_000, "long": 14_000_000}
"""Tokens of synthetic tasks that are written, by stream; a longer training meets them more than once."""


@dataclass(frozen=True)
class Training:
    """How the network is trained."""

    shape: Shape = field(default_factory=Shape)
    stages: tuple[Stage, ...] = STAGES
    batch_tokens: int = 8192
    """Tokens per optimizer step."""
    micro_tokens: int = 4096
    """Tokens per forward pass; the batch is summed over several passes."""
    matrix_rate: float = 0.012
    """Learning rate of the matrices inside the blocks (Muon)."""
    other_rate: float = 2.5e-3
    """Learning rate of the embedding and the norms (AdamW)."""
    warmup: float = 0.01
    """Share of the budget over which the rate rises."""
    decay: float = 0.5
    """Share of the budget, at its end, over which the rate falls to zero."""
    weight_decay: float = 0.05
    average: float = 0.997
    """Weight of the past in the running average of the weights."""
    seed: int = 20
    check_every: int = 2_000_000
    """Tokens between two looks at held-out data."""
    save_minutes: float = 4.0
    """Minutes between two checkpoints."""


def further() -> Training:
    """Settings of a training that starts from an exported model: lower rates that fall from the beginning.

    With the rates of a first training, nine million tokens left the average of the weights no better than the start.
    """
    return Training(stages=FURTHER, matrix_rate=0.006, other_rate=1.2e-3, decay=0.97)
