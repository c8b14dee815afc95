"""Our LoRA and PEFT's: same logits, same gradients, and each reads the other's folders."""

import warnings
from pathlib import Path
from typing import Any

import peft
import pytest
import torch
from transformers import AutoModelForCausalLM

import tiny
import toy
from gradschool.errors import ModelError
from gradschool.model.adapter import save_adapter
from gradschool.model.lora import attach, lora_layers

CLOSE = {"atol": 1e-5, "rtol": 1e-5}
IDS = torch.randint(0, 300, (3, 12), generator=torch.Generator().manual_seed(0))


def network_of(folder: Path) -> Any:
    return AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32).eval()


def peft_of(folder: Path, **config: Any) -> Any:
    """PEFT's LoRA over all linear layers, its B stirred."""
    usual: dict[str, Any] = {"r": 4, "lora_alpha": 6, "target_modules": "all-linear", "task_type": "CAUSAL_LM"}
    model = peft.get_peft_model(network_of(folder), peft.LoraConfig(**usual | config)).eval()
    generator = torch.Generator().manual_seed(1)
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if "lora_B" in name:
                parameter.copy_(torch.randn(parameter.shape, generator=generator) * 0.1)
    return model


@torch.no_grad()
def logits(network: Any) -> torch.Tensor:
    answer: torch.Tensor = network(input_ids=IDS).logits
    return answer


@pytest.mark.parametrize("family", tiny.FAMILIES)
def test_an_adapter_of_ours_says_the_same_in_peft(family: str, tmp_path: Path) -> None:
    base = tiny.save_model(tmp_path / "base", family)
    ours = network_of(base)
    plain = logits(ours)
    attach(ours, rank=4, alpha=6, seed=0)
    generator = torch.Generator().manual_seed(1)
    with torch.no_grad():
        for _, layer in lora_layers(ours):
            layer.lora_b.copy_(torch.randn(layer.lora_b.shape, generator=generator) * 0.1)
    save_adapter(ours, tmp_path / "adapter", str(base), None)
    with warnings.catch_warnings():
        warnings.simplefilter("error", UserWarning)  # PEFT only warns about missing keys
        theirs = peft.PeftModel.from_pretrained(network_of(base), tmp_path / "adapter").eval()
    torch.testing.assert_close(logits(theirs), logits(ours), **CLOSE)
    assert (logits(ours) - plain).abs().max() > 1e-2
    torch.testing.assert_close(logits(theirs.merge_and_unload()), logits(ours), atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize(
    "family, config",
    [
        *((family, {}) for family in tiny.FAMILIES),
        ("llama", {"use_rslora": True}),
        ("llama", {"r": 3, "lora_alpha": 5, "target_modules": ["q_proj", "down_proj"]}),
        ("llama", {"rank_pattern": {"q_proj": 2}}),
        ("phi3", {"target_modules": ["qkv_proj", "gate_up_proj"]}),
    ],
)
def test_an_adapter_of_peft_says_the_same_in_ours(family: str, config: dict[str, Any], tmp_path: Path) -> None:
    base = tiny.save_model(tmp_path / "base", family)
    theirs = peft_of(base, **config)
    theirs.save_pretrained(tmp_path / "adapter")
    ours = network_of(base)
    plain = logits(ours)
    toy.apply_adapter(ours, tmp_path / "adapter")
    torch.testing.assert_close(logits(ours), logits(theirs), **CLOSE)
    assert (logits(ours) - plain).abs().max() > 1e-2


@pytest.mark.parametrize("family", ["llama", "phi3", "qwen3"])
def test_the_same_a_and_b_have_the_same_gradients(family: str, tmp_path: Path) -> None:
    base = tiny.save_model(tmp_path, family)
    theirs = peft_of(base)
    ours = network_of(base)
    names = attach(ours, rank=4, alpha=6, seed=0)
    values = dict(theirs.named_parameters())
    with torch.no_grad():
        for name, layer in lora_layers(ours):
            layer.lora_a.copy_(values[f"base_model.model.{name}.lora_A.default.weight"])
            layer.lora_b.copy_(values[f"base_model.model.{name}.lora_B.default.weight"])
    for network in (ours, theirs):
        network(input_ids=IDS, labels=IDS).loss.backward()
    assert sorted(names) == sorted(n.removeprefix("base_model.model.")[:-22] for n in values if "lora_A" in n)
    for name, layer in lora_layers(ours):
        for mine, part in ((layer.lora_a, "lora_A"), (layer.lora_b, "lora_B")):
            other = values[f"base_model.model.{name}.{part}.default.weight"].grad
            assert mine.grad is not None and other is not None and other.abs().max() > 0
            torch.testing.assert_close(mine.grad, other, **CLOSE)
    frozen = [p for n, p in ours.named_parameters() if "lora_" not in n]
    assert frozen and all(p.grad is None for p in frozen)


@pytest.mark.parametrize("kind", [{"use_dora": True}, {"modules_to_save": ["lm_head"]}, {"bias": "all"}])
def test_other_kinds_that_peft_writes_are_refused(kind: dict[str, Any], tmp_path: Path) -> None:
    base = tiny.save_model(tmp_path / "base", "qwen2")
    peft_of(base, target_modules=["q_proj"], **kind).save_pretrained(tmp_path / "adapter")
    with pytest.raises(ModelError, match="not a plain LoRA"):
        toy.apply_adapter(network_of(base), tmp_path / "adapter")


def test_layers_drawn_as_peft_draws_them(base: Path) -> None:
    """A is uniform within ±1/√inputs, as PEFT's Kaiming start with a = √5 is; B is zero."""
    ours, theirs = (
        network_of(base),
        peft.get_peft_model(network_of(base), peft.LoraConfig(r=16, target_modules="all-linear")),
    )
    attach(ours, rank=16, alpha=16, seed=0)
    values = dict(theirs.named_parameters())
    for name, layer in lora_layers(ours):
        other = values[f"base_model.model.{name}.lora_A.default.weight"]
        bound = layer.base.in_features**-0.5
        for drawn in (layer.lora_a, other):
            assert 0.95 * bound < drawn.abs().max() <= bound
            assert abs(drawn.std().item() / (bound / 3**0.5) - 1) < 0.15
        assert not layer.lora_b.any() and not values[f"base_model.model.{name}.lora_B.default.weight"].any()
