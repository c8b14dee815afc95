"""Copies of networks over the same weights."""

import copy

from transformers import PreTrainedModel

from gradschool.model.four_bits import quantization_state


def shared_copy(network: PreTrainedModel) -> PreTrainedModel:
    """A copy of a network's modules and config over the same parameters and buffers.

    Its layers can be replaced, and its mode and attention changed, without an effect on the original. `to` would
    convert the tensors of both: use a real copy for that.
    """
    shared: list[object] = [*network.parameters(), *network.buffers()]
    shared += [state for module in network.modules() if (state := quantization_state(module)) is not None]
    return copy.deepcopy(network, {id(one): one for one in shared})
