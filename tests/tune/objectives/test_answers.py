"""The answers objective: the loss covers answer tokens only, and does not depend on how rows are batched."""

from pathlib import Path
from typing import Any

import pytest
import torch
from torch.nn import functional
from transformers import BloomConfig, BloomForCausalLM

import tiny
import toy
from gradschool.model.chat import Rendered
from gradschool.model.lora import attach, trained_parameters
from gradschool.model.reader import Reader, reader_of
from gradschool.tune.objectives.answers import answer_tokens, mean_loss, padded_loss, summed_loss
from gradschool.tune.rows import pad

CPU = torch.device("cpu")
CHANGES: dict[str, dict[str, Any]] = {
    "mistral": {"sliding_window": 7},
    "gemma3": {"sliding_window": 7, "layer_types": ["sliding_attention", "full_attention"]},
    "gemma2": {"final_logit_softcapping": 5.0, "attn_logit_softcapping": 3.0},
    "phi3": {"tie_word_embeddings": False},
}


def by_hand(network: Any, row: Rendered) -> float:
    """The loss of one row, token by token, from the full logits."""
    with torch.no_grad():
        logits = network(input_ids=torch.tensor([row.token_ids])).logits[0].double()
    log_probs = functional.log_softmax(logits, dim=-1)
    return -sum(log_probs[i - 1, token].item() for i, token in enumerate(row.token_ids) if row.loss_mask[i])


def loss_of(reader: Reader, rows: list[Rendered]) -> float:
    with torch.no_grad():
        return float(summed_loss(reader, rows, 0))


def with_prefix(count: int = 7, prefix: int = 6) -> list[Rendered]:
    """Rows with a common prefix, as from the same instructions."""
    shared = [(3 * i + 5) % toy.VOCABULARY for i in range(prefix)]
    return [Rendered((*shared, *r.token_ids), (*[False] * prefix, *r.loss_mask)) for r in toy.rows(count, 3, 20)]


@pytest.fixture(scope="module")
def network(base: Path) -> Any:
    return toy.network_of(base)


@pytest.fixture(scope="module")
def reader(network: Any) -> Reader:
    return reader_of(network)


@pytest.mark.parametrize("prefix", [0, 6])
@pytest.mark.parametrize("family", tiny.FAMILIES)
def test_a_row_has_the_same_loss_alone_and_in_a_batch(family: str, prefix: int) -> None:
    plain, other = (tiny.network(family, **CHANGES.get(family, {})) for _ in range(2))
    rows = with_prefix(prefix=prefix)
    assert len({len(row.token_ids) for row in rows}) > 3
    alone = [by_hand(plain, row) for row in rows]
    packed, padded = reader_of(other), Reader(plain, packs=False, head=None)
    assert packed.packs
    longest = max(rows, key=lambda row: len(row.token_ids))
    for reader in (packed, padded):
        of_longest = loss_of(reader, [longest])
        for row, expected in zip(rows, alone, strict=True):
            assert loss_of(reader, [row]) == pytest.approx(expected, abs=1e-4, rel=1e-5)
            assert loss_of(reader, [row, longest]) - of_longest == pytest.approx(expected, abs=2e-4, rel=1e-5)
        assert loss_of(reader, rows) == pytest.approx(sum(alone), rel=1e-5)


@pytest.mark.parametrize("lora", [True, False])
@pytest.mark.parametrize("family", tiny.FAMILIES)
def test_packed_rows_have_the_gradient_of_single_rows(family: str, lora: bool) -> None:
    rows, gradients = with_prefix(), []
    for packs in (True, False):
        net = tiny.network(family, **CHANGES.get(family, {}))
        if lora:
            attach(net, rank=3, alpha=6, seed=0)
            toy.stir(net)
        reader = reader_of(net) if packs else Reader(net, packs=False, head=None)
        for micro_batch in [rows] if packs else [[row] for row in rows]:
            summed_loss(reader, micro_batch, 0).backward()
        gradients.append({name: parameter.grad for name, parameter in trained_parameters(net).items()})
    packed, alone = gradients
    assert len(packed) == (2 * 2 * (4 if family == "phi3" else 7) if lora else len(list(net.parameters())))
    for name, gradient in alone.items():
        assert gradient is not None and gradient.abs().max() > 0
        torch.testing.assert_close(packed[name], gradient, atol=1e-5 * gradient.abs().max().item(), rtol=1e-3)


def test_a_family_that_cannot_pack_is_read_padded(base: Path) -> None:
    torch.manual_seed(0)
    bloom = BloomForCausalLM(BloomConfig(vocab_size=64, hidden_size=32, n_layer=1, n_head=4)).eval()
    rows = with_prefix()
    assert loss_of(reader_of(bloom), rows) == pytest.approx(sum(by_hand(bloom, row) for row in rows), rel=1e-5)


def test_the_padding_token_has_no_effect(network: Any) -> None:
    rows = toy.rows(5)
    with torch.no_grad():
        losses = {float(padded_loss(network, pad(rows, pad_id, CPU))) for pad_id in (0, 17, 59)}
    assert len(losses) == 1


def test_only_masked_tokens_are_targets(network: Any, reader: Reader) -> None:
    """Tokens after the answer have no effect; tokens before it are context, but not targets."""
    question, answer = [5, 6, 7], [8, 9, 1]
    whole = toy.row((question, False), (answer, True), ([11, 12], False))
    other = toy.row((question, False), (answer, True), ([13, 14], False))
    assert loss_of(reader, [whole]) == loss_of(reader, [other])
    assert loss_of(reader, [whole]) == pytest.approx(by_hand(network, whole), rel=1e-5)
    trained = toy.row((question, False), (answer, True), ([11, 12], True))
    assert loss_of(reader, [trained]) > loss_of(reader, [whole]) + 0.1


def test_untrained_targets_get_no_gradient(network: Any) -> None:
    """In padded rows the gradient on the logits is zero if the next token is not trained on."""
    rows = toy.rows(4)
    batch = pad(rows, 0, CPU)
    caught: dict[str, torch.Tensor] = {}

    class Watched(torch.nn.Module):
        device = CPU

        def forward(self, input_ids: torch.Tensor, attention_mask: torch.Tensor, use_cache: bool) -> Any:
            output = network(input_ids=input_ids, attention_mask=attention_mask, use_cache=use_cache)
            caught["logits"] = output.logits.detach().requires_grad_()
            output.logits = caught["logits"]
            return output

    padded_loss(Watched(), batch).backward()  # type: ignore[arg-type]
    gradient = caught["logits"].grad
    assert gradient is not None
    touched = gradient.abs().sum(-1) > 0
    assert torch.equal(touched[:, :-1], batch.trained[:, 1:])
    assert not touched[:, -1].any()


def test_selected_columns_and_full_logits_agree(network: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    rows = toy.rows(6, seed=5)
    padded = Reader(network, packs=False, head=None)
    seen: list[torch.Size] = []
    forward = network.forward

    def watch(*args: Any, **kwargs: Any) -> Any:
        output = forward(*args, **kwargs)
        seen.append(output.logits.shape)
        return output

    selected = loss_of(padded, rows)
    with monkeypatch.context() as patch:
        patch.setattr(network, "forward", watch)  # its signature names no logits_to_keep
        assert loss_of(padded, rows) == pytest.approx(selected, rel=1e-6)
    longest = max(len(row.token_ids) for row in rows)
    assert seen == [torch.Size([6, longest, 320])]


def test_mean_loss_is_per_answer_token_over_all_micro_batches(network: Any, reader: Reader) -> None:
    rows = toy.rows(9, seed=2)
    tokens = sum(sum(row.loss_mask) for row in rows)
    assert answer_tokens(rows) == tokens
    expected = sum(by_hand(network, row) for row in rows) / tokens
    assert mean_loss(reader, rows, 0) == pytest.approx(expected, rel=1e-5)
    assert mean_loss(reader, rows, 0, max_tokens=20) == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("training", [True, False])
def test_mean_loss_restores_the_mode_and_makes_no_graph(network: Any, reader: Reader, training: bool) -> None:
    network.train(training)
    try:
        mean_loss(reader, toy.rows(2), 0)
        assert network.training is training
    finally:
        network.eval()
    assert all(parameter.grad is None for parameter in network.parameters())
