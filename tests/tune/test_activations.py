"""Activations: the bytes counted without weights are the bytes that autograd saves with them."""

import pytest
import torch
import transformers

import tiny
from activations import OWN, PREFIX, RANK, ROWS, SEGMENTS, config_of, saved_bytes
from gradschool.model import attention
from gradschool.model.attention import Segments
from gradschool.tune.activations import activation_bytes


@pytest.mark.parametrize("rank", [RANK, None])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("family", tiny.FAMILIES)
def test_counted_bytes_are_saved_bytes(family: str, dtype: torch.dtype, rank: int | None) -> None:
    config = config_of(family)
    counted = activation_bytes(config, dtype, rank, SEGMENTS, "cpu")
    assert 4 * counted.layer + counted.outside == pytest.approx(saved_bytes(config, dtype, rank), rel=0.01)


def test_long_rows_save_no_attention_scores(monkeypatch: pytest.MonkeyPatch) -> None:
    config = config_of("llama")
    short = activation_bytes(config, torch.float32, RANK, SEGMENTS, "cpu")
    monkeypatch.setattr(attention, "MATMUL_SCORES", 0)
    long = activation_bytes(config, torch.float32, RANK, SEGMENTS, "cpu")
    assert long.layer < short.layer
    assert 4 * long.layer + long.outside == pytest.approx(saved_bytes(config, torch.float32, RANK), rel=0.05)


def test_a_family_that_cannot_be_counted_is_estimated() -> None:
    config = transformers.BloomConfig(vocab_size=320, hidden_size=32, n_layer=2, n_head=4)
    counted = activation_bytes(config, torch.float32, RANK, SEGMENTS, "cpu")
    assert counted.layer > (PREFIX + ROWS * OWN) * 32 * 4 and counted.outside == 0
    assert 0 < sum(counted.freed) < counted.layer


@pytest.mark.parametrize("family", tiny.FAMILIES)
def test_tensors_that_a_layer_frees_are_counted_once_each(family: str) -> None:
    counted = activation_bytes(config_of(family), torch.float32, RANK, SEGMENTS, "cpu")
    width = SEGMENTS.tokens * 32 * 4  # of the hidden states
    assert counted.freed.count(width) >= 2  # a residual sum; the projections of queries, which rotations replace
    scores = ROWS * 4 * OWN * (PREFIX + OWN) * 4
    assert scores in counted.freed  # before the softmax, whose result is saved
    assert width < sum(counted.freed) < 4 * counted.layer


def test_activations_of_more_rows_follow_tensor_by_tensor() -> None:
    config = config_of("qwen3")
    two, three, six = (
        activation_bytes(config, torch.float32, RANK, Segments(PREFIX, ((rows, OWN),)), "cpu") for rows in (2, 3, 6)
    )
    assert three.after(two, 3) == six
