"""A converted network, compared with llama.cpp: both must predict the same next tokens from the same file."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from transformers import AutoModelForCausalLM

from gradschool.errors import ModelError
from gradschool.model.gguf_file import GgufFile
from gradschool.model.gguf_tokens import SAMPLES
from gradschool.model.llama_cpp import LlamaCpp
from gradschool.model.loading import quiet
from gradschool.model.machine import choose_device, format_for

TEXTS = 3  # of the samples
LIKELIEST = 20  # tokens that are compared after each text
# Mean difference of log-probabilities, weighted by probability, in nats. llama.cpp rounds activations to 8 bits: that
# makes 0.07 for SmolLM2-135M in Q4_1. With another base frequency of its positions, the same network differs by 0.3.
LIMIT = 0.2


@dataclass(frozen=True, slots=True)
class NextTokens:
    """The likeliest tokens after some tokens, with their log-probabilities in nats, by llama.cpp."""

    ids: tuple[int, ...]
    log_probs: dict[int, float]


def next_tokens(server: LlamaCpp) -> list[NextTokens]:
    """What llama.cpp predicts after some texts."""
    prompts = [server.tokens(text) for text in SAMPLES[:TEXTS]]
    found = [NextTokens(tuple(ids), server.likeliest(ids, LIKELIEST)) for ids in prompts]
    return [one for one in found if one.log_probs]


def demand_equal_network(folder: Path, file: GgufFile, expected: Sequence[NextTokens]) -> None:
    """Raise ModelError if the network in a folder predicts other tokens than llama.cpp from the GGUF file."""
    device = choose_device()
    dtype, _ = format_for(sum(path.stat().st_size for path in folder.glob("*.safetensors")), device)
    with quiet():
        network: Any = AutoModelForCausalLM.from_pretrained(folder, dtype=dtype, local_files_only=True)
    network = network.to(device).eval()
    differences = [difference(network, one) for one in expected]
    mean = sum(differences) / max(1, len(differences))
    if not mean <= LIMIT:  # also for NaN
        raise ModelError(
            f"The network that was converted from {file.first.path} does not compute what llama.cpp computes.",
            f"After {len(differences)} texts, the log-probabilities of the next token differ by {mean:.2g} nats on "
            f"average (limit {LIMIT}): the file uses a part of {file.first.architecture} that transformers lacks.",
            "name the model as its makers published it (config.json and *.safetensors), or another GGUF file.",
        )


def difference(network: Any, expected: NextTokens) -> float:
    """How far log-probabilities are from those of llama.cpp, on average over its predictions, in nats."""
    with torch.inference_mode():
        logits = network(input_ids=torch.tensor([expected.ids], device=network.device)).logits[0, -1]
    found = torch.log_softmax(logits.float(), dim=-1)
    pairs = [(theirs, float(found[token])) for token, theirs in expected.log_probs.items()]
    weight = sum(math.exp(theirs) for theirs, _ in pairs)
    return sum(math.exp(theirs) * abs(theirs - ours) for theirs, ours in pairs) / weight
