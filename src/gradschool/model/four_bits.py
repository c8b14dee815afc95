"""A base whose linear layers are held in 4 bits, by bitsandbytes: a quarter of the memory, for rougher numbers.

QLoRA (Dettmers et al. 2023, arXiv:2305.14314): weights in the format NF4, their scales rounded once more; computed in
the base's own number format, into which a layer's weights are unpacked for each product.
"""

import logging
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from gradschool.errors import UsageError
from gradschool.model.memory import without_weights

if TYPE_CHECKING:
    from transformers import PreTrainedConfig, PreTrainedModel

PACKAGES = ("bitsandbytes", "accelerate")
BLOCK = 64  # weights that share a scale


def loading_in_four_bits(config: "PreTrainedConfig", dtype: torch.dtype, device: torch.device) -> dict[str, Any]:
    """What transformers must be told to pack each weight as it is read; raises UsageError where bitsandbytes is not."""
    if absent := [name for name in PACKAGES if find_spec(name) is None]:
        raise UsageError(
            f'quantization = "nf4" needs {" and ".join(absent)}, which is not installed.',
            "Weights are packed by bitsandbytes, which is compiled and so is not installed unasked.",
            "pip install 'gradschool[four-bits]', or leave out `quantization`.",
        )
    from transformers import BitsAndBytesConfig

    told = logging.getLogger("bitsandbytes")
    before = told.level
    told.setLevel(logging.ERROR)  # it tells of products of its own that are not there; ours are used
    try:
        import bitsandbytes  # noqa: F401
    finally:
        told.setLevel(before)
    network = without_weights(config, dtype)
    packed = set(packable(network))
    whole = [name for name, m in network.named_modules() if isinstance(m, nn.Linear) and m not in packed]
    packing = BitsAndBytesConfig(
        load_in_4bit=True,
        bnb_4bit_quant_type="nf4",
        bnb_4bit_use_double_quant=True,
        bnb_4bit_compute_dtype=dtype,
        llm_int8_skip_modules=whole,
    )
    return {"quantization_config": packing, "device_map": {"": device}}


def packable(network: "PreTrainedModel") -> list[nn.Linear]:
    """The linear layers that can be held in 4 bits: not the output layer, and rows of whole blocks alone.

    On processors, bitsandbytes 0.50 unpacks wrongly where a block crosses the end of a row.
    """
    output = network.get_output_embeddings()
    linear = (m for m in network.modules() if isinstance(m, nn.Linear) and m is not output)
    return [layer for layer in linear if layer.in_features % BLOCK == 0]


def settle(network: "PreTrainedModel") -> None:
    """Keep all layers in one order of packing: some processors have another one, which only answering could read.

    What is not packed gets memory of its own: it lay in the weights' file, all of which stayed mapped for it.
    """
    layers: list[Any] = [layer for layer in network.modules() if is_packed(layer)]
    if not layers:
        return
    for layer in layers:
        layer.support_avx512bf16_for_cpu = False
    packed = {id(layer.weight) for layer in layers}
    for tensor in (*network.parameters(), *network.buffers()):
        if id(tensor) not in packed:
            tensor.data = tensor.data.clone()


def quantization_state(layer: nn.Module) -> object:
    """The scales of a layer's weights, which bitsandbytes keeps outside of parameters and buffers, or None."""
    return getattr(getattr(layer, "weight", None), "quant_state", None)


def is_packed(layer: nn.Module) -> bool:
    """Whether a layer's weights are in 4 bits."""
    return quantization_state(layer) is not None


def in_four_bits(network: "PreTrainedModel") -> bool:
    """Whether any layer of a network is."""
    return any(map(is_packed, network.modules()))


def weight_of(layer: nn.Linear) -> Tensor:
    """A layer's weights (O, I) to compute with: unpacked for the moment where they are in 4 bits."""
    if not is_packed(layer):
        return layer.weight
    from bitsandbytes.functional import dequantize_4bit

    packed: Any = layer.weight
    weight: Tensor = dequantize_4bit(packed.data, packed.quant_state)
    return weight
