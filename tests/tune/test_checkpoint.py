"""Checkpoints: written without a copy of their tensors in memory."""

import tracemalloc
from pathlib import Path

import torch
from torch import nn

from gradschool.settings import Tune
from gradschool.tune.checkpoint import TrainState, read_checkpoint, write_checkpoint
from gradschool.tune.plan import make_plan
from gradschool.tune.world import ALONE


def test_a_checkpoint_needs_no_copy_of_its_tensors_in_memory(tmp_path: Path) -> None:
    weight = nn.Parameter(torch.ones(500_000))
    optimizer = torch.optim.AdamW([weight])
    weight.grad = torch.ones_like(weight)
    optimizer.step()
    plan, best = make_plan(Tune(), 8, 20, 1e-3), {"w": torch.zeros(500_000)}
    saved = tmp_path / "training.safetensors", {"w": weight}, best, optimizer
    tracemalloc.start()
    write_checkpoint(*saved, TrainState(step=1), plan, ALONE)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert saved[0].stat().st_size > 16 * 500_000 > 10 * peak
    assert [file.name for file in tmp_path.iterdir()] == [saved[0].name]
    assert read_checkpoint(*saved, plan, ALONE).step == 1
