"""Headers of GGUF files that contradict themselves are refused before anything is built by them."""

from pathlib import Path
from typing import Any

import pytest
from gguf import GGMLQuantizationType

from gradschool.errors import ModelError
from gradschool.model.gguf_header import Header, Tensor
from gradschool.model.gguf_sound import refuse_unsound

F32 = GGMLQuantizationType.F32
TENSORS = (
    Tensor("token_embd.weight", (8, 32), F32, 0),
    Tensor("blk.0.attn_q.weight", (32, 32), F32, 1024),
    Tensor("output_norm.weight", (32,), F32, 5120),
)
FIELDS: dict[str, Any] = {
    "general.architecture": "llama",
    "llama.block_count": 1,
    "llama.context_length": 64,
    "llama.embedding_length": 32,
    "llama.attention.layer_norm_rms_epsilon": 1e-6,
    "llama.attention.head_count_kv": 0,  # as networks without attention have it
    "tokenizer.ggml.tokens": 8,
    "tokenizer.ggml.merges": 12,
}


def header(tensors: tuple[Tensor, ...] = TENSORS, **fields: Any) -> Header:
    changed = {name.replace("__", "."): value for name, value in fields.items()}
    return Header(Path("small.gguf"), FIELDS | changed, tensors, 4096)


def test_a_sound_header_is_taken() -> None:
    refuse_unsound((header(),))
    refuse_unsound((header(), Header(Path("part.gguf"), {}, (Tensor("output.weight", (8, 32), F32, 0),), 64)))


@pytest.mark.parametrize(
    ("fields", "says"),
    [
        ({"llama__block_count": 1 << 31}, "block_count is 2,147,483,648"),
        ({"llama__block_count": 0}, "block_count is 0"),
        ({"llama__context_length": 0}, "context_length is 0"),
        ({"llama__context_length": (1 << 32) - 1}, "context_length is 4,294,967,295"),
        ({"llama__embedding_length": 1 << 40}, "embedding_length is"),
        ({"llama__attention__layer_norm_rms_epsilon": float("nan")}, "epsilon is nan"),
        ({"llama__rope__freq_base": 0.0}, "freq_base is 0.0"),
        ({"llama__rope__freq_base": float("inf")}, "freq_base is inf"),
        ({"llama__expert_count": 1 << 62}, "expert_count is"),
        ({"general__alignment": 3}, "alignment is 3"),
        ({"tokenizer__ggml__tokens": 200_008}, "200,008 tokens, and weights for 8"),
        ({"tokenizer__ggml__merges": 1_000_000}, "1,000,000 rules"),
    ],
)
def test_numbers_that_no_network_has_are_named(fields: dict[str, Any], says: str) -> None:
    with pytest.raises(ModelError, match="is a damaged GGUF file") as caught:
        refuse_unsound((header(**fields),))
    assert says in caught.value.why and caught.value.fix


@pytest.mark.parametrize(
    ("more", "says"),
    [
        (TENSORS[1], "is in it twice"),
        (Tensor("output.weight", (8, 32), F32, 64), "overlap"),
        (Tensor("output.weight", (8, 32), F32, 8199), "no multiple of 32"),
        (Tensor("output.weight", (0, 32), F32, 8192), "the shape (0, 32)"),
    ],
)
def test_tensors_that_contradict_each_other_are_named(more: Tensor, says: str) -> None:
    with pytest.raises(ModelError) as caught:
        refuse_unsound((header((*TENSORS, more)),))
    assert says in caught.value.why
