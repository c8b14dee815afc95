"""Rows to train on: a picture with its questions and answers as one conversation, in the base's chat format."""

import random
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from recipes.pocket_eyes.scenes import Scene
from recipes.pocket_eyes.settings import IMAGE_TOKEN

MAX_QUESTIONS = 2  # of a row: short rows are cheap
SYSTEMS = (
    *[""] * 6,
    "Answer the question about the picture.",
    "Look at the picture and answer in one word.",
    "You see a picture. Answer briefly.",
)


@dataclass(frozen=True, slots=True)
class Rows:
    """Token ids (B, T), padded on the right, and where a token is predicted that is trained on."""

    token_ids: Tensor
    trained: Tensor  # (B, T) bool
    lengths: Tensor  # (B,)


def conversation(scene: Scene, order: random.Random) -> list[tuple[str, str]]:
    """The turns about a scene, as role and text: some of its questions in any order, and a few with the choices."""
    turns: list[tuple[str, str]] = []
    if system := order.choice(SYSTEMS):
        turns.append(("system", system))
    asked = order.sample(scene.questions, min(MAX_QUESTIONS, len(scene.questions)))
    for number, (question, answer) in enumerate(asked):
        if question in scene.options and order.random() < 0.25:
            options = order.sample(scene.options[question], len(scene.options[question]))
            how = order.choice(("Choose one", "Answer with one of these"))
            question = f"{question} {how}: {', '.join(options)}."
        before = IMAGE_TOKEN if number == 0 else ""
        turns += [("user", f"{before}{question}"), ("assistant", answer)]
    return turns


def pieces(turns: list[tuple[str, str]], cells: int) -> list[tuple[str, bool]]:
    """The text of a conversation in pieces, each with whether it is trained on."""
    found: list[tuple[str, bool]] = []
    for role, text in turns:
        shown = text.replace(IMAGE_TOKEN, IMAGE_TOKEN * cells)
        found.append((f"<|im_start|>{role}\n" + (shown if role != "assistant" else ""), False))
        if role == "assistant":
            found.append((f"{shown}<|im_end|>", True))
            found.append(("\n", False))
        else:
            found.append(("<|im_end|>\n", False))
    return found


def rows(scenes: list[Scene], tokenizer: Any, cells: int, order: random.Random) -> Rows:
    """The conversations about scenes as tokens."""
    all_ids: list[list[int]] = []
    all_trained: list[list[bool]] = []
    for scene in scenes:
        ids: list[int] = []
        trained: list[bool] = []
        for text, on in pieces(conversation(scene, order), cells):
            part = tokenizer.encode(text, add_special_tokens=False)
            ids += part
            trained += [on] * len(part)
        all_ids.append(ids)
        all_trained.append(trained)
    longest = max(map(len, all_ids))
    padded = torch.tensor([ids + [0] * (longest - len(ids)) for ids in all_ids])
    mask = torch.tensor([on + [False] * (longest - len(on)) for on in all_trained])
    return Rows(padded, mask, torch.tensor([len(ids) for ids in all_ids]))
