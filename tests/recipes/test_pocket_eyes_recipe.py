"""The recipe of pocket-eyes on a scale of seconds: scenes, rows, a training that resumes, and an export."""

import json
import random
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from gradschool.model.pocket_eyes import EYES
from recipes.pocket_eyes.card import card
from recipes.pocket_eyes.evaluate import evaluate
from recipes.pocket_eyes.export import export
from recipes.pocket_eyes.network import Eyes, as_pixels, tokenizer_with_images
from recipes.pocket_eyes.rows import rows
from recipes.pocket_eyes.scenes import FACTS, KINDS, draw
from recipes.pocket_eyes.settings import SIDE, Shape, Training
from recipes.pocket_eyes.train import Trainer

SMALL = Training(
    Shape(width=8, depths=(1, 1, 1)),
    seeing_minutes=0.01,
    naming_minutes=0.03,
    seeing_batch=8,
    naming_batch=4,
    rank=2,
    held_out=3,
)


def test_scenes_are_drawn_again_from_their_seed_and_say_what_is_in_them() -> None:
    one, again = (draw(random.Random(3)) for _ in range(2))
    assert one.image.tobytes() == again.image.tobytes() and one.questions == again.questions
    scenes = [draw(random.Random(seed)) for seed in range(80)]
    assert {scene.kind for scene in scenes} == set(KINDS)
    assert all(scene.image.size == (SIDE, SIDE) and scene.questions for scene in scenes)
    assert all(0 <= value < FACTS[name] for scene in scenes for name, value in scene.facts.items())


def test_rows_are_trained_on_answers_and_their_end_alone() -> None:
    tokenizer, scenes = tokenizer_with_images(), [draw(random.Random(seed)) for seed in range(6)]
    made = rows(scenes, tokenizer, 16, random.Random(0))
    for scene, ids, trained in zip(scenes, made.token_ids, made.trained, strict=True):
        text = tokenizer.decode(ids[trained])
        answers = [answer for question, answer in scene.questions]
        assert all(part in (*answers, "") for part in text.split("<|im_end|>")) and text.endswith("<|im_end|>")
        assert int((ids == tokenizer.convert_tokens_to_ids("<image>")).sum()) == 16


def test_a_training_goes_on_from_its_checkpoint_and_is_exported(tmp_path: Path) -> None:
    first = Trainer(SMALL, tmp_path / "run")
    for progress in first.run():
        if progress.stage == 1:
            first.save()
            break
    second = Trainer(SMALL, tmp_path / "run")
    assert second.load() and second.progress == first.progress
    a, b = ({name: one.detach() for name, one in part.eyes.parameters().items()} for part in (first, second))
    assert all(torch.equal(a[name], b[name]) for name in a)
    for _ in second.run():
        pass
    second.eyes.tower.eval()
    export(second.eyes, SMALL, tmp_path / "base")
    evaluate(second.eyes, SMALL, tmp_path / "base")
    assert "| scene and question |" in card(tmp_path / "base", SMALL)
    assert {path.name for path in EYES.iterdir()} <= {path.name for path in (tmp_path / "base").iterdir()} | {
        "README.md"
    }


def test_the_network_of_the_recipe_is_that_of_transformers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The exported base computes what the recipe's network computes, as transformers loads it."""
    from transformers import AutoModelForImageTextToText

    from gradschool.model import pocket_eyes
    from gradschool.model.lora import lora_layers

    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    eyes = Eyes.new(SMALL.shape, SMALL.rank, seed=1)
    for _, layer in lora_layers(eyes.base):
        torch.nn.init.normal_(layer.lora_b, std=0.05)
    export(eyes, SMALL, tmp_path / "base")
    monkeypatch.setattr(pocket_eyes, "EYES", tmp_path / "base")
    folder = pocket_eyes.pocket_eyes_folder()
    assert folder == pocket_eyes.pocket_eyes_folder()
    whole = AutoModelForImageTextToText.from_pretrained(folder, dtype=torch.float32).eval()
    scene, tokenizer = draw(random.Random(2)), tokenizer_with_images()
    made = rows([scene], tokenizer, 16, random.Random(0))
    pixels = as_pixels([scene.image])
    eyes.tower.eval()
    with torch.no_grad():
        own = eyes.base.lm_head(eyes.hidden(made.token_ids, eyes.features(pixels)))
        theirs = whole(input_ids=made.token_ids, pixel_values=pixels, attention_mask=torch.ones_like(made.token_ids))
    difference = (own - theirs.logits).norm() / own.norm()
    assert difference < 0.03  # the exported weights are rounded to bfloat16
    config = json.loads((folder / "config.json").read_text())
    assert config["model_type"] == "llava" and replace(SMALL) == SMALL
