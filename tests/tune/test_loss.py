"""The loss: on answer tokens alone, and the same however rows are put together."""

from pathlib import Path
from typing import Any

import pytest
import torch
import toy
from torch.nn import functional

import tiny
from gradschool.model.chat import Rendered
from gradschool.tune import loss as loss_module
from gradschool.tune.loss import answer_nats, answer_tokens, mean_loss
from gradschool.tune.rows import make_batch

CPU = torch.device("cpu")
FAMILIES = ["llama", "qwen3", "gemma3", "phi3", "mistral"]


@pytest.fixture(scope="module")
def network(base: Path) -> Any:
    return toy.network_of(base)


def by_hand(network: Any, row: Rendered) -> float:
    """The loss of one row, token by token, from the full logits."""
    with torch.no_grad():
        logits = network(input_ids=torch.tensor([row.token_ids])).logits[0].double()
    lines = functional.log_softmax(logits, dim=-1)
    return -sum(lines[i - 1, token].item() for i, token in enumerate(row.token_ids) if row.loss_mask[i])


def nats(network: Any, rows: list[Rendered]) -> float:
    with torch.no_grad():
        return float(answer_nats(network, make_batch(rows, 0, CPU)))


@pytest.mark.parametrize("family", FAMILIES)
def test_a_padded_batch_is_the_sum_of_its_rows_alone(family: str, tmp_path: Path) -> None:
    network, rows = toy.network_of(tiny.save_model(tmp_path, family)), toy.rows(7, seed=3, longest=20)
    assert len({len(row.token_ids) for row in rows}) > 3
    alone = [by_hand(network, row) for row in rows]
    for row, expected in zip(rows, alone, strict=True):
        assert nats(network, [row]) == pytest.approx(expected, abs=1e-5, rel=1e-5)
    longest = max(rows, key=lambda row: len(row.token_ids))
    beside = by_hand(network, longest)
    for row, expected in zip(rows, alone, strict=True):  # each beside the longest: most of it filling
        assert nats(network, [row, longest]) - beside == pytest.approx(expected, abs=1e-4, rel=1e-5)
    assert nats(network, rows) == pytest.approx(sum(alone), rel=1e-5)


def test_what_fills_up_does_not_matter(network: Any) -> None:
    rows = toy.rows(5)
    with torch.no_grad():
        losses = {float(answer_nats(network, make_batch(rows, pad, CPU))) for pad in (0, 17, 59)}
    assert len(losses) == 1


def test_only_masked_tokens_are_targets(network: Any) -> None:
    """What follows the answer is neither learnt nor seen by it; what stands before it is seen, but not learnt."""
    question, answer = [5, 6, 7], [8, 9, 1]
    whole = toy.row((question, False), (answer, True), ([11, 12], False))
    other = toy.row((question, False), (answer, True), ([13, 14], False))
    assert nats(network, [whole]) == nats(network, [other])
    assert nats(network, [whole]) == pytest.approx(by_hand(network, whole), rel=1e-5)
    learnt = toy.row((question, False), (answer, True), ([11, 12], True))
    assert nats(network, [learnt]) > nats(network, [whole]) + 0.1


def test_unlearnt_targets_get_no_gradient(network: Any) -> None:
    """The gradient on the logits is zero wherever the next token is not learnt."""
    rows = toy.rows(4)
    batch = make_batch(rows, 0, CPU)
    caught: dict[str, torch.Tensor] = {}

    class Watched(torch.nn.Module):
        device = CPU

        def forward(self, input_ids: torch.Tensor, attention_mask: torch.Tensor, use_cache: bool) -> Any:
            output = network(input_ids=input_ids, attention_mask=attention_mask, use_cache=use_cache)
            caught["logits"] = output.logits.detach().requires_grad_()
            output.logits = caught["logits"]
            return output

    answer_nats(Watched(), batch).backward()  # type: ignore[arg-type]
    gradient = caught["logits"].grad
    assert gradient is not None
    touched = gradient.abs().sum(-1) > 0
    assert torch.equal(touched[:, :-1], batch.trained[:, 1:])
    assert not touched[:, -1].any()


def test_kept_columns_and_full_logits_agree(network: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    rows = toy.rows(6, seed=5)
    seen: list[torch.Size] = []
    forward = network.forward

    def watch(*args: Any, **kwargs: Any) -> Any:
        output = forward(*args, **kwargs)
        seen.append(output.logits.shape)
        return output

    kept = nats(network, rows)
    with monkeypatch.context() as patch:
        patch.setattr(network, "forward", watch)  # its signature names no logits_to_keep
        assert not loss_module._takes_columns(network)
        assert nats(network, rows) == pytest.approx(kept, rel=1e-6)
    longest = max(len(row.token_ids) for row in rows)
    assert seen == [torch.Size([6, longest, 320])]
    assert loss_module._takes_columns(network)


def test_mean_loss_is_per_answer_token_over_all_portions(network: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    rows = toy.rows(9, seed=2)
    tokens = sum(sum(row.loss_mask) for row in rows)
    assert answer_tokens(rows) == tokens
    expected = sum(by_hand(network, row) for row in rows) / tokens
    assert mean_loss(network, rows, 0) == pytest.approx(expected, rel=1e-5)
    monkeypatch.setattr(loss_module, "PORTION_TOKENS", 20)
    assert mean_loss(network, rows, 0) == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("training", [True, False])
def test_mean_loss_leaves_the_mode_as_it_was_and_makes_no_graph(network: Any, training: bool) -> None:
    network.train(training)
    try:
        mean_loss(network, toy.rows(2), 0)
        assert network.training is training
    finally:
        network.eval()
    assert all(parameter.grad is None for parameter in network.parameters())
