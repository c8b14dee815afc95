"""Bases in 4 bits: quantized by bitsandbytes, with the results of a plain network of the dequantized weights."""

import shutil
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

import tiny
from gradschool.errors import ModelError, UsageError
from gradschool.files import read_json, write_json
from gradschool.model import four_bits
from gradschool.model.four_bits import in_four_bits, is_packed, packable, weight_of
from gradschool.model.local import LocalEngine
from gradschool.model.machine import training_dtype
from gradschool.model.opening import open_engine
from gradschool.records import Decoding, Message
from gradschool.settings import Settings
from quantized import needs_bitsandbytes

pytestmark = needs_bitsandbytes

FAMILIES = ["llama", "qwen2", "phi3", "gemma3"]
WIDE = {"hidden_size": 64, "intermediate_size": 192, "head_dim": 16}
IDS = torch.randint(3, 60, (2, 14), generator=torch.Generator().manual_seed(0))


def packed_and_plain(folder: Path, family: str, dtype: torch.dtype = torch.float32) -> tuple[LocalEngine, Any]:
    """A base in 4 bits, and the plain network of the very numbers that it unpacks to."""
    base = tiny.save_model(folder, family, **WIDE)
    packed, plain = LocalEngine(base, quantization="nf4", dtype=dtype), LocalEngine(base, dtype=dtype).network
    with torch.no_grad():
        for name, layer in packed.network.named_modules():
            if is_packed(layer):
                assert isinstance(layer, nn.Linear)
                plain.get_submodule(name).weight.copy_(weight_of(layer))
    return packed, plain


@pytest.mark.parametrize("family", FAMILIES)
def test_all_linear_layers_except_the_output_are_quantized(family: str, tmp_path: Path) -> None:
    packed, _ = packed_and_plain(tmp_path, family)
    network = packed.network
    output = network.get_output_embeddings()
    linear = [m for m in network.modules() if isinstance(m, nn.Linear) and m is not output]
    assert all(map(is_packed, linear)) and not is_packed(output) and in_four_bits(network)
    for layer in linear:
        assert layer.weight.numel() * layer.weight.element_size() * 2 == layer.in_features * layer.out_features
    assert packed.reader().packs and packed.reader().head is not None
    assert sum(map(is_packed, network.modules())) == len(packable(network))
    assert "layers are quantized to 4 bits" in packed.dtype_reason and packed.identity.bits == "4"
    assert training_dtype(network)[0] == torch.float32


@pytest.mark.skipif(not Path("/proc/self/maps").exists(), reason="this system does not tell what is mapped")
def test_the_weights_file_is_unmapped(tmp_path: Path) -> None:
    packed = LocalEngine(tiny.save_model(tmp_path, "llama", **WIDE), quantization="nf4")
    assert str(tmp_path) not in Path("/proc/self/maps").read_text()
    assert packed.network(IDS).logits.isfinite().all()


@pytest.mark.parametrize("family", FAMILIES)
def test_weights_are_close_to_the_published_ones_and_computed_with_exactly(family: str, tmp_path: Path) -> None:
    packed, plain = packed_and_plain(tmp_path, family)
    published = LocalEngine(tmp_path).network
    with torch.no_grad():
        said, reference, before = (n(IDS).logits for n in (packed.network, plain, published))
    torch.testing.assert_close(said, reference, atol=1e-5, rtol=1e-5)
    for name, layer in packed.network.named_modules():
        if is_packed(layer):
            assert isinstance(layer, nn.Linear)
            weight = published.get_submodule(name).weight
            apart = (weight_of(layer) - weight).norm() / weight.norm()
            assert 0.05 < apart < 0.12  # by theory, NF4 is off by nine hundredths of normal weights
    assert not torch.equal(said, before)


def test_layers_with_rows_of_incomplete_blocks_are_not_quantized(tmp_path: Path) -> None:
    """On CPUs, bitsandbytes would dequantize them wrongly, with errors four times as large."""
    base = tiny.save_model(tmp_path, hidden_size=32, intermediate_size=64)
    layer = LocalEngine(base, quantization="nf4").network.get_submodule("model.layers.1.mlp")
    assert isinstance(layer, nn.Module)
    assert [is_packed(layer.get_submodule(name)) for name in ("gate_proj", "up_proj", "down_proj")] == [0, 0, 1]


def test_the_order_of_quantized_weights_does_not_change_during_inference(tmp_path: Path) -> None:
    """On some CPUs, bitsandbytes reorders weights for inference, which training cannot read."""
    base, name = tiny.save_model(tmp_path, **WIDE), "model.layers.0.mlp.up_proj"
    network = LocalEngine(base, quantization="nf4", dtype=torch.bfloat16).network
    layer, published = network.get_submodule(name), LocalEngine(base).network.get_submodule(name).weight
    assert isinstance(layer, nn.Linear) and isinstance(published, torch.Tensor)
    with torch.no_grad():
        network.eval()(IDS)
    assert (weight_of(layer).float() - published).norm() < 0.12 * published.norm()


def test_answers_are_those_of_the_dequantized_network(tmp_path: Path) -> None:
    packed, plain = packed_and_plain(tmp_path, "llama")
    asked = [(Message("user", text),) for text in ("The quick brown", "fox", "What is the capital of France?")]
    answers = dict(packed.answer(asked, Decoding(max_new_tokens=6)))
    for position, conversation in enumerate(asked):
        ids = torch.tensor([packed.chat.prompt_ids(conversation)])
        said = plain.generate(ids, max_new_tokens=6, do_sample=False, eos_token_id=list(packed.stop_ids))
        tokens = said[0, ids.shape[1] :].tolist()
        tokens = tokens[:-1] if tokens[-1] in packed.stop_ids else tokens
        assert answers[position].text == packed.chat.decode(tokens)


@pytest.mark.parametrize("absent", ["bitsandbytes", "accelerate"])
def test_a_missing_library_is_named(absent: str, base: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(four_bits, "find_spec", lambda name: None if name == absent else object())
    with pytest.raises(UsageError, match=f"needs {absent}, which is not installed"):
        LocalEngine(base, quantization="nf4")


def test_a_base_that_is_already_quantized_is_rejected(base: Path, tmp_path: Path) -> None:
    made = Path(shutil.copytree(base, tmp_path / "made"))  # other tests share the base
    write_json(made / "config.json", read_json(made / "config.json") | {"quantization_config": {"quant_method": "x"}})
    with pytest.raises(ModelError, match="quantized already"):
        LocalEngine(made, quantization="nf4")


def test_remote_bases_cannot_be_quantized(tmp_path: Path) -> None:
    settings = Settings(base_model="http://localhost:1", model="m", quantization="nf4")
    with pytest.raises(UsageError, match="cannot be set for http://localhost:1"):
        list(open_engine(settings, tmp_path))
