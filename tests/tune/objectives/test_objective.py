"""The objective interface: the loop trains with an objective that it does not know, and resumes it bit for bit."""

from pathlib import Path
from typing import Any

import pytest
import torch

import toy
from finish import finish
from gradschool.records import Step
from gradschool.tune.loop import Training
from gradschool.tune.objectives.answers import summed_loss
from gradschool.tune.objectives.objective import Compute, Objective, StepLoss

# Answers that end at once are preferred to the answers of the training rows.
PAIRS = [(toy.row((list(row.token_ids[:2]), False), ([1], True)), row) for row in toy.TRAIN]


class Preferences(Objective):
    """Makes the first answer of a pair more probable than the second one."""

    name = "preferences"

    def backward(self, step: int, compute: Compute) -> StepLoss:
        preferred, rejected = PAIRS[step % len(PAIRS)]
        margin = summed_loss(compute.reader, [rejected], 0) - summed_loss(compute.reader, [preferred], 0)
        loss = -torch.nn.functional.logsigmoid(margin)
        torch.autograd.backward(loss)
        return StepLoss(loss.item())


class OnlyPreferences(Preferences):
    """The same as the deciding objective, validated on the first pairs."""

    def backward(self, step: int, compute: Compute) -> StepLoss:
        return StepLoss(super().backward(step, compute).loss, tokens=2, epoch=(step + 1) / len(PAIRS))

    @torch.no_grad()
    def validation_loss(self, compute: Compute) -> float:
        margins = [summed_loss(compute.reader, [b], 0) - summed_loss(compute.reader, [a], 0) for a, b in PAIRS[:4]]
        return -float(torch.stack(margins).mean())


def training(folder: Path, dropout: float = 0.3) -> tuple[Any, Training]:
    network, plan = toy.network(dropout), toy.plan()
    objectives = [toy.answers(plan), toy.rehearsal(), Preferences()]
    return network, Training(network, objectives, plan, folder / "checkpoint.safetensors")


@pytest.fixture(scope="module")
def uninterrupted(tmp_path_factory: pytest.TempPathFactory) -> tuple[dict[str, torch.Tensor], list[Step]]:
    """The weights and steps of a whole training."""
    network, whole = training(tmp_path_factory.mktemp("uninterrupted"))
    _, steps = finish(whole.run())
    return toy.values(network), steps


@pytest.mark.parametrize("cut", [[1], [4, 3], [11]])
def test_a_third_objective_resumes_bit_for_bit(
    cut: list[int], uninterrupted: tuple[dict[str, torch.Tensor], list[Step]], tmp_path: Path
) -> None:
    weights, steps = uninterrupted
    for count in cut:
        work = training(tmp_path / "cut")[1].run()
        for _ in range(count):
            next(work)
        work.close()
    resumed, last = training(tmp_path / "cut")
    _, rest = finish(last.run())
    assert toy.same(toy.values(resumed), weights)
    assert rest == steps[len(steps) - len(rest) :]


def test_each_objective_changes_the_training_and_reports_its_loss(tmp_path: Path) -> None:
    _, steps = finish(training(tmp_path, dropout=0.0)[1].run())
    assert all(isinstance(step, Step) and step.other_losses.keys() == {"rehearsal", "preferences"} for step in steps)
    plan = toy.plan()
    _, alone = finish(Training(toy.network(), [toy.answers(plan)], plan, tmp_path / "alone").run())
    assert alone[0].loss == steps[0].loss and alone[-1].loss != steps[-1].loss
    assert alone[0].other_losses == {}
    before, after = (sum(step.other_losses["preferences"] for step in part) for part in (steps[:4], steps[-4:]))
    assert after < before


def test_the_first_objective_decides(tmp_path: Path) -> None:
    plan = toy.plan()
    state, steps = finish(Training(toy.network(), [OnlyPreferences()], plan, tmp_path / "one").run())
    validated = [step.validation_loss for step in steps if step.validation_loss is not None]
    assert len(validated) == 4 and state.best_loss == min(validated) < validated[0]
    assert (state.tokens, steps[-1].epoch) == (24, 12 / 16)
    with pytest.raises(ValueError, match="preferences has none"):
        finish(Training(toy.network(), [Preferences(), toy.answers(plan)], plan, tmp_path / "other").run())
