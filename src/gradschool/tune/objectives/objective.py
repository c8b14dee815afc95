"""The interface of an objective: one term of the loss that the training loop minimizes."""

from dataclasses import dataclass
from typing import Protocol

from gradschool.model.reader import Reader
from gradschool.tune.world import World


@dataclass(frozen=True, slots=True)
class Compute:
    """What an objective computes with: a network, its processes, and a limit on the tokens of one forward pass."""

    reader: Reader
    world: World
    max_tokens: int


@dataclass(frozen=True, slots=True)
class StepLoss:
    """The loss of an objective at one optimizer step, over all processes."""

    loss: float
    tokens: int = 0  # of the training rows of this step
    epoch: float = 0.0  # passes over the training rows, this step included


class Objective(Protocol):
    """One term of the training loss, with the data that it reads.

    A resumed training must end bit for bit the same, so results depend on the step number and on constructor arguments
    alone. Every process calls each method with the same step; all must make the same number of forward passes.
    """

    name: str

    def backward(self, step: int, compute: Compute) -> StepLoss:
        """Add the gradient of this term to the parameters; steps are counted from 0.

        The loop averages gradients over processes: an objective that splits its rows among them multiplies by
        `world.size`. After running out of memory the loop clears all gradients and calls again with fewer `max_tokens`.
        """

    def validation_loss(self, compute: Compute) -> float | None:
        """The loss on held-out data, over all processes; None if the objective has no held-out data."""
        return None

    def try_largest(self, compute: Compute) -> None:
        """Run the forward and backward pass that needs the most memory, if it depends on the data."""
        return
