"""The memory of a training: estimates grow with its parts, and micro-batches are planned to fit."""

from collections.abc import Sequence
from functools import partial
from typing import Any

import pytest
import torch
from transformers import AutoModelForCausalLM, CLIPVisionConfig, LlamaConfig, LlavaConfig

import tiny
from activations import OWN, RANK, ROWS, SEGMENTS, config_of, saved_bytes
from gradschool.errors import ResourceError
from gradschool.model.attention import Segments
from gradschool.model.lora import attach
from gradschool.model.memory import Device, Workload, without_weights
from gradschool.tune.activations import Activations, activation_bytes
from gradschool.tune.memory import (
    FOUR_BIT_BYTES,
    GAPS,
    GAPS_IN_16_BITS,
    MAPPED,
    TRAINED_BYTES,
    MemoryPlan,
    Method,
    TrainingMemory,
    plan_memory,
)
from gradschool.tune.passes import Pass, passes_of_workload

PASS = Pass(SEGMENTS, ROWS * OWN)
CPU, CPU_BF16 = Device("cpu", torch.float32), Device("cpu", torch.bfloat16)


@pytest.mark.parametrize("method", ["lora", "full"])
@pytest.mark.parametrize("device", [CPU, CPU_BF16])
@pytest.mark.parametrize("family", tiny.FAMILIES)
def test_activations_of_any_number_of_rows_follow_from_those_of_three(
    family: str, device: Device, method: Method
) -> None:
    config, many = config_of(family), Segments(SEGMENTS.prefix, ((7, OWN),))
    dtype, rank = (device.dtype, RANK) if method == "lora" else (torch.float32, None)
    counted = activation_bytes(config, dtype, rank, many, "cpu")
    gaps = GAPS if dtype == torch.float32 else GAPS_IN_16_BITS
    layer = counted.layer + int(gaps * sum(counted.freed))
    memory = TrainingMemory(config, method, RANK, device)
    assert memory.activations(Pass(many, 7 * OWN)) == 4 * layer + counted.outside


def test_only_a_processors_heap_has_gaps() -> None:
    config = config_of("llama")
    here, gpu = (TrainingMemory(config, "lora", RANK, Device(kind, torch.float32)) for kind in ("cpu", "cuda"))
    counted = activation_bytes(config, torch.float32, RANK, SEGMENTS, "cuda")
    assert gpu.activations(PASS) == 4 * counted.layer + counted.outside < here.activations(PASS)


def test_tensors_outside_the_heap_leave_no_gaps() -> None:
    def memory(*freed: int) -> int:
        made = TrainingMemory(config_of("llama"), "lora", RANK, CPU, count=lambda *_: Activations(1000, 0, freed))
        return made.activations(PASS)

    assert memory(2000, MAPPED - 100) - memory(2000) == 4 * int(GAPS * (MAPPED - 100))
    assert memory(2000, MAPPED) == memory(2000) == 4 * (1000 + int(GAPS * 2000))


def test_checkpointed_layers_save_little() -> None:
    config = config_of("llama", hidden_size=256)
    saved = saved_bytes(config, torch.float32, RANK, checkpointing=True)  # without the layer that is computed again
    counted = activation_bytes(config, torch.float32, RANK, SEGMENTS, "cpu")
    memory = TrainingMemory(config, "lora", RANK, CPU)
    estimated = memory.activations(PASS, checkpointing=True) - counted.layer - sum(counted.freed)
    assert estimated == pytest.approx(saved, rel=0.1)


def test_weights_and_trained_numbers_are_counted_one_by_one() -> None:
    config = config_of("llama", tie_word_embeddings=False)
    network = AutoModelForCausalLM.from_config(config)
    numbers = sum(parameter.numel() for parameter in network.parameters())
    names = attach(network, RANK, 8, 0)
    trained = sum(parameter.numel() for parameter in network.parameters() if parameter.requires_grad)
    lora, full = (TrainingMemory(config, method, RANK, CPU_BF16) for method in ("lora", "full"))
    assert (lora.base, lora.trained) == (2 * numbers, TRAINED_BYTES * trained) and names
    assert (full.base, full.trained) == (2 * numbers, TRAINED_BYTES * numbers)


def test_a_quantized_base_is_counted_in_4_bits() -> None:
    config = config_of("llama", tie_word_embeddings=False, hidden_size=64, intermediate_size=128, head_dim=16)
    plain, packed = (TrainingMemory(config, method, RANK, CPU_BF16) for method in ("lora", "4-bit lora"))
    layers = sum(p.numel() for n, p in without_weights(config, torch.bfloat16).named_parameters() if "_proj" in n)
    assert plain.base - packed.base == pytest.approx((2 - FOUR_BIT_BYTES) * layers, abs=1)


class Fixed(TrainingMemory):
    """An invented training: a byte per token, a tenth of it with checkpointing, and 100 bytes of weights."""

    def __init__(self) -> None:
        pass

    def total(self, passes: Sequence[Pass], checkpointing: bool = False) -> int:
        return 100 + passes[0].tokens // (10 if checkpointing else 1)


def planned(free: int, loaded: int = 0) -> MemoryPlan:
    """The plan for steps of four rows of 190 tokens."""
    return plan_memory(Fixed(), partial(passes_of_workload, Workload(190)), 190, 4 * 190, free, loaded)


@pytest.mark.parametrize(
    ("free", "tokens", "checkpointing"), [(10_000, 760, False), (900, 760, False), (500, 380, False), (200, 760, True)]
)
def test_micro_batches_are_as_large_as_memory_allows(free: int, tokens: int, checkpointing: bool) -> None:
    plan = planned(free, loaded=100)
    assert (plan.tokens, plan.checkpointing) == (tokens, checkpointing)
    assert f"{tokens}" in plan.reason and ("checkpointed" in plan.reason) is checkpointing
    assert plan.tight is (free < 10_000)


def test_too_little_memory_for_a_row_is_an_error_with_figures() -> None:
    with pytest.raises(ResourceError, match="not enough memory") as caught:
        planned(10)
    assert "0 MB" in caught.value.why and "max_tokens" in caught.value.fix


def test_layers_in_the_vision_tower_are_counted() -> None:
    vision: dict[str, Any] = {
        "hidden_size": 24,
        "intermediate_size": 32,
        "num_hidden_layers": 3,
        "num_attention_heads": 2,
    }
    sizes: dict[str, Any] = {"hidden_size": 32, "intermediate_size": 48, "num_hidden_layers": 2}
    sizes |= {"num_attention_heads": 4}
    text = LlamaConfig(vocab_size=64, num_key_value_heads=2, **sizes)
    tower = CLIPVisionConfig(image_size=16, patch_size=4, **vision)
    config = LlavaConfig(vision_config=tower, text_config=text, vision_feature_layer=-2)
    none, projector, one = (TrainingMemory(config, "lora", RANK, CPU, vision_blocks=some) for some in (None, 0, 1))
    linear = RANK * (24 + 32 + 32 + 32)
    assert projector.trained - none.trained == TRAINED_BYTES * linear
    assert one.trained - projector.trained == TRAINED_BYTES * RANK * (4 * 48 + 2 * 56)
    assert none.activations(PASS) < projector.activations(PASS) < one.activations(PASS)
