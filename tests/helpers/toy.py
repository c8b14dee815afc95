"""Toy work to train on: rows of a few tokens, and networks that begin alike."""

import random
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from transformers import AutoModelForCausalLM

from gradschool.model.chat import Rendered
from gradschool.model.lora import lora_layers
from gradschool.tune.plan import Plan

VOCABULARY = 60


def network_of(folder: Path) -> Any:
    """A fresh network from a saved base, in float32."""
    return AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32).eval()


def row(*parts: tuple[list[int], bool]) -> Rendered:
    """A row of token pieces, each with whether it is learnt."""
    ids = tuple(token for piece, _ in parts for token in piece)
    return Rendered(ids, tuple(learnt for piece, learnt in parts for _ in piece))


def rows(count: int, seed: int = 0, longest: int = 9) -> list[Rendered]:
    """Learnable rows of uneven length: the answer repeats the last token of the question, then stops with token 1."""
    draw = random.Random(seed)
    made = []
    for _ in range(count):
        question = [draw.randrange(2, VOCABULARY) for _ in range(draw.randint(2, longest))]
        made.append(row((question, False), ([question[-1]] * draw.randint(1, 3) + [1], True)))
    return made


def plan(**changes: Any) -> Plan:
    """A short training."""
    usual = Plan(
        learning_rate=1e-2,
        epochs=3.0,
        rows_per_step=4,
        steps=12,
        warmup_steps=2,
        validate_every=3,
        patience=3,
        weight_decay=0.0,
        seed=0,
    )
    return replace(usual, **changes)


def ids(count: int = 3, length: int = 12, seed: int = 0) -> torch.Tensor:
    """Token ids for a forward pass."""
    return torch.randint(0, VOCABULARY, (count, length), generator=torch.Generator().manual_seed(seed))


def stir(network: Any, seed: int = 1) -> None:
    """Give the B of every LoRA layer random values, so that it has an effect."""
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for _, layer in lora_layers(network):
            layer.lora_b.copy_(torch.randn(layer.lora_b.shape, generator=generator) * 0.1)
