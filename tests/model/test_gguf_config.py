"""The config of a network in GGUF: what llama.cpp computes, also where the loader of transformers passes over it."""

from pathlib import Path
from typing import Any

import gguf
import numpy as np
import pytest

from gradschool.errors import ModelError
from gradschool.model.gguf_config import config_of_gguf, families
from gradschool.model.gguf_file import GgufFile, read_gguf
from gradschool.model.gguf_rope import llama3_factors

SIZES = {
    "context_length": 512,
    "embedding_length": 64,
    "block_count": 2,
    "feed_forward_length": 32,
    "attention.head_count": 4,
    "attention.head_count_kv": 2,
    "attention.layer_norm_rms_epsilon": 1e-5,
}


def described(path: Path, family: str, tensors: dict[str, Any] | None = None, **fields: Any) -> GgufFile:
    """A file with the fields of a family, and a few tensors; a dot is written as two underscores."""
    writer = gguf.GGUFWriter(path, family)
    writer.add_token_list([f"t{n}" for n in range(20)])
    sizes = {**SIZES, **{name.replace("__", "."): value for name, value in fields.items()}}
    for name, value in sizes.items():
        kind = {str: gguf.GGUFValueType.STRING, int: gguf.GGUFValueType.UINT32}.get(type(value))
        writer.add_key_value(f"{family}.{name}", value, kind or gguf.GGUFValueType.FLOAT32)
    blocks = {f"blk.{number}.attn_norm.weight": np.ones(64) for number in range(min(sizes["block_count"], 50))}
    for name, values in {"token_embd.weight": np.ones((24, 64)), **blocks, **(tensors or {})}.items():
        writer.add_tensor(name, np.asarray(values, dtype=np.float32))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return read_gguf(path)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "x.gguf"


def test_sizes_are_those_of_the_file(path: Path) -> None:
    config = config_of_gguf(described(path, "qwen3", attention__key_length=32))
    assert (config.hidden_size, config.num_hidden_layers, config.head_dim) == (64, 2, 32)
    assert (config.vocab_size, config.tie_word_embeddings) == (24, True)  # rows of the embedding, not tokens
    assert config.max_position_embeddings == 512


def test_families_are_named_as_in_files(path: Path) -> None:
    assert {"llama", "qwen2", "qwen3", "gemma2", "gemma3", "phi3", "gpt-oss", "qwen35"} < set(families())
    assert not {"general", "tokenizer", "t5", "mistral"} & set(families())
    with pytest.raises(ModelError, match="cannot be converted") as caught:
        config_of_gguf(described(path, "grok"))
    assert "'grok'" in caught.value.why and "gemma3" in caught.value.why


@pytest.mark.parametrize(
    ("fields", "rope"),
    [
        ({}, {"rope_type": "default", "rope_theta": 10_000.0}),
        ({"rope__freq_base": 5e5}, {"rope_type": "default", "rope_theta": 5e5}),
        ({"rope__scaling__type": "linear", "rope__scaling__factor": 4.0}, {"rope_type": "linear", "factor": 4.0}),
        ({"rope__scale_linear": 4.0}, {"rope_type": "linear", "factor": 4.0}),
        ({"rope__scaling__type": "none", "rope__scaling__factor": 1.0}, {"rope_type": "default"}),
        (
            {"rope__scaling__type": "yarn", "rope__scaling__factor": 4.0, "rope__scaling__original_context_length": 64},
            {"rope_type": "yarn", "factor": 4.0, "original_max_position_embeddings": 64},
        ),
    ],
)
def test_positions_are_scaled_as_the_file_says(fields: dict[str, Any], rope: dict[str, Any], path: Path) -> None:
    assert config_of_gguf(described(path, "llama", **fields)).rope_parameters.items() >= rope.items()


def test_an_unknown_scaling_is_refused(path: Path) -> None:
    with pytest.raises(ModelError, match="scaled in a way that cannot be converted") as caught:
        config_of_gguf(described(path, "llama", rope__scaling__type="spiral", rope__scaling__factor=2.0))
    assert "'spiral'" in caught.value.why


def test_factors_of_llama_3_are_recognized_and_others_kept(path: Path) -> None:
    rule = {"low_freq_factor": 1.0, "high_freq_factor": 4.0, "factor": 8.0, "original_max_position_embeddings": 8192}
    factors = llama3_factors({**rule, "rope_theta": 5e5}, 16).numpy()
    config = config_of_gguf(described(path, "llama", {"rope_freqs.weight": factors}, rope__freq_base=5e5))
    assert config.rope_parameters == {"rope_type": "llama3", "rope_theta": 5e5, **rule}
    other = config_of_gguf(described(path, "llama", {"rope_freqs.weight": [1, 1, 2, 3, 5, 8, 8, 8]}))
    assert other.rope_parameters["rope_type"] == "longrope"
    assert other.rope_parameters["short_factor"] == other.rope_parameters["long_factor"] == [1, 1, 2, 3, 5, 8, 8, 8]
    ones = config_of_gguf(described(path, "llama", {"rope_freqs.weight": [1] * 8}))
    assert ones.rope_parameters["rope_type"] == "default"


def test_phi_3_with_a_long_context_is_cut_to_what_llama_cpp_computes(path: Path) -> None:
    factors = {"rope_factors_long.weight": [2] * 6, "rope_factors_short.weight": [1] * 6}
    fields = {"rope__dimension_count": 12, "rope__scaling__original_context_length": 128}
    config = config_of_gguf(described(path, "phi3", factors, **fields))
    assert config.max_position_embeddings == 128 and config.sliding_window is None
    assert config.rope_parameters["partial_rotary_factor"] == 0.75
    assert config.rope_parameters["long_factor"] == [2] * 6


def test_gemma_has_the_scores_that_llama_cpp_computes(path: Path) -> None:
    fields = {"attention__key_length": 32, "attention__sliding_window": 64}
    scaling = {"rope__freq_base": 1e6, "rope__scaling__type": "linear", "rope__scaling__factor": 8.0}
    config = config_of_gguf(described(path, "gemma3", **fields, **scaling))
    assert config.model_type == "gemma3_text" and config.query_pre_attn_scalar == 32
    assert config.rope_parameters["full_attention"] == {"rope_type": "linear", "factor": 8.0, "rope_theta": 1e6}
    assert config.rope_parameters["sliding_attention"]["rope_theta"] == 10_000
    largest = config_of_gguf(described(path, "gemma2", **fields, block_count=46, final_logit_softcapping=20.0))
    assert largest.query_pre_attn_scalar == 16 and largest.final_logit_softcapping == 20
    with pytest.raises(ModelError, match="cannot be converted") as caught:
        config_of_gguf(described(path, "gemma3", **fields, attention__sliding_window_pattern=4))
    assert "one in 6 is expected" in caught.value.why


@pytest.mark.parametrize(
    ("field", "value"), [("block_count", 4_000_000), ("embedding_length", 1 << 31), ("attention__head_count", 0)]
)
def test_sizes_that_the_tensors_contradict_are_refused_at_once(field: str, value: int, path: Path) -> None:
    with pytest.raises(ModelError, match="is a damaged GGUF file") as caught:
        config_of_gguf(described(path, "llama", **{field: value}))
    assert field.replace("__", ".") in caught.value.why and f"{value:,}" in caught.value.why
