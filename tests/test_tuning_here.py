"""Whether bases can be tuned here: as `fit` says, remembered by file, and asked again when file or memory change."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from finish import finish
from gradschool import estimate, tuning_here
from gradschool.estimate import BaseMemory, Fit, base_memory
from gradschool.model.installed import InstalledBase, installed_bases
from gradschool.model.memory import Device, Workload
from gradschool.records import Progress
from gradschool.tuning_here import LONGEST, with_tuning
from stored_models import written

FREE = 20 * 10**9


@pytest.fixture(autouse=True)
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[list[int]]:
    """A CPU with memory that a test can change."""
    free = [FREE]
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.setattr(estimate, "this_machine", lambda *_: Device("cpu", torch.float32, free[0]))
    monkeypatch.setattr(tuning_here, "free_memory", lambda: free[0])
    yield free


def pocket() -> InstalledBase:
    return next(one for one in installed_bases() if one.base_model == "pocket")


def lora_of_fit() -> Fit:
    """What `fit` says about LoRA over the built-in base."""
    return next(
        use for use in base_memory("pocket", Workload(LONGEST), cards=(), methods=("lora",)).uses if use.use == "lora"
    )


@pytest.fixture
def quickly(monkeypatch: pytest.MonkeyPatch) -> None:
    """Estimates that take no time, where their numbers do not matter."""
    made = BaseMemory("x", 1, Workload(LONGEST), (Fit("lora", 10**9, 10**9, ("yes",), 5.0),), ("here",), "cpu", FREE)
    monkeypatch.setattr(estimate, "base_memory", lambda *_, **__: made)


def test_a_base_needs_what_fit_says_and_is_estimated_once() -> None:
    [found], events = finish(with_tuning([pocket()]))
    lora = lora_of_fit()
    assert found.tunable and found.tuning_bytes == lora.minimum
    assert found.tuning_seconds == pytest.approx(lora.seconds) and found.tuning_seconds > 0
    assert events and all(isinstance(event, Progress) for event in events)
    again, events = finish(with_tuning([pocket()]))
    assert again == [found] and not events


def test_with_little_memory_it_cannot_be_tuned_as_fit_says(machine: list[int]) -> None:
    [found], _ = finish(with_tuning([pocket()]))
    needed = estimate.free_for_training(found.tuning_bytes)
    for machine[0] in (needed, needed - 10_000):  # of the latter, both are estimated
        [now], _ = finish(with_tuning([pocket()]))
        lora = lora_of_fit()
        assert now.tunable == (lora.devices[0] != "no") == (machine[0] == needed)


@pytest.mark.usefixtures("quickly")
def test_a_changed_base_is_estimated_again() -> None:
    finish(with_tuning([pocket()]))
    _, events = finish(with_tuning([replace(pocket(), bytes=5)]))
    assert events


def test_a_base_that_cannot_be_read_has_its_reason(tmp_path: Path) -> None:
    file = written(tmp_path / "x.gguf", "grok")
    [found], _ = finish(with_tuning([InstalledBase("x", "a file", path=str(file), parameters=1)]))
    assert not found.tunable and "family 'grok'" in found.problem
    broken = InstalledBase("y", "a file", problem="it is damaged", path="y")
    assert finish(with_tuning([broken])) == ([broken], [])


@pytest.mark.usefixtures("quickly")
def test_a_damaged_memory_of_estimates_is_written_anew() -> None:
    path = tuning_here.ESTIMATES.path
    path.parent.mkdir(parents=True)
    path.write_text("{")
    [found], _ = finish(with_tuning([pocket()]))
    assert found.tunable
