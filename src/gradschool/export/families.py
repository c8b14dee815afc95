"""Model families that llama.cpp computes as transformers does: their sizes, RoPE settings and special cases."""

import math
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import gguf
import torch
from torch import Tensor

from gradschool.errors import ModelError
from gradschool.model.gguf_layout import ARCHITECTURES, GEMMAS, arranged
from gradschool.model.gguf_rope import llama3_factors

if TYPE_CHECKING:
    from transformers import PreTrainedModel

# llama.cpp recognizes these models by their number of layers, and scales their attention differently.
LARGEST_GEMMAS = {"gemma2": 46, "gemma3_text": 62}
SCALINGS = {
    "default": gguf.MODEL_ARCH.__members__.keys(),
    "linear": gguf.MODEL_ARCH.__members__.keys(),
    "llama3": ("LLAMA",),
    "yarn": ("LLAMA", "QWEN2", "QWEN3"),
    "longrope": ("PHI3",),
}


def architecture(config: Any) -> gguf.MODEL_ARCH:
    """llama.cpp's name for a base's family.

    Raises ModelError if the family is unknown, or llama.cpp would compute something else.
    """
    kind = config.model_type
    if kind not in ARCHITECTURES:
        raise ModelError(
            f"A model of type {kind!r} cannot be written as GGUF.",
            f"Supported types: {', '.join(ARCHITECTURES)}.",
            "export --to merged or adapter.",
        )
    arch = ARCHITECTURES[kind]
    if differs := _differs(config, arch):
        raise ModelError(
            f"This {kind} model cannot be written as GGUF.",
            f"llama.cpp would compute something else: {differs}.",
            "export --to merged or adapter.",
        )
    return arch


def _differs(config: Any, arch: gguf.MODEL_ARCH) -> str:
    """A part of a model that llama.cpp computes differently, or an empty string."""
    kind, head = config.model_type, _head(config)
    activation = getattr(config, "hidden_activation", None) or config.hidden_act
    if activation not in (("gelu_pytorch_tanh",) if kind in GEMMAS else ("silu",)):
        return f"its activation is {activation}"
    if kind in GEMMAS and not config.tie_word_embeddings:
        return "its output layer is not its embedding"
    if kind in LARGEST_GEMMAS:
        large = config.num_hidden_layers == LARGEST_GEMMAS[kind]
        expected = config.hidden_size // config.num_attention_heads if large else head
        if config.query_pre_attn_scalar != expected:
            return f"query_pre_attn_scalar is {config.query_pre_attn_scalar}, not {expected}"
        pattern = _pattern(kind)
        layers = [
            "full_attention" if (i + 1) % pattern == 0 else "sliding_attention" for i in range(len(config.layer_types))
        ]
        if list(config.layer_types) != layers:
            return f"its pattern of full and sliding attention is not one full layer in {pattern}"
    if kind == "gemma3_text" and config.final_logit_softcapping:
        return "its logits are capped"
    if kind.startswith("qwen") and getattr(config, "use_sliding_window", False):
        return "it uses sliding-window attention"
    if kind == "phi3" and head * config.num_attention_heads != config.hidden_size:
        return "heads times head size is not its hidden size"
    for rope in _ropes(config).values():
        scaling = rope.get("rope_type", "default")
        if arch.name not in SCALINGS.get(scaling, ()):
            return f"its RoPE scaling is {scaling!r}"
        if scaling == "yarn" and set(rope) & {"attention_factor", "mscale", "mscale_all_dim", "truncate"}:
            return "it has special YaRN settings"
    return ""


def context_length(config: Any) -> int:
    """The maximum number of tokens for which llama.cpp computes what transformers does.

    It is shorter than the context of the model if the model has a sliding window that llama.cpp does not support, or
    scales positions differently in longer texts.
    """
    most = int(config.max_position_embeddings)
    if config.model_type in ("mistral", "phi3") and config.sliding_window:
        most = min(most, config.sliding_window)
    for rope in _ropes(config).values():
        if rope.get("rope_type") == "longrope":
            most = min(most, int(rope["original_max_position_embeddings"]))
    return most


def embedding_rows(network: "PreTrainedModel") -> int:
    """The number of rows of the embedding; some may be unused."""
    embedding: Any = network.get_input_embeddings()
    return int(embedding.weight.shape[0])


def write_sizes(writer: gguf.GGUFWriter, config: Any) -> None:
    """Write the sizes and settings of a model into a GGUF file."""
    writer.add_context_length(context_length(config))
    writer.add_embedding_length(config.hidden_size)
    writer.add_block_count(config.num_hidden_layers)
    writer.add_feed_forward_length(config.intermediate_size)
    writer.add_head_count(config.num_attention_heads)
    writer.add_head_count_kv(config.num_key_value_heads)
    writer.add_key_length(_head(config))
    writer.add_value_length(_head(config))
    writer.add_layer_norm_rms_eps(config.rms_norm_eps)
    writer.add_vocab_size(config.vocab_size)
    ropes = _ropes(config)
    full = ropes["full_attention"]
    writer.add_rope_dimension_count(int(_head(config) * full.get("partial_rotary_factor", 1.0)))
    writer.add_rope_freq_base(full["rope_theta"])
    if sections := full.get("mrope_section"):  # of positions in three dimensions; llama.cpp knows a fourth
        writer.add_rope_dimension_sections([*sections, 0])
    _write_scaling(writer, config, full)
    if config.model_type in LARGEST_GEMMAS:
        writer.add_sliding_window(config.sliding_window)
        writer.add_sliding_window_pattern(_pattern(config.model_type))
        writer.add_rope_freq_base_swa(ropes.get("sliding_attention", full)["rope_theta"])
    if config.model_type == "gemma2":
        writer.add_attn_logit_softcapping(config.attn_logit_softcapping)
        writer.add_final_logit_softcapping(config.final_logit_softcapping)


def _write_scaling(writer: gguf.GGUFWriter, config: Any, rope: dict[str, Any]) -> None:
    scaling = rope.get("rope_type", "default")
    if scaling == "linear":
        writer.add_rope_scaling_type(gguf.RopeScalingType.LINEAR)
        writer.add_rope_scaling_factor(rope["factor"])
    elif scaling == "yarn":
        writer.add_rope_scaling_type(gguf.RopeScalingType.YARN)
        writer.add_rope_scaling_factor(rope["factor"])
        writer.add_rope_scaling_orig_ctx_len(rope["original_max_position_embeddings"])
    elif scaling == "longrope":
        trained = rope["original_max_position_embeddings"]
        stretch = config.max_position_embeddings / trained
        factor = rope.get("attention_factor") or math.sqrt(1 + math.log(max(1.0, stretch)) / math.log(trained))
        writer.add_rope_scaling_type(gguf.RopeScalingType.LONGROPE)
        writer.add_rope_scaling_orig_ctx_len(trained)
        writer.add_rope_scaling_attn_factors(factor)


def gguf_tensors(network: "PreTrainedModel") -> Iterator[tuple[str, Tensor]]:
    """The tensors of a model with their names in GGUF, in the order and with the values that llama.cpp expects."""
    config: Any = network.config
    name_of = gguf.get_tensor_name_map(ARCHITECTURES[config.model_type], config.num_hidden_layers)
    for name, tensor in network.state_dict().items():
        if name == "lm_head.weight" and config.tie_word_embeddings:
            continue
        found = name_of.get_name(name, try_suffixes=(".weight", ".bias"))
        if found is None:
            raise ModelError(f"llama.cpp has no name for the tensor {name}.", "", "export --to merged or adapter.")
        yield found, arranged(config, name, tensor)
    rope = _ropes(config)["full_attention"]
    if rope.get("rope_type") == "llama3":
        yield "rope_freqs.weight", llama3_factors(rope, _head(config))
    if rope.get("rope_type") == "longrope":
        yield "rope_factors_long.weight", torch.tensor(rope["long_factor"], dtype=torch.float32)
        yield "rope_factors_short.weight", torch.tensor(rope["short_factor"], dtype=torch.float32)


def _ropes(config: Any) -> dict[str, dict[str, Any]]:
    """The RoPE settings by type of attention."""
    rope: dict[str, Any] = dict(config.rope_parameters)
    return rope if "full_attention" in rope else {"full_attention": rope}


def _head(config: Any) -> int:
    return int(getattr(config, "head_dim", None) or config.hidden_size // config.num_attention_heads)


def _pattern(kind: str) -> int:
    return 2 if kind == "gemma2" else 6
