"""LoRA layers in the vision tower and projector: losses and gradients are those of the whole base with them."""

import copy
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn
from transformers import PreTrainedModel

from gradschool.errors import UsageError
from gradschool.export.merge import merged
from gradschool.model.adapter import in_base, save_adapter
from gradschool.model.chat import Rendered
from gradschool.model.image_tokens import without_images
from gradschool.model.local import LocalEngine
from gradschool.model.lora import LoraLinear, lora_layers
from gradschool.model.reader import reader_of
from gradschool.model.seeing import eyes_in
from gradschool.model.sight import sight_of, used_blocks
from gradschool.records import IMAGE, Image, Message
from gradschool.settings import Tune
from gradschool.tune.objectives.answers import mean_loss, summed_loss
from gradschool.tune.student import student_of
from seeing import own_inputs, picture, tiny

CPU = torch.device("cpu")


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


def engine_of(folder: Path, family: str) -> LocalEngine:
    return LocalEngine(tiny(folder / family, family), device=CPU, dtype=torch.float32)


def lesson(image: Image) -> tuple[Message, ...]:
    return Message("user", f"{IMAGE}What is this?", images=(image,)), Message("assistant", "a cat")


def nats_of(row: Rendered, logits: torch.Tensor) -> float:
    return -sum(float(logits[at - 1, row.token_ids[at]]) for at, on in enumerate(row.loss_mask) if on)


def trained(engine: LocalEngine, blocks: int) -> PreTrainedModel:
    """A student whose LoRA layers all have an effect."""
    network = student_of(engine, Tune(rank=2, vision_blocks=blocks)).network
    torch.manual_seed(1)
    for _, layer in lora_layers(network):
        nn.init.normal_(layer.lora_b, std=0.3)
    return network


@pytest.mark.parametrize(
    ("family", "blocks"),
    [("llava", 0), ("llava", 1), ("idefics3", 0), ("internvl", 1), ("qwen2_5_vl", 0), ("qwen3_vl", 2), ("gemma3", 1)],
)
def test_losses_and_gradients_are_those_of_the_whole_base(family: str, blocks: int, tmp_path: Path) -> None:
    engine, images = engine_of(tmp_path, family), [picture(tmp_path, seed) for seed in (1, 2)]
    student = trained(engine, blocks)
    rows = [engine.chat.render(lesson(image)) for image in images]
    loss = summed_loss(reader_of(student), rows, 0)
    torch.autograd.backward(loss)
    assert engine.eyes
    whole = copy.deepcopy(engine.eyes.whole)
    layers = {in_base(student, name): layer for name, layer in lora_layers(student)}
    assert any("language_model" not in name and "text_model" not in name for name in layers)
    for name, layer in layers.items():
        one = LoraLinear(whole.get_submodule(name), layer.lora_a.detach(), layer.lora_b.detach(), layer.scale)
        whole.set_submodule(name, one)
    total = torch.zeros(())
    for row, image in zip(rows, images, strict=True):
        logits = whole(**own_inputs(engine, [list(row.token_ids)], [image])).logits[0].log_softmax(-1)
        total = total - sum(logits[at - 1, row.token_ids[at]] for at, on in enumerate(row.loss_mask) if on)
    torch.autograd.backward(total)
    assert float(loss) == pytest.approx(float(total), rel=1e-5, abs=1e-4)
    for name, layer in layers.items():
        theirs = whole.get_submodule(name)
        assert layer.lora_a.grad is not None and layer.lora_a.grad.abs().max() > 0, name
        torch.testing.assert_close(layer.lora_a.grad, theirs.lora_a.grad, rtol=1e-3, atol=1e-4)
        torch.testing.assert_close(layer.lora_b.grad, theirs.lora_b.grad, rtol=1e-3, atol=1e-4)


def test_what_is_before_the_projector_is_computed_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    engine, image = engine_of(tmp_path, "llava"), picture(tmp_path, 3)
    student, row = trained(engine, 0), engine.chat.render(lesson(image))
    reader, sight = reader_of(student), sight_of(student)
    before = mean_loss(reader, [row], 0)
    monkeypatch.delattr(type(sight.whole), "get_image_features")
    assert mean_loss(reader, [row], 0) == before
    with torch.no_grad():
        for _, layer in lora_layers(sight.whole):
            layer.lora_b.mul_(2)
    assert mean_loss(reader, [row], 0) != pytest.approx(before, abs=1e-4)


def test_an_adapter_over_all_of_it_is_read_by_peft_and_is_merged(tmp_path: Path) -> None:
    from peft import PeftModel

    engine, image = engine_of(tmp_path, "llava"), picture(tmp_path, 4)
    student, folder = trained(engine, 1), tmp_path / "adapter"
    save_adapter(student, folder, "base", None)
    row = engine.chat.render(lesson(image))
    reader = engine.reader(str(folder))
    ours = mean_loss(reader, [row], 0) * row.trained_tokens
    assert ours == pytest.approx(float(summed_loss(reader_of(student), [row], 0)), abs=1e-4)
    assert mean_loss(engine.reader(), [row], 0) * row.trained_tokens != pytest.approx(ours, abs=1e-2)
    assert engine.eyes
    whole = copy.deepcopy(engine.eyes.whole)
    plain: Any = nn.Embedding
    whole.set_input_embeddings(plain.from_pretrained(engine.network.get_input_embeddings().weight))
    peft = PeftModel.from_pretrained(whole, folder)
    names = {name for name, _ in peft.named_parameters() if "lora_A" in name}
    assert len(names) == len(list(lora_layers(student))) and any("vision" in name for name in names)
    inputs = own_inputs(engine, [list(row.token_ids)], [image])
    with torch.no_grad():
        logits = peft(**inputs).logits[0].log_softmax(-1)
    its = nats_of(row, logits)
    assert ours == pytest.approx(its, abs=1e-4)
    eyes = eyes_in(merged(engine.folder, folder))
    assert eyes
    again_whole = eyes.whole
    with torch.no_grad():
        logits = again_whole(**inputs).logits[0].log_softmax(-1)
    assert without_images(row.token_ids, engine.eyes.place_id) == inputs["input_ids"][0].tolist()
    its = nats_of(row, logits)
    assert ours == pytest.approx(its, abs=1e-3)
    assert not any("sight" in name for name in again_whole.state_dict())


def test_blocks_that_no_feature_depends_on_are_not_counted(tmp_path: Path) -> None:
    class Config:
        vision_feature_layer = -2

    names = [f"tower.layers.{number}" for number in range(4)]
    assert used_blocks(names, Config) == names[:3]
    assert used_blocks(names, object()) == names
    with pytest.raises(UsageError, match="has 2"):
        student_of(engine_of(tmp_path, "llava"), Tune(rank=2, vision_blocks=3))
    with pytest.raises(UsageError, match="no linear layers"):
        student_of(engine_of(tmp_path, "gemma3"), Tune(rank=2, vision_blocks=0))
