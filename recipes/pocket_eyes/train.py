"""Train in two stages within a budget of processor time; a second call resumes from the last checkpoint."""

import json
import math
import random
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from recipes.pocket_eyes.network import Eyes, Heads, as_pixels, tokenizer_with_images
from recipes.pocket_eyes.rows import rows
from recipes.pocket_eyes.scenes import FACTS, Scene, draw
from recipes.pocket_eyes.settings import SIDE, Training

SAVE_SECONDS = 60.0
PARTS = 4  # of a batch of rows, by length


@dataclass
class Progress:
    """The progress of a training: stage, its steps and processor seconds, and a moving average of the loss."""

    stage: int = 0
    step: int = 0
    seconds: float = 0.0
    loss: float = 0.0
    pictures: int = 0


class Trainer:
    """A training in a folder."""

    def __init__(self, settings: Training, folder: Path) -> None:
        self.settings, self.folder = settings, folder
        self.eyes = Eyes.new(settings.shape, settings.rank, settings.seed)
        self.heads = Heads(settings.shape.last, FACTS)
        self.tokenizer, self.progress = tokenizer_with_images(), Progress()
        self.optimizer = self._optimizer()

    def _optimizer(self) -> torch.optim.Optimizer:
        settings, named = self.settings, self.eyes.parameters()
        tower = [one for name, one in named.items() if name.startswith("tower.")]
        if self.progress.stage == 0:
            groups = [{"params": [*tower, *self.heads.parameters()], "rate": settings.seeing_rate}]
        else:
            others = [one for name, one in named.items() if not name.startswith("tower.")]
            groups = [
                {"params": tower, "rate": settings.tower_rate},
                {"params": others, "rate": settings.naming_rate},
            ]
        return torch.optim.AdamW(groups, lr=1e-3, weight_decay=settings.weight_decay, betas=(0.9, 0.98))

    @property
    def minutes(self) -> float:
        """The budget of the present stage."""
        return (self.settings.seeing_minutes, self.settings.naming_minutes)[self.progress.stage]

    def scenes(self, count: int) -> tuple[list[Scene], random.Random]:
        """New scenes: which ones depends on seed, stage and step alone."""
        order = random.Random(f"{self.settings.seed}:{self.progress.stage}:{self.progress.step}")
        return [draw(order) for _ in range(count)], order

    def step(self) -> float:
        """Take one optimizer step; returns the loss."""
        seeing = self.progress.stage == 0
        scenes, order = self.scenes(self.settings.seeing_batch if seeing else self.settings.naming_batch)
        pixels = as_pixels([scene.image for scene in scenes])
        if seeing:
            loss = self.heads.loss(self.eyes.cells(pixels).mean(1), [scene.facts for scene in scenes])
        else:
            loss = self._naming_loss(scenes, pixels, order)
        self.optimizer.zero_grad(set_to_none=True)
        torch.autograd.backward(loss)
        parameters = [one for group in self.optimizer.param_groups for one in group["params"]]
        nn.utils.clip_grad_norm_(parameters, 1.0)
        used = min(1.0, self.progress.seconds / (self.minutes * 60))
        factor = min(1.0, (used + 1e-3) / self.settings.warmup) * 0.5 * (1 + math.cos(math.pi * used))
        for group in self.optimizer.param_groups:
            group["lr"] = group["rate"] * factor
        self.optimizer.step()
        self.progress.pictures += len(scenes)
        return loss.item()

    def _naming_loss(self, scenes: list[Scene], pixels: Tensor, order: random.Random) -> Tensor:
        """The mean over the tokens of all answers of their cross-entropy, in nats.

        Rows of similar lengths are read together, so that there is little padding.
        """
        batch = rows(scenes, self.tokenizer, self.cells_of_a_picture, order)
        features = self.eyes.features(pixels)
        losses = []
        for part in batch.lengths.argsort().tensor_split(PARTS):
            longest = int(batch.lengths[part].max())
            ids, trained = batch.token_ids[part, :longest], batch.trained[part, 1:longest]
            states = self.eyes.hidden(ids, features[part])[:, :-1]
            logits = self.eyes.base.lm_head(states[trained])
            losses.append(nn.functional.cross_entropy(logits, ids[:, 1:][trained], reduction="sum"))
        return torch.stack(losses).sum() / batch.trained.sum()

    @property
    def cells_of_a_picture(self) -> int:
        """Image tokens of a picture."""
        return (SIDE // self.settings.shape.cell) ** 2

    def run(self) -> Iterator[Progress]:
        """Train until both budgets are used; yields the progress after every step."""
        progress, saved = self.progress, time.monotonic()
        self.eyes.tower.train()
        while True:
            if progress.seconds >= self.minutes * 60:
                if progress.stage == 1:
                    self.save()
                    return
                self.progress = progress = Progress(1, pictures=progress.pictures)
                self.optimizer = self._optimizer()
                self.save()
            began = time.process_time()
            loss = self.step()
            progress.loss = loss if progress.step == 0 else 0.98 * progress.loss + 0.02 * loss
            progress.seconds += time.process_time() - began
            progress.step += 1
            if time.monotonic() - saved > SAVE_SECONDS:
                self.save()
                saved = time.monotonic()
            yield progress

    def save(self) -> None:
        """Write a checkpoint: one file, replaced at once."""
        self.folder.mkdir(parents=True, exist_ok=True)
        tensors = {name: one.detach() for name, one in self._named().items()}
        for number, moments in self.optimizer.state_dict()["state"].items():
            tensors |= {f"moment.{number}.{key}": torch.as_tensor(value) for key, value in moments.items()}
        tensors = {name: one.contiguous() for name, one in tensors.items()}
        part = self.folder / "last.part"
        save_file(tensors, part, {"progress": json.dumps(vars(self.progress))})
        part.replace(self.folder / "last.safetensors")

    def load(self) -> bool:
        """Load the checkpoint; returns False if there is none."""
        file = self.folder / "last.safetensors"
        if not file.exists():
            return False
        with safe_open(file, "pt") as opened:
            self.progress = Progress(**json.loads(opened.metadata()["progress"]))
        tensors = load_file(file)
        with torch.no_grad():
            for name, parameter in self._named().items():
                parameter.copy_(tensors[name])
        self.optimizer = self._optimizer()
        state = self.optimizer.state_dict()
        moments: dict[int, dict[str, Tensor]] = {}
        for name, value in tensors.items():
            if name.startswith("moment."):
                _, number, key = name.split(".")
                moments.setdefault(int(number), {})[key] = value
        self.optimizer.load_state_dict({"state": moments, "param_groups": state["param_groups"]})
        return True

    def _named(self) -> dict[str, nn.Parameter]:
        heads = {f"heads.{name}": one for name, one in self.heads.named_parameters()}
        return self.eyes.parameters() | heads


def train(settings: Training, folder: Path) -> Eyes:
    """Train, or go on with a training that was interrupted."""
    trainer = Trainer(settings, folder)
    trainer.load()
    shown = time.monotonic()
    for progress in trainer.run():
        if time.monotonic() - shown > 20:
            shown = time.monotonic()
            print(
                f"stage {progress.stage} step {progress.step} {progress.seconds / 60:.1f} min "
                f"loss {progress.loss:.3f} pictures {progress.pictures}",
                flush=True,
            )
    trainer.eyes.tower.eval()
    return trainer.eyes
