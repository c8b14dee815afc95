"""LoRA over a base in 4 bits: losses and gradients equal those over dequantized weights, which are not stored."""

import copy
from pathlib import Path

import pytest
import torch

import tiny
import toy
from finish import finish
from gradschool.model.adapter import read_adapter, save_adapter
from gradschool.model.copies import shared_copy
from gradschool.model.four_bits import is_packed, weight_of
from gradschool.model.local import LocalEngine
from gradschool.model.lora import attach, fuse, lora_layers, trained_parameters
from gradschool.tune.loop import Training
from gradschool.tune.objectives.answers import Answers, summed_loss
from quantized import needs_bitsandbytes

pytestmark = needs_bitsandbytes

FAMILIES = ["llama", "qwen2", "phi3"]


def packed_and_plain(folder: Path, family: str = "llama") -> tuple[LocalEngine, LocalEngine]:
    """A base in 4 bits, and one that holds the very numbers that it unpacks to."""
    base = tiny.save_model(folder, family, hidden_size=64, intermediate_size=128, head_dim=16)
    packed, plain = LocalEngine(base, quantization="nf4"), LocalEngine(base)
    with torch.no_grad():
        for name, layer in packed.network.named_modules():
            if is_packed(layer):
                plain.network.get_submodule(name).weight.copy_(weight_of(layer))
    return packed, plain


def gradients(engine: LocalEngine) -> tuple[float, dict[str, torch.Tensor]]:
    """The loss of some rows over stirred layers, and its gradients by name."""
    network = engine.network
    attach(network, rank=4, alpha=8, seed=0)
    toy.stir(network)
    loss = summed_loss(engine.reader(), toy.rows(6), 0)
    torch.autograd.backward(loss)
    return loss.item(), {n: p.grad for n, p in trained_parameters(network).items() if p.grad is not None}


@pytest.mark.parametrize("family", FAMILIES)
def test_loss_and_gradients_are_those_over_dequantized_weights(family: str, tmp_path: Path) -> None:
    packed, plain = packed_and_plain(tmp_path, family)
    (loss, found), (expected_loss, expected) = gradients(packed), gradients(plain)
    assert loss == pytest.approx(expected_loss, rel=1e-6)
    assert found.keys() == expected.keys() and len(found) == 2 * len(list(lora_layers(packed.network)))
    for name, gradient in found.items():
        torch.testing.assert_close(gradient, expected[name], rtol=1e-5, atol=1e-5 * float(expected[name].abs().max()))


def test_no_dequantized_weight_is_saved_for_backward(tmp_path: Path) -> None:
    packed, _ = packed_and_plain(tmp_path)
    attach(packed.network, rank=4, alpha=8, seed=0)
    sizes = {layer.base.in_features * layer.base.out_features for _, layer in lora_layers(packed.network)}
    kept: list[int] = []

    def keep(tensor: torch.Tensor) -> torch.Tensor:
        kept.append(tensor.untyped_storage().nbytes())
        return tensor

    known = {p.untyped_storage().nbytes() for p in packed.network.parameters()}
    with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
        summed_loss(packed.reader(), toy.rows(2), 0)
    assert kept and not {4 * size for size in sizes} & (set(kept) - known)


def test_training_equals_that_over_dequantized_weights_and_leaves_the_base_unchanged(tmp_path: Path) -> None:
    packed, plain = packed_and_plain(tmp_path)
    before = {name: tensor.clone() for name, tensor in packed.network.state_dict().items()}
    losses: list[list[float]] = []
    networks = [shared_copy(engine.network) for engine in (packed, plain)]
    for network in networks:
        attach(network, rank=4, alpha=8, seed=0)
        plan = toy.plan()
        answers = Answers(toy.rows(16), toy.rows(4, seed=1), plan, 0)
        training = Training(network, [answers], plan, tmp_path / "none")
        _, events = finish(training.run())
        losses.append([event.loss for event in events if hasattr(event, "loss")])
        (tmp_path / "none").unlink()
    assert losses[0] == pytest.approx(losses[1], rel=1e-3) and losses[0][-1] < losses[0][0]
    save_adapter(networks[0], tmp_path / "adapter", "base", None)
    names = dict(lora_layers(networks[0])).keys()
    after = packed.network.state_dict()
    assert list(after) == list(before) and all(torch.equal(after[name], before[name]) for name in before)
    assert read_adapter(packed.network, tmp_path / "adapter").keys() == names


def test_a_copy_is_independent_and_fused_layers_are_plain(tmp_path: Path) -> None:
    packed, _ = packed_and_plain(tmp_path)
    network = copy.deepcopy(packed.network)
    attach(network, rank=4, alpha=8, seed=0)
    toy.stir(network)
    with torch.no_grad():
        unfused = network(toy.ids()).logits
        fuse(network)
        torch.testing.assert_close(network(toy.ids()).logits, unfused, atol=1e-4, rtol=1e-4)
    assert not any(is_packed(module) for module in network.model.layers.modules())
    assert any(is_packed(module) for module in packed.network.modules())
