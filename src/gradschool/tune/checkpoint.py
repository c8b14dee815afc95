"""The state of a training on disk, in one file that does not depend on the number of processes."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor, nn

from gradschool.errors import ModelError
from gradschool.files import new_path
from gradschool.tune.plan import Plan
from gradschool.tune.rows import MAX_TOKENS
from gradschool.tune.world import World

MOMENTS = ("exp_avg", "exp_avg_sq")


@dataclass(slots=True)
class TrainState:
    """The progress of a training; losses are nats per answer token, `best_loss` is measured on validation rows."""

    step: int = 0
    tokens: int = 0
    best_loss: float = float("inf")
    best_step: int = 0
    worse: int = 0  # validations since the best one
    first_train_loss: float = float("nan")  # average over the first tenth of the steps
    last_train_loss: float = float("nan")  # moving average over as many steps
    micro_batch_tokens: int = MAX_TOKENS  # saved, since another size rounds differently
    threads: int = 0  # saved, since another number rounds differently; 0: not chosen by timing
    seconds: float = 0.0


def write_checkpoint(
    path: Path,
    parameters: Mapping[str, nn.Parameter],
    best: Mapping[str, Tensor],
    optimizer: torch.optim.Optimizer,
    state: TrainState,
    plan: Plan,
    world: World,
) -> None:
    """Write a training to a file, atomically; all processes must call this."""
    tensors: dict[str, Tensor] = {}
    for name, parameter in parameters.items():
        moments = optimizer.state[parameter]
        tensors |= {f"now.{name}": parameter.detach(), f"best.{name}": best[name], f"step.{name}": moments["step"]}
        tensors |= {f"{moment}.{name}": moments[moment] for moment in MOMENTS}
    full = world.gather(tensors)
    if world.rank == 0:
        on_cpu = {name: tensor.cpu().contiguous() for name, tensor in full.items()}
        metadata = {"state": json.dumps(asdict(state)), "plan": json.dumps(asdict(plan))}
        with new_path(path) as temporary:  # `save` would need twice the file's size in memory
            save_file(on_cpu, temporary, metadata)


def read_checkpoint(
    path: Path,
    parameters: Mapping[str, nn.Parameter],
    best: Mapping[str, Tensor],
    optimizer: torch.optim.Optimizer,
    plan: Plan,
    world: World,
) -> TrainState:
    """Restore parameters, optimizer and the best weights so far; returns the progress.

    Raises ModelError if the checkpoint is damaged or belongs to another training.
    """
    try:
        with safe_open(path, framework="pt") as file:
            if json.loads(file.metadata()["plan"]) != asdict(plan):
                raise ValueError("It belongs to another plan.")
            found = file.metadata()
            state = _state_of(json.loads(found["state"] if "state" in found else found["course"]))  # the older name
            for name, parameter in parameters.items():
                now, best_yet = (world.like(file.get_tensor(f"{part}.{name}"), parameter) for part in ("now", "best"))
                with torch.no_grad():
                    parameter.copy_(now)
                    best[name].copy_(best_yet)
                optimizer.state[parameter] = {"step": file.get_tensor(f"step.{name}")}
                for moment in MOMENTS:
                    optimizer.state[parameter][moment] = world.like(file.get_tensor(f"{moment}.{name}"), parameter)
            return state
    except (SafetensorError, KeyError, TypeError, ValueError, RuntimeError) as error:
        raise ModelError(
            f"The checkpoint {path} does not fit this training.", str(error), "delete it; this training starts again."
        ) from error


def _state_of(saved: dict[str, float]) -> TrainState:
    """The progress as saved, also by versions that named the micro-batch differently and validated before step 1."""
    saved.pop("untrained_loss", None)
    if "portion_tokens" in saved:
        saved["micro_batch_tokens"] = saved.pop("portion_tokens")
    return TrainState(**saved)  # type: ignore[arg-type]
