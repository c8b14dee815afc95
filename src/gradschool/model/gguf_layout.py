"""The layout of tensors in GGUF: the names of families in llama.cpp, and the order of rows that it expects."""

from typing import Any

import gguf
from torch import Tensor

ARCHITECTURES = {
    "llama": gguf.MODEL_ARCH.LLAMA,
    "mistral": gguf.MODEL_ARCH.LLAMA,
    "qwen2": gguf.MODEL_ARCH.QWEN2,
    "qwen3": gguf.MODEL_ARCH.QWEN3,
    "gemma": gguf.MODEL_ARCH.GEMMA,
    "gemma2": gguf.MODEL_ARCH.GEMMA2,
    "gemma3_text": gguf.MODEL_ARCH.GEMMA3,
    "phi3": gguf.MODEL_ARCH.PHI3,
    "qwen2_vl_text": gguf.MODEL_ARCH.QWEN2VL,
    "qwen2_5_vl_text": gguf.MODEL_ARCH.QWEN2VL,
    "qwen3_vl_text": gguf.MODEL_ARCH.QWEN3VL,
}
GEMMAS = ("gemma", "gemma2", "gemma3_text")


def arranged(config: Any, name: str, tensor: Tensor) -> Tensor:
    """A tensor in the layout of llama.cpp: Q and K of Llama permuted, 1 added to the norms of Gemma.

    llama.cpp rotates adjacent rows of Llama's Q and K as pairs, transformers the two halves of a head. Gemma multiplies
    by 1 + w. This is valid for biases and the B matrix of LoRA layers too, whose rows are those of the weight.
    """
    part = name.split(".")[-2]
    if config.model_type in ("llama", "mistral") and part in ("q_proj", "k_proj"):
        heads = config.num_attention_heads if part == "q_proj" else config.num_key_value_heads
        return tensor.reshape(heads, 2, -1, *tensor.shape[1:]).transpose(1, 2).reshape(tensor.shape)
    if config.model_type in GEMMAS and part.endswith("norm"):
        return tensor.float() + 1
    return tensor
