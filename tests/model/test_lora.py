"""LoRA layers: no effect at first, on all linear layers, fused and removed again."""

from pathlib import Path

import pytest
import torch
from transformers import GPT2Config, GPT2LMHeadModel

import tiny
import toy
from gradschool.errors import ModelError
from gradschool.model.copies import shared_copy
from gradschool.model.lora import LoraLinear, attach, fuse, lora_layers, trained_parameters

LINEAR = {
    "llama": ["down_proj", "gate_proj", "k_proj", "o_proj", "q_proj", "up_proj", "v_proj"],
    "phi3": ["down_proj", "gate_up_proj", "o_proj", "qkv_proj"],
}


@pytest.mark.parametrize("family", tiny.FAMILIES)
def test_every_linear_layer_except_the_output_is_adapted(family: str, tmp_path: Path) -> None:
    network = toy.network_of(tiny.save_model(tmp_path, family))
    names = attach(network, rank=2, alpha=4, seed=0)
    kinds = sorted({name.rpartition(".")[2] for name in names})
    assert kinds == LINEAR.get(family, LINEAR["llama"])
    assert len(names) == 2 * len(kinds)
    assert not any("lm_head" in name for name in names)
    assert sorted(trained_parameters(network)) == sorted(f"{n}.{part}" for n in names for part in ("lora_a", "lora_b"))


def test_a_new_layer_changes_nothing_and_a_changed_one_does(base: Path) -> None:
    network = toy.network_of(base)
    with torch.no_grad():
        plain = network(toy.ids()).logits
        attach(network, rank=4, alpha=8, seed=0)
        assert torch.equal(network(toy.ids()).logits, plain)
        toy.stir(network)
        assert (network(toy.ids()).logits - plain).abs().max() > 1e-2


def test_a_shared_copy_leaves_the_network_bit_for_bit(base: Path) -> None:
    network = toy.network_of(base)
    before = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    copied = shared_copy(network)
    attach(copied, rank=4, alpha=8, seed=0)
    toy.stir(copied)
    copied(toy.ids()).logits.sum().backward()
    after = network.state_dict()
    assert list(after) == list(before)
    assert all(torch.equal(after[name], before[name]) for name in before)
    assert not any(isinstance(module, LoraLinear) for module in network.modules())
    own = {parameter.data_ptr() for name, parameter in copied.named_parameters() if "lora_" not in name}
    assert own == {parameter.data_ptr() for parameter in network.parameters()}


@pytest.mark.parametrize("family", ["llama", "qwen2", "phi3", "gemma3"])
def test_fused_equals_unfused(family: str, tmp_path: Path) -> None:
    network = toy.network_of(tiny.save_model(tmp_path, family))
    if family == "qwen2":  # these have a bias
        assert network.model.layers[0].self_attn.q_proj.bias is not None
    attach(network, rank=3, alpha=7, seed=0)
    toy.stir(network)
    with torch.no_grad():
        unfused = network(toy.ids()).logits
        fuse(network)
        assert not list(lora_layers(network))
        torch.testing.assert_close(network(toy.ids()).logits, unfused, atol=1e-4, rtol=1e-4)


def test_a_low_precision_base_keeps_its_layers_in_float32(base: Path) -> None:
    network = toy.network_of(base).to(torch.bfloat16)
    attach(network, rank=4, alpha=8, seed=0)
    toy.stir(network)
    assert {parameter.dtype for parameter in trained_parameters(network).values()} == {torch.float32}
    logits = network(toy.ids()).logits
    assert logits.dtype == torch.bfloat16
    logits.float().sum().backward()
    assert all(p.grad is not None and p.grad.dtype == torch.float32 for p in trained_parameters(network).values())
    fuse(network)
    assert network.model.layers[0].mlp.up_proj.weight.dtype == torch.bfloat16


def test_the_initial_values_depend_on_the_seed_alone(base: Path) -> None:
    drawn = []
    for seed, noise in ((0, 1), (0, 2), (1, 1)):
        torch.manual_seed(noise)
        network = toy.network_of(base)
        attach(network, rank=4, alpha=8, seed=seed)
        drawn.append(torch.cat([layer.lora_a.flatten() for _, layer in lora_layers(network)]))
    assert torch.equal(drawn[0], drawn[1])
    assert not torch.equal(drawn[0], drawn[2])


def test_a_network_without_linear_layers_is_rejected() -> None:
    network = GPT2LMHeadModel(GPT2Config(vocab_size=30, n_positions=16, n_embd=8, n_layer=1, n_head=2))
    with pytest.raises(ModelError, match="GPT2LMHeadModel has no linear layers"):
        attach(network, rank=2, alpha=4, seed=0)


def test_only_the_input_and_the_low_rank_are_saved_for_backward(base: Path) -> None:
    """Autograd alone would also save the output before the correction, and casts of A and B for each use."""
    layer = LoraLinear.from_base(torch.nn.Linear(32, 48).requires_grad_(False), 4, 8.0, torch.Generator())
    x, kept = torch.randn(5, 7, 32, requires_grad=True), []

    def keep(tensor: torch.Tensor) -> torch.Tensor:
        kept.append(tensor)
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
        y = layer(x)
    weights = {layer.base.weight.data_ptr(), layer.lora_a.data_ptr(), layer.lora_b.data_ptr(), x.data_ptr()}
    made = [tensor.shape for tensor in kept if tensor.data_ptr() not in weights]
    assert made == [(35, 4)] and y.shape == (5, 7, 48)


def test_nothing_below_the_lowest_adapted_layer_has_a_gradient(base: Path) -> None:
    network = toy.network_of(base)
    attach(network, rank=4, alpha=8, seed=0)
    seen = {}
    layers = network.model.layers[0]
    for name, module in {"embedding": network.model.embed_tokens, "norm": layers.input_layernorm}.items():
        module.register_forward_hook(lambda _, __, output, name=name: seen.update({name: output.requires_grad}))
    network(toy.ids()).logits.sum().backward()
    assert seen == {"embedding": False, "norm": False}
    assert layers.self_attn.q_proj.lora_a.grad is not None
    assert all(parameter.grad is None for parameter in network.parameters() if not parameter.requires_grad)
