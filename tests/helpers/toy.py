"""Small trainings: rows of a few tokens, a small network that is always the same, and objectives for it."""

import random
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from transformers import AutoModelForCausalLM, LlamaConfig, LlamaForCausalLM, PreTrainedModel

from gradschool.model.adapter import read_adapter
from gradschool.model.chat import Rendered
from gradschool.model.lora import attach, lora_layers
from gradschool.model.reader import reader_of
from gradschool.tune.objectives.answers import Answers
from gradschool.tune.objectives.rehearsal import Rehearsal
from gradschool.tune.plan import Plan

VOCABULARY = 60


def network(dropout: float = 0.0, lora: bool = True, rank: int = 4) -> Any:
    """A small network with the same weights each time, with LoRA layers or without."""
    config = LlamaConfig(
        vocab_size=64,
        hidden_size=32,
        intermediate_size=48,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=2,
        attention_dropout=dropout,
        initializer_range=0.1,
    )
    with torch.random.fork_rng():
        torch.manual_seed(0)
        made = LlamaForCausalLM(config).eval()
    if lora:
        attach(made, rank=rank, alpha=2 * rank, seed=0)
    return made


def values(network: Any) -> dict[str, torch.Tensor]:
    """A copy of all parameters by name."""
    return {name: parameter.detach().clone() for name, parameter in network.named_parameters()}


def same(one: dict[str, torch.Tensor], other: dict[str, torch.Tensor]) -> bool:
    """Whether two sets of parameters are equal bit for bit."""
    return one.keys() == other.keys() and all(torch.equal(one[name], other[name]) for name in one)


def network_of(folder: Path) -> Any:
    """A fresh network from a saved base, in float32."""
    return AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32).eval()


def row(*parts: tuple[list[int], bool]) -> Rendered:
    """A row made of lists of tokens, each with whether it is trained on."""
    ids = tuple(token for tokens, _ in parts for token in tokens)
    return Rendered(ids, tuple(trained for tokens, trained in parts for _ in tokens))


def rows(count: int, seed: int = 0, longest: int = 9) -> list[Rendered]:
    """Rows of different lengths; the answer repeats the last token of the question, and ends with token 1."""
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


TRAIN, VALIDATION = rows(16, seed=1), rows(6, seed=2)
TEXTS = ids(10, 12, seed=7).tolist()


def answers(plan: Plan) -> Answers:
    """The objective of a small training."""
    return Answers(TRAIN, VALIDATION, plan, pad_id=0)


def rehearsal(weight: float = 1.0) -> Rehearsal:
    """Rehearsal of fixed texts; the network without LoRA layers is the teacher."""
    return Rehearsal(TEXTS, reader_of(network(lora=False)), weight)


def apply_adapter(network: PreTrainedModel, folder: Path) -> PreTrainedModel:
    """A plain network with the LoRA layers of an adapter folder around its own."""
    for name, layer in read_adapter(network, folder).items():
        network.set_submodule(name, layer)
    return network
