"""A weaker copy of an adapter changes the base by a factor less, and its config stays the same."""

from pathlib import Path

import pytest
import torch

from gradschool.model.adapter import read_matrices, save_adapter
from gradschool.model.local import LocalEngine
from gradschool.model.lora import attach, lora_layers
from gradschool.model.weakened import weaken


def test_only_b_is_scaled(base: Path, tmp_path: Path) -> None:
    engine = LocalEngine(base)
    attach(engine.network, 2, 4, seed=0)
    for _, layer in lora_layers(engine.network):
        torch.nn.init.normal_(layer.lora_b)
    save_adapter(engine.network, tmp_path / "adapter", "base", None)
    weaken(tmp_path / "adapter", tmp_path / "half", 0.5)
    whole, half = (read_matrices(tmp_path / name).layers for name in ("adapter", "half"))
    assert whole.keys() == half.keys() and whole
    for name, layer in whole.items():
        torch.testing.assert_close(half[name].lora_b, 0.5 * layer.lora_b)
        torch.testing.assert_close(half[name].lora_a, layer.lora_a)
        assert half[name].scale == layer.scale
    config = "adapter_config.json"
    assert (tmp_path / "half" / config).read_text() == (tmp_path / "adapter" / config).read_text()


@pytest.mark.parametrize("factor", [1.0, 0.0])
def test_the_ends_are_the_adapter_and_the_base(base: Path, factor: float, tmp_path: Path) -> None:
    engine = LocalEngine(base)
    attach(engine.network, 2, 4, seed=0)
    for _, layer in lora_layers(engine.network):
        torch.nn.init.normal_(layer.lora_b)
    save_adapter(engine.network, tmp_path / "adapter", "base", None)
    weaken(tmp_path / "adapter", tmp_path / "copy", factor)
    plain = LocalEngine(base)
    text = ["the quick brown fox"]
    changed = plain.text_losses(text, str(tmp_path / "copy"))
    expected = plain.text_losses(text, str(tmp_path / "adapter") if factor else "")
    assert changed[0].nats == pytest.approx(expected[0].nats, abs=1e-4)
