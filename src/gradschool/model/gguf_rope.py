"""How the positions of a network in GGUF are rotated and scaled (RoPE), as parameters of transformers.

The loader of transformers reads the base frequency alone: with it, Llama 3.1 or Phi-3 with a long context would be
wrong in long texts, and Gemma 3 from 4 billion weights on everywhere. Sources: RoPE (Su et al. 2021, arXiv:2104.09864),
YaRN (Peng et al. 2023, arXiv:2309.00071), LongRoPE (Ding et al. 2024, arXiv:2402.13753).
"""

import math
from typing import Any

import torch
from torch import Tensor

from gradschool.errors import ModelError
from gradschool.model.gguf_file import GgufFile
from gradschool.model.gguf_numbers import numbers_of

THETA = 10_000.0  # what llama.cpp takes if a file names no base frequency
FACTORS = "rope_freqs.weight"  # one divisor for each frequency
LONG, SHORT = "rope_factors_long.weight", "rope_factors_short.weight"
TENSORS = (FACTORS, LONG, SHORT)
LLAMA_3 = {"low_freq_factor": 1.0, "high_freq_factor": 4.0}  # of all models that are scaled as Llama 3.1
LLAMA_3_CONTEXT = 8192  # tokens, of its pretraining


def rope_of(file: GgufFile, head: int) -> dict[str, Any]:
    """The RoPE parameters of a file whose heads have so many dimensions; raises ModelError for an unknown scaling."""
    own = file.first.own
    rope: dict[str, Any] = {"rope_type": "default", "rope_theta": float(own("rope.freq_base") or THETA)}
    rotated = own("rope.dimension_count") or head
    if rotated < head:
        rope["partial_rotary_factor"] = rotated / head
    if factors := _numbers(file, FACTORS):
        return rope | _divided(rope, factors, rotated)
    original = own("rope.scaling.original_context_length")
    if long := _numbers(file, LONG):
        scaling = {"long_factor": long, "short_factor": _numbers(file, SHORT)}
        attention = {"attention_factor": float(own("rope.scaling.attn_factor") or 1.0)}
        return rope | {"rope_type": "longrope", "original_max_position_embeddings": original} | scaling | attention
    kind, factor = (
        own("rope.scaling.type") or "none",
        float(own("rope.scaling.factor") or own("rope.scale_linear") or 1),
    )
    if kind == "none" and factor != 1:  # as files before the type had a field
        kind = "linear"
    if kind == "none" or factor == 1:
        return rope
    if kind == "linear":
        return rope | {"rope_type": kind, "factor": factor}
    if kind == "yarn" and original:
        return rope | {"rope_type": kind, "factor": factor, "original_max_position_embeddings": original}
    raise ModelError(
        f"The positions of {file.first.path} are scaled in a way that cannot be converted.",
        f"Its field rope.scaling.type is {kind!r}; linear, yarn, and the factors of Llama 3 and Phi-3 are known.",
        "name the model as its makers published it (config.json and *.safetensors).",
    )


def llama3_factors(rope: dict[str, Any], head: int) -> Tensor:
    """The factor by which Llama 3 reduces each RoPE frequency: (head / 2,)."""
    slow, quick, factor = rope["low_freq_factor"], rope["high_freq_factor"], rope["factor"]
    frequencies = rope["rope_theta"] ** -(torch.arange(0, head, 2, dtype=torch.float64) / head)
    turns = rope["original_max_position_embeddings"] * frequencies / (2 * math.pi)  # within the context of pretraining
    mix = ((turns - slow) / (quick - slow)).clamp(0, 1)
    slowed: Tensor = 1 / ((1 - mix) / factor + mix)
    return slowed.float()


def _divided(rope: dict[str, Any], factors: list[float], rotated: int) -> dict[str, Any]:
    """Factors as Llama 3 has them by its rule, which other programs read; others as they are."""
    if max(factors) == min(factors) == 1:
        return {}
    rule = {"factor": max(factors), "original_max_position_embeddings": LLAMA_3_CONTEXT, **LLAMA_3}
    if len(factors) == rotated // 2 and torch.allclose(
        llama3_factors(rope | rule, rotated), torch.tensor(factors), rtol=1e-4
    ):
        return {"rope_type": "llama3", **rule}
    return {
        "rope_type": "longrope",
        "long_factor": factors,
        "short_factor": factors,
        "attention_factor": 1.0,
        "original_max_position_embeddings": LLAMA_3_CONTEXT,
    }


def _numbers(file: GgufFile, name: str) -> list[float]:
    found = file.tensor(name)
    return [float(number) for number in numbers_of(*found)] if found else []
