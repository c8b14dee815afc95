"""Bases with linear layers quantized to 4 bits by bitsandbytes: a quarter of the memory, with less precise weights.

QLoRA (Dettmers et al. 2023, arXiv:2305.14314): NF4 with double quantization. A layer's weights are dequantized to the
base's number format for each product.
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
    """Arguments of `from_pretrained` for quantizing on load; raises UsageError if bitsandbytes is not installed."""
    if absent := [name for name in PACKAGES if find_spec(name) is None]:
        raise UsageError(
            f'quantization = "nf4" needs {" and ".join(absent)}, which is not installed.',
            "Its package bitsandbytes is compiled, so it is not installed by default.",
            "pip install 'gradschool[four-bits]', or leave out `quantization`.",
        )
    from transformers import BitsAndBytesConfig

    log = logging.getLogger("bitsandbytes")
    before = log.level
    log.setLevel(logging.ERROR)  # it warns that its own kernels are missing, which are not needed
    try:
        import bitsandbytes  # noqa: F401
    finally:
        log.setLevel(before)
    network = without_weights(config, dtype)
    packed = set(packable(network))
    skipped = [name for name, m in network.named_modules() if isinstance(m, nn.Linear) and m not in packed]
    packing = BitsAndBytesConfig(
        load_in_4bit=True,
        bnb_4bit_quant_type="nf4",
        bnb_4bit_use_double_quant=True,
        bnb_4bit_compute_dtype=dtype,
        llm_int8_skip_modules=skipped,
    )
    return {"quantization_config": packing, "device_map": {"": device}}


def packable(network: "PreTrainedModel") -> list[nn.Linear]:
    """The linear layers that can be quantized: those whose rows consist of full blocks, except the output layer.

    On CPUs, bitsandbytes 0.50 dequantizes a block wrongly if it crosses the end of a row.
    """
    output = network.get_output_embeddings()
    linear = (m for m in network.modules() if isinstance(m, nn.Linear) and m is not output)
    return [layer for layer in linear if layer.in_features % BLOCK == 0]


def settle(network: "PreTrainedModel") -> None:
    """Keep quantized weights in their original order: on some CPUs, bitsandbytes reorders them for inference only.

    All other tensors are copied: they are views of the mapped weights file, which would stay in memory for them.
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
    """Whether a layer's weights are quantized."""
    return quantization_state(layer) is not None


def in_four_bits(network: "PreTrainedModel") -> bool:
    """Whether any layer of a network is quantized."""
    return any(map(is_packed, network.modules()))


def weight_of(layer: nn.Linear) -> Tensor:
    """A layer's weights (O, I) to compute with; dequantized if necessary."""
    if not is_packed(layer):
        return layer.weight
    from bitsandbytes.functional import dequantize_4bit

    packed: Any = layer.weight
    weight: Tensor = dequantize_4bit(packed.data, packed.quant_state)
    return weight
