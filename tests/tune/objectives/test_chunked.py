"""The output layer in chunks: same loss and gradients as torch's cross-entropy of all logits."""

import pytest
import torch
from torch.nn import functional

from gradschool.model.reader import Head
from gradschool.tune.objectives import chunked
from gradschool.tune.objectives.chunked import cross_entropy_at, output_loss


@pytest.mark.parametrize("chunk", [1, 100, 1 << 23])
@pytest.mark.parametrize(("scale", "softcap"), [(1.0, None), (0.3, None), (1.0, 2.0), (0.3, 2.0)])
def test_chunks_have_the_cross_entropy_of_full_logits(
    chunk: int, scale: float, softcap: float | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(chunked, "CHUNK_NUMBERS", chunk)
    torch.manual_seed(0)
    layer = torch.nn.Linear(6, 11)
    targets, results = torch.randint(11, (9,)), []
    given = torch.randn(9, 6)
    for ours in (True, False):
        hidden = given.clone().requires_grad_()
        layer.zero_grad()
        if ours:
            loss = output_loss(hidden, Head(layer, scale, softcap), cross_entropy_at(targets))
        else:
            logits = layer(hidden) * scale
            logits = torch.tanh(logits / softcap) * softcap if softcap else logits
            loss = functional.cross_entropy(logits, targets, reduction="sum")
        (loss * 0.7).backward()
        results.append([loss.detach(), hidden.grad, layer.weight.grad, layer.bias.grad])
    for one, other in zip(*results, strict=True):
        torch.testing.assert_close(one, other, atol=1e-6, rtol=1e-5)


def test_a_frozen_output_layer_gets_no_gradient_and_no_grad_makes_no_graph() -> None:
    layer = torch.nn.Linear(6, 11, bias=False).requires_grad_(False)
    hidden = torch.randn(4, 6, requires_grad=True)
    output_loss(hidden, Head(layer), cross_entropy_at(torch.tensor([1, 2, 3, 4]))).backward()
    assert hidden.grad is not None and layer.weight.grad is None
    with torch.no_grad():
        assert not output_loss(hidden, Head(layer), cross_entropy_at(torch.tensor([1, 2, 3, 4]))).requires_grad
