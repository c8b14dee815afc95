"""The state of a training on disk, whole whatever number of processes wrote it."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor, nn

from gradschool.errors import ModelError
from gradschool.files import write_bytes
from gradschool.tune.plan import Plan
from gradschool.tune.rows import MAX_TOKENS
from gradschool.tune.world import World

MOMENTS = ("exp_avg", "exp_avg_sq")


@dataclass(slots=True)
class TrainState:
    """Where a training stands; losses are nats per answer token, first and best measured on validation."""

    step: int = 0
    tokens: int = 0
    untrained_loss: float = float("nan")
    best_loss: float = float("inf")
    best_step: int = 0
    worse: int = 0  # validations since the best one
    first_train_loss: float = float("nan")  # means over the first and the last tenth of the steps
    last_train_loss: float = float("nan")
    micro_batch_tokens: int = MAX_TOKENS  # read at once; kept, since another size rounds another way
    seconds: float = 0.0


def write_checkpoint(
    path: Path,
    parameters: Mapping[str, nn.Parameter],
    best: Mapping[str, Tensor],
    optimizer: torch.optim.Optimizer,
    course: TrainState,
    plan: Plan,
    world: World,
) -> None:
    """Write down where a training stands, whole or not at all; all processes must take part."""
    tensors: dict[str, Tensor] = {}
    for name, parameter in parameters.items():
        state = optimizer.state[parameter]
        tensors |= {f"now.{name}": parameter.detach(), f"best.{name}": best[name], f"step.{name}": state["step"]}
        tensors |= {f"{moment}.{name}": state[moment] for moment in MOMENTS}
    whole = world.whole(tensors)
    if world.rank == 0:
        on_cpu = {name: tensor.cpu().contiguous() for name, tensor in whole.items()}
        about = {"course": json.dumps(asdict(course)), "plan": json.dumps(asdict(plan))}
        write_bytes(path, save(on_cpu, about))


def read_checkpoint(
    path: Path,
    parameters: Mapping[str, nn.Parameter],
    best: Mapping[str, Tensor],
    optimizer: torch.optim.Optimizer,
    plan: Plan,
    world: World,
) -> TrainState:
    """Put everything back as it was, and return the course; raises ModelError where it belongs to another training."""
    try:
        with safe_open(path, framework="pt") as file:
            if json.loads(file.metadata()["plan"]) != asdict(plan):
                raise ValueError("It belongs to another plan.")
            course = TrainState(**json.loads(file.metadata()["course"]))
            for name, parameter in parameters.items():
                now, kept = (world.like(file.get_tensor(f"{part}.{name}"), parameter) for part in ("now", "best"))
                with torch.no_grad():
                    parameter.copy_(now)
                    best[name].copy_(kept)
                optimizer.state[parameter] = {"step": file.get_tensor(f"step.{name}")}
                for moment in MOMENTS:
                    optimizer.state[parameter][moment] = world.like(file.get_tensor(f"{moment}.{name}"), parameter)
            return course
    except (SafetensorError, KeyError, TypeError, ValueError, RuntimeError) as error:
        raise ModelError(
            f"The checkpoint {path} does not fit this training.", str(error), "delete it; this training starts again."
        ) from error
