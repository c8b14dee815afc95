"""Several processes: two have the losses of one, and a training resumes in another number of processes."""

import json
from pathlib import Path
from typing import Any

import pytest
import torch

import forked
import helper_of_world
from gradschool.tune.world import ALONE, World, current, join

# Two processes add in another order; after 12 steps in float32 losses differ by less than this.
CLOSE = 1e-4


def train(folder: Path, processes: int, steps: int = 12, methods: tuple[str, ...] = ("lora",)) -> list[Any]:
    """Train in so many processes; for each method, steps as (number, loss, validation loss, tokens)."""
    folder.mkdir(exist_ok=True)
    if processes == 1:
        helper_of_world.main(folder, steps, list(methods))
    else:
        forked.group(processes, helper_of_world.main, folder, steps, list(methods), cwd=folder)
    seen = [
        [json.loads((folder / f"losses-{m}-{rank}.json").read_text()) for m in methods] for rank in range(processes)
    ]
    assert all(one == seen[0] for one in seen)
    return seen[0]


def alike(one: list[Any], other: list[Any]) -> bool:
    """The same steps with the same losses."""
    flat = [[number or 0.0 for step in steps for number in step] for steps in (one, other)]
    return len(flat[0]) == len(flat[1]) and flat[0] == pytest.approx(flat[1], rel=CLOSE)


@pytest.mark.slow
def test_two_processes_have_the_losses_of_one(tmp_path: Path) -> None:
    methods = ("lora", "full")
    one, two = (train(tmp_path / str(processes), processes, methods=methods) for processes in (1, 2))
    for method, steps, same_steps in zip(methods, one, two, strict=True):
        assert len(steps) == 12 and alike(steps, same_steps)
        sums = [json.loads((tmp_path / folder / f"sums-{method}-0.json").read_text()) for folder in ("1", "2")]
        assert sums[1]["best"] == pytest.approx(sums[0]["best"], rel=CLOSE)
        assert sums[1]["sums"] == pytest.approx(sums[0]["sums"], rel=1e-2, abs=1e-3)
        both = [(tmp_path / "2" / f"sums-{method}-{rank}.json").read_text() for rank in (0, 1)]
        assert both[0] == both[1]


@pytest.mark.slow
def test_a_training_resumes_in_another_number_of_processes(tmp_path: Path) -> None:
    [uninterrupted] = train(tmp_path / "uninterrupted", 1)
    [begun] = train(tmp_path / "moved", 2, steps=5)  # the last checkpoint is at step 3
    [resumed] = train(tmp_path / "moved", 1, steps=4)
    [ended] = train(tmp_path / "moved", 2)
    parts = uninterrupted[:5], uninterrupted[3:7], uninterrupted[6:]
    assert all(map(alike, (begun, resumed, ended), parts))


def test_a_single_process_shards_and_sends_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("WORLD_SIZE", raising=False)
    assert join() is current() is ALONE
    layer = torch.nn.Linear(3, 4)
    layer.weight.grad = torch.full((4, 3), 2.0)
    ALONE.average_grads(layer.parameters())
    ALONE.clip(layer.parameters(), 1.0)
    assert layer.weight.grad.norm() == pytest.approx(1.0, rel=1e-5)
    assert list(ALONE.pad_steps([[1], [2]], [3])) == [([1], 1.0), ([2], 1.0)]
    assert (ALONE.sum(2.5), ALONE.agree(True), ALONE.agree(False)) == (2.5, True, False)
    tensor = torch.ones(2)
    assert ALONE.gather({"a": tensor})["a"] is tensor and torch.equal(ALONE.like(tensor, tensor), tensor)
    ALONE.broadcast("nobody receives this")


def test_each_row_is_local_to_one_process() -> None:
    rows = list(range(7))
    local = [World(rank, 3).local_rows(rows) for rank in range(3)]
    assert sorted(row for part in local for row in part) == rows
    assert max(map(len, local)) - min(map(len, local)) <= 1
