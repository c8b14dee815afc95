"""One training as plain values, so that every process that takes part can be told the same."""

import copy
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import torch
from pydantic import TypeAdapter
from torch import Tensor, nn
from transformers import PreTrainedModel

from gradschool.model.adapter import wear
from gradschool.model.chat import Rendered
from gradschool.model.local import LocalEngine
from gradschool.model.lora import attach, detach, lora_layers, switched_off, trained_parameters
from gradschool.model.machine import training_dtype
from gradschool.model.reader import reader_of
from gradschool.settings import Tune
from gradschool.tune.loop import Training
from gradschool.tune.memory_plan import Room
from gradschool.tune.objectives.rehearsal import Rehearsal
from gradschool.tune.plan import Plan
from gradschool.tune.world import World, current, join


@dataclass(frozen=True, slots=True)
class Assignment:
    """What is trained, on which rows, by which plan. Folders are whole paths, and must be the same everywhere."""

    base: str
    tune: Tune
    plan: Plan
    train: tuple[Rendered, ...]
    validation: tuple[Rendered, ...]
    texts: list[list[int]] | None  # to rehearse
    checkpoint: str
    room: Room

    def training(self, network: PreTrainedModel, engine: LocalEngine, world: World) -> Training:
        """The training of a network made by `trainable`."""
        rehearsal = rehearsal_of(network, engine, self.texts, self.plan.rehearsal) if self.texts else None
        checkpoint = Path(self.checkpoint)
        return Training(
            network, self.train, self.validation, self.plan, engine.pad_id, checkpoint, rehearsal, self.room, world
        )


SAID = TypeAdapter(Assignment)


def tell(assignment: Assignment, world: World) -> None:
    """Let all helpers begin the same training."""
    if world.size > 1:
        world.tell(SAID.dump_python(assignment, mode="json"))


def help_train_under_torchrun() -> bool:
    """Join the processes that torchrun started; all but rank 0 help with every training and then return True."""
    if "WORLD_SIZE" not in os.environ or not (world := join()).rank:
        return False
    help_train(world)
    return True


def dismiss_helpers() -> None:
    """Tell the helpers that there are no more trainings."""
    current().tell(None)


def help_train(world: World) -> None:
    """Take part in each training that rank 0 begins, until it says that there will be no more."""
    engines: dict[str, LocalEngine] = {}
    while (said := world.hear()) is not None:
        assignment = SAID.validate_python(said)
        engine = engines.setdefault(assignment.base, LocalEngine(Path(assignment.base)))
        with trainable(engine, assignment.tune, world) as network:
            for _ in assignment.training(network, engine, world).run():
                pass  # rank 0 tells


@contextmanager
def trainable(engine: LocalEngine, tune: Tune, world: World) -> Iterator[PreTrainedModel]:
    """A network to train: the engine's with fresh LoRA layers, taken off again in the end, or a copy of it whole."""
    if tune.method == "full":
        yield copy.deepcopy(engine.network).float().requires_grad_(True)
        return
    wear(engine.network, None)
    dtype, network = training_dtype(engine.network)[0], engine.network
    if dtype != network.dtype or world.size > 1:  # sharding cannot be undone
        network = nn.Module.to(copy.deepcopy(network), dtype)
    attach(network, tune.rank, tune.alpha or 2 * tune.rank, tune.seed)
    try:
        yield network
    finally:
        detach(network)


def rehearsal_of(network: PreTrainedModel, engine: LocalEngine, texts: list[list[int]], weight: float) -> Rehearsal:
    """With the base as it was for a teacher: the student without its LoRA layers, or else the engine's own network."""
    if any(lora_layers(network)):
        return Rehearsal(texts, reader_of(network), weight, partial(switched_off, network))
    return Rehearsal(texts, engine.reader, weight)


@contextmanager
def holding(
    state: Mapping[str, Tensor], training: Training, engine: LocalEngine, tune: Tune
) -> Iterator[PreTrainedModel]:
    """A network with one of the states that a training kept, whole even where the training's own is sharded."""
    if training.world.size == 1:
        training.load_state(state)
        yield training.network
        return
    with trainable(engine, tune, training.world) as network, torch.no_grad():
        for name, parameter in trained_parameters(network).items():
            parameter.copy_(state[name])
        yield network
