"""Activations: the bytes counted without weights are the bytes that autograd saves with them."""

import pytest
import torch
import transformers

import tiny
from activations import OWN, PREFIX, RANK, ROWS, SEGMENTS, config_of, saved_bytes
from gradschool.model import attention
from gradschool.tune.activations import activation_bytes


@pytest.mark.parametrize("rank", [RANK, None])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("family", tiny.FAMILIES)
def test_counted_bytes_are_saved_bytes(family: str, dtype: torch.dtype, rank: int | None) -> None:
    config = config_of(family)
    layer, rest = activation_bytes(config, dtype, rank, SEGMENTS, "cpu")
    assert 4 * layer + rest == pytest.approx(saved_bytes(config, dtype, rank), rel=0.01)


def test_long_rows_save_no_attention_scores(monkeypatch: pytest.MonkeyPatch) -> None:
    config = config_of("llama")
    short, _ = activation_bytes(config, torch.float32, RANK, SEGMENTS, "cpu")
    monkeypatch.setattr(attention, "MATMUL_SCORES", 0)
    long, rest = activation_bytes(config, torch.float32, RANK, SEGMENTS, "cpu")
    assert long < short
    assert 4 * long + rest == pytest.approx(saved_bytes(config, torch.float32, RANK), rel=0.05)


def test_a_family_that_cannot_be_counted_is_estimated() -> None:
    config = transformers.BloomConfig(vocab_size=320, hidden_size=32, n_layer=2, n_head=4)
    layer, rest = activation_bytes(config, torch.float32, RANK, SEGMENTS, "cpu")
    assert layer > (PREFIX + ROWS * OWN) * 32 * 4 and rest == 0
