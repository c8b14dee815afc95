"""The network that a training changes, and the base that it starts from."""

import copy
from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from transformers import PreTrainedModel

from gradschool.model.copies import shared_copy
from gradschool.model.local import LocalEngine
from gradschool.model.lora import attach, trained_parameters
from gradschool.model.reader import Reader, reader_of
from gradschool.model.seeing import eyes_in
from gradschool.model.sight import attach_to_sight
from gradschool.settings import Tune
from gradschool.tune.loop import Training


@dataclass(frozen=True, slots=True)
class Student:
    """A network to train, and the base that it starts from, in the same number format, as its teacher."""

    network: PreTrainedModel
    teacher: Reader


def student_of(engine: LocalEngine, tune: Tune) -> Student:
    """A new network to train: fresh LoRA layers over the frozen base, or a float32 copy of all weights."""
    if tune.method == "full":
        return Student(copy.deepcopy(engine.network).float().requires_grad_(True), engine.reader())
    dtype, teacher = engine.training_dtype, engine.reader()
    if dtype != engine.network.dtype:
        teacher = reader_of(nn.Module.to(copy.deepcopy(engine.network), dtype))
    network = shared_copy(teacher.network)
    alpha = tune.alpha or 2 * tune.rank
    attach(network, tune.rank, alpha, tune.seed)
    if tune.vision_blocks is not None and eyes_in(network):
        attach_to_sight(network, tune.vision_blocks, tune.rank, alpha, tune.seed)
    return Student(network, teacher)


def with_weights(weights: Mapping[str, Tensor], training: Training, engine: LocalEngine, tune: Tune) -> PreTrainedModel:
    """The trained network with one of the states of its weights, unsharded."""
    if training.world.size == 1:
        training.load_weights(weights)
        return training.network
    network = student_of(engine, tune).network
    with torch.no_grad():
        for name, parameter in trained_parameters(network).items():
            parameter.copy_(weights[name])
    return network
