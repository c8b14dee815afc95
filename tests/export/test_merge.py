"""Merging an adapter into a base that reads images: the whole base is written, and still reads them."""

from pathlib import Path

import pytest
import torch

from gradschool.errors import ModelError
from gradschool.export.export import check
from gradschool.export.merge import merged, save_merged
from gradschool.model.adapter import save_adapter
from gradschool.model.copies import shared_copy
from gradschool.model.local import LocalEngine
from gradschool.model.lora import attach, lora_layers
from gradschool.records import IMAGE, Message
from gradschool.specialist import Recipe, Specialist
from gradschool.tune.objectives.answers import mean_loss
from seeing import picture, tiny

CPU = torch.device("cpu")


def test_a_merged_base_reads_images_as_the_base_with_its_adapter_does(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    engine = LocalEngine(tiny(tmp_path / "base", "llava"), device=CPU, dtype=torch.float32)
    student = shared_copy(engine.network)
    attach(student, 2, 4, seed=0)
    for _, layer in lora_layers(student):
        torch.nn.init.normal_(layer.lora_b, std=0.3)
    save_adapter(student, tmp_path / "adapter", "base", None)
    save_merged(merged(engine.folder, tmp_path / "adapter"), engine, engine.chat.template, tmp_path / "whole")
    whole = LocalEngine(tmp_path / "whole", device=CPU, dtype=torch.float32)
    image = picture(tmp_path, 1)
    row = engine.chat.render((Message("user", f"{IMAGE}What?", images=(image,)), Message("assistant", "a cat")))
    again = whole.chat.render((Message("user", f"{IMAGE}What?", images=(image,)), Message("assistant", "a cat")))
    assert row == again
    ours, theirs = mean_loss(engine.reader(str(tmp_path / "adapter")), [row], 0), mean_loss(whole.reader(), [row], 0)
    assert ours == pytest.approx(theirs, abs=1e-4)
    assert abs(ours - mean_loss(engine.reader(), [row], 0)) > 1e-2
    with pytest.raises(ModelError, match="mmproj"):
        check("gguf", Specialist(whole, Recipe()), whole)
