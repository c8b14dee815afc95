"""Evaluate the network on scenes that were not trained on: the share of exact greedy answers to each question."""

import json
import random
from collections import defaultdict
from pathlib import Path

import torch

from recipes.pocket_eyes.network import Eyes, as_pixels, tokenizer_with_images
from recipes.pocket_eyes.rows import pieces
from recipes.pocket_eyes.scenes import Scene, draw
from recipes.pocket_eyes.settings import IMAGE_TOKEN, SIDE, Training

MAX_NEW = 12


@torch.inference_mode()
def evaluate(eyes: Eyes, settings: Training, folder: Path) -> dict[str, dict[str, float]]:
    """Write and return, for each kind of scene and question, how many answers are right, and of how many."""
    eyes.tower.eval()
    order = random.Random("held out")
    scenes = [draw(order) for _ in range(settings.held_out)]
    tokenizer, cells = tokenizer_with_images(), (SIDE // settings.shape.cell) ** 2
    right: defaultdict[str, list[bool]] = defaultdict(list)
    for scene in scenes:
        for question, answer in scene.questions:
            given = _answer(eyes, scene, question, tokenizer, cells)
            right[f"{scene.kind}: {_about(question)}"].append(given == answer)
    figures = {
        name: {"right": sum(found) / len(found), "questions": float(len(found))}
        for name, found in sorted(right.items())
    }
    tower = sum(one.numel() for one in eyes.tower.parameters())
    (folder / "evaluation.json").write_text(json.dumps({"tower": tower, "questions": figures}, indent=1) + "\n")
    return figures


def _about(question: str) -> str:
    """A question without the names of shapes."""
    if question.startswith("How many") and "bars" not in question:
        return "How many?"
    return "What colour?" if question.startswith("What colour") and "bar" not in question else question


def _answer(eyes: Eyes, scene: Scene, question: str, tokenizer: object, cells: int) -> str:
    encode, decode = tokenizer.encode, tokenizer.decode  # type: ignore[attr-defined]
    text = "".join(piece for piece, _ in pieces([("user", IMAGE_TOKEN + question)], cells)) + "<|im_start|>assistant\n"
    ids = encode(text, add_special_tokens=False)
    features = eyes.features(as_pixels([scene.image]))
    new: list[int] = []
    for _ in range(MAX_NEW):
        states = eyes.hidden(torch.tensor([[*ids, *new]]), features)[:, -1]
        token = int(eyes.base.lm_head(states).argmax())
        if token == 2:
            break
        new.append(token)
    answer: str = decode(new)
    return answer
