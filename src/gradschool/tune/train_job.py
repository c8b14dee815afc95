"""One training as plain values, which rank 0 can send to the processes that take part."""

import copy
import os
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import torch
from pydantic import TypeAdapter
from torch import Tensor, nn
from transformers import PreTrainedModel

from gradschool.model.adapters import shared_copy
from gradschool.model.chat import Rendered
from gradschool.model.local import LocalEngine
from gradschool.model.lora import attach, lora_layers, switched_off, trained_parameters
from gradschool.model.machine import training_dtype
from gradschool.model.reader import reader_of
from gradschool.settings import Tune
from gradschool.tune.loop import Training
from gradschool.tune.memory import MemoryPlan
from gradschool.tune.objectives.answers import Answers
from gradschool.tune.objectives.objective import Objective
from gradschool.tune.objectives.rehearsal import Rehearsal
from gradschool.tune.plan import Plan
from gradschool.tune.world import World, current, join


@dataclass(frozen=True, slots=True)
class TrainJob:
    """What is trained, on which rows and by which plan; paths are absolute and must be valid in every process."""

    base: str
    tune: Tune
    plan: Plan
    train: tuple[Rendered, ...]
    validation: tuple[Rendered, ...]
    texts: list[list[int]] | None  # for rehearsal
    checkpoint: str
    memory: MemoryPlan

    def training(self, network: PreTrainedModel, engine: LocalEngine, world: World) -> Training:
        """The training of a network made by `trainable`."""
        objectives = self.objectives(network, engine)
        return Training(network, objectives, self.plan, Path(self.checkpoint), self.memory, world)

    def objectives(self, network: PreTrainedModel, engine: LocalEngine) -> tuple[Objective, ...]:
        """The terms of the loss; the first one selects the best weights."""
        answers = Answers(self.train, self.validation, self.plan, engine.pad_id)
        if not self.texts:
            return (answers,)
        return answers, rehearsal_of(network, engine, self.texts, self.plan.rehearsal)


JSON = TypeAdapter(TrainJob)


def broadcast(job: TrainJob, world: World) -> None:
    """Start the same training in all helper processes."""
    if world.size > 1:
        world.broadcast(JSON.dump_python(job, mode="json"))


def help_train_under_torchrun() -> bool:
    """Join the processes that torchrun started; all but rank 0 help with every training and then return True."""
    if "WORLD_SIZE" not in os.environ or not (world := join()).rank:
        return False
    help_train(world)
    return True


def dismiss_helpers() -> None:
    """Tell the helpers that there are no more trainings."""
    current().broadcast(None)


def help_train(world: World) -> None:
    """Take part in each training that rank 0 starts, until it broadcasts None."""
    engines: dict[str, LocalEngine] = {}
    while (message := world.receive()) is not None:
        job = JSON.validate_python(message)
        engine = engines.setdefault(job.base, LocalEngine(Path(job.base)))
        for _ in job.training(trainable(engine, job.tune, world), engine, world).run():
            pass  # rank 0 reports


def trainable(engine: LocalEngine, tune: Tune, world: World) -> PreTrainedModel:
    """A network to train, with fresh LoRA layers over the engine's base, or a copy with all weights trainable.

    The engine's own network stays as it is. The LoRA layers share its tensors, unless training needs another number
    format or shards the network.
    """
    if tune.method == "full":
        network: PreTrainedModel = copy.deepcopy(engine.network).float().requires_grad_(True)
        return network
    dtype = training_dtype(engine.network)[0]
    if dtype != engine.network.dtype or world.size > 1:
        network = nn.Module.to(copy.deepcopy(engine.network), dtype)
    else:
        network = shared_copy(engine.network)
    attach(network, tune.rank, tune.alpha or 2 * tune.rank, tune.seed)
    return network


def rehearsal_of(network: PreTrainedModel, engine: LocalEngine, texts: list[list[int]], weight: float) -> Rehearsal:
    """Rehearsal with the base as the teacher: the student with its LoRA layers off, or else the engine's network."""
    if any(lora_layers(network)):
        return Rehearsal(texts, reader_of(network), weight, partial(switched_off, network))
    return Rehearsal(texts, engine.reader(), weight)


def network_with(weights: Mapping[str, Tensor], training: Training, engine: LocalEngine, tune: Tune) -> PreTrainedModel:
    """A network with one set of the trained weights; not sharded, even if the training's own network is."""
    if training.world.size == 1:
        training.load_weights(weights)
        return training.network
    network = trainable(engine, tune, training.world)
    with torch.no_grad():
        for name, parameter in trained_parameters(network).items():
            parameter.copy_(weights[name])
    return network
