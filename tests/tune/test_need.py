"""Memory told beforehand: what is counted without weights is what autograd really keeps, and room is made of it."""

from typing import Any

import pytest
import torch
import toy
import transformers
from transformers import AutoModelForCausalLM, LlamaConfig

import tiny
from gradschool.errors import ResourceError
from gradschool.model import attention
from gradschool.model.chat import Rendered
from gradschool.model.reader import reader_of
from gradschool.tune.lora import attach
from gradschool.tune.need import TRAINED, Method, Need, Shape, kept_by_layer, need_of
from gradschool.tune.room import largest_portion, room_for
from gradschool.tune.rows import pack

SIZES: dict[str, Any] = {**tiny.SIZES, "num_hidden_layers": 4}
ROWS, PREFIX, OWN = 3, 5, 11


def config_of(family: str, **changes: Any) -> Any:
    sizes = {**SIZES, **changes}
    if family == "phi3":
        sizes.pop("head_dim")
    return getattr(transformers, tiny.FAMILIES[family])(**sizes)


def really_kept(shape: Shape) -> int:
    """Bytes that a real network keeps for the way back, but for the output layer's."""
    network = AutoModelForCausalLM.from_config(shape.config, dtype=shape.dtype).train()
    if shape.method == "lora":
        attach(network, shape.rank, 2, 0)
    if shape.checkpointing:
        network.activation_checkpointing_enable({"use_reentrant": False})
    reader = reader_of(network)
    own = {t.untyped_storage().data_ptr() for t in (*network.parameters(), *network.buffers())}
    kept: dict[int, torch.Tensor] = {}

    def keep(tensor: torch.Tensor) -> torch.Tensor:
        if tensor.untyped_storage().data_ptr() not in own:
            kept[tensor.untyped_storage().data_ptr()] = tensor
        return tensor

    shared = [7] * PREFIX
    rows = [Rendered((*shared, *[20 + i] * OWN), (*[False] * (PREFIX + 1), *[True] * (OWN - 1))) for i in range(ROWS)]
    batch = pack(rows, torch.device("cpu"))
    with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
        reader.hidden(batch.token_ids, batch.positions, batch.layout)
    return sum(tensor.untyped_storage().nbytes() for tensor in kept.values())


@pytest.mark.parametrize("method", ["lora", "full"])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("family", tiny.FAMILIES)
def test_what_is_counted_is_what_is_kept(family: str, dtype: torch.dtype, method: Method) -> None:
    config = config_of(family)
    shape = Shape(config, dtype, method, 4, PREFIX + OWN, PREFIX + ROWS * OWN, PREFIX)
    layer, rest = kept_by_layer(shape)
    assert 4 * layer + rest == pytest.approx(really_kept(shape), rel=0.01)


def test_long_rows_keep_no_scores(monkeypatch: pytest.MonkeyPatch) -> None:
    shape = Shape(config_of("llama"), torch.float32, "lora", 4, PREFIX + OWN, PREFIX + ROWS * OWN, PREFIX)
    short = kept_by_layer(shape)[0]
    monkeypatch.setattr(attention, "PLAIN_SCORES", 0)
    long = kept_by_layer(shape)[0]
    assert long < short
    assert 4 * long + kept_by_layer(shape)[1] == pytest.approx(really_kept(shape), rel=0.05)


def test_weights_and_trained_numbers_are_counted_one_by_one() -> None:
    config = config_of("llama", tie_word_embeddings=False)
    network = AutoModelForCausalLM.from_config(config)
    numbers = sum(parameter.numel() for parameter in network.parameters())
    shape = Shape(config, torch.bfloat16, "lora", 4, 16, 32)
    names = attach(network, 4, 8, 0)
    trained = sum(parameter.numel() for parameter in network.parameters() if parameter.requires_grad)
    lora = need_of(shape)
    assert (lora.weights, lora.trained) == (2 * numbers, TRAINED * trained) and names
    full = need_of(Shape(config, torch.bfloat16, "full", 4, 16, 32))
    assert (full.weights, full.trained) == (2 * numbers, TRAINED * numbers)
    assert need_of(Shape(config, torch.bfloat16, "4-bit lora", 4, 16, 32)).weights < 0.75 * lora.weights


def test_a_family_that_cannot_be_counted_is_estimated() -> None:
    config = transformers.BloomConfig(vocab_size=320, hidden_size=32, n_layer=2, n_head=4)
    need = need_of(Shape(config, torch.float32, "lora", 4, 16, 64))
    assert need.kept > 2 * 64 * 32 * 4


def needing(shape: Shape) -> Need:
    """A made-up training: one byte per token, a tenth where layers are computed twice, and 100 bytes of weights."""
    return Need(100, 0, shape.tokens // (10 if shape.checkpointing else 1), 0)


@pytest.mark.parametrize(
    ("free", "tokens", "checkpointing"), [(10_000, 800, False), (900, 400, False), (300, 200, False), (200, 800, True)]
)
def test_as_much_is_read_at_once_as_fits(
    free: int, tokens: int, checkpointing: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gradschool.tune.room.need_of", needing)
    room = room_for(Shape(LlamaConfig(), torch.float32, "lora", 4, 190, 800), free, loaded=100)
    assert (room.tokens, room.checkpointing) == (tokens, checkpointing)
    assert f"{tokens}" in room.reason and ("again" in room.reason) is checkpointing
    assert room.tight is (free < 10_000)


def test_what_does_not_fit_at_all_is_an_error_with_figures(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gradschool.tune.room.need_of", needing)
    with pytest.raises(ResourceError, match="not enough memory") as caught:
        room_for(Shape(LlamaConfig(), torch.float32, "lora", 4, 190, 800), 10, loaded=0)
    assert "0 MB" in caught.value.why and "max_tokens" in caught.value.fix


def test_the_largest_portion_is_a_step_of_the_longest_rows() -> None:
    rows = [toy.row(([5, 6, n, *[9] * n], False), ([1], True)) for n in range(1, 9)]
    shape = largest_portion(Shape(LlamaConfig(), torch.float32, "lora", 4, 1, 1), rows, 3)
    assert (shape.longest, shape.prefix, shape.tokens) == (12, 2, 2 + 3 * 10)
    assert shape.segments.groups == ((3, 10),)
