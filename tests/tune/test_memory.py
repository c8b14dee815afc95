"""Memory told beforehand: what is counted without weights is what autograd really keeps, and room is made of it."""

from typing import Any

import pytest
import torch
import transformers
from transformers import AutoModelForCausalLM, LlamaConfig

import tiny
from gradschool.errors import ResourceError
from gradschool.model import attention
from gradschool.model.chat import Rendered
from gradschool.model.lora import attach
from gradschool.model.memory import HEAP, without_weights
from gradschool.model.reader import reader_of
from gradschool.tune.memory import FOUR_BITS, TRAINED, Method, Need, Needs, Shape, kept_by_layer
from gradschool.tune.memory_plan import room_for
from gradschool.tune.rows import pack

SIZES: dict[str, Any] = {**tiny.SIZES, "num_hidden_layers": 4}
WAYS: tuple[Method, ...] = ("lora", "4-bit lora", "full")
ROWS, PREFIX, OWN = 3, 5, 11


def config_of(family: str, **changes: Any) -> Any:
    sizes = {**SIZES, **changes}
    if family == "phi3":
        sizes.pop("head_dim")
    return getattr(transformers, tiny.FAMILIES[family])(**sizes)


def really_kept(shape: Shape, checkpointing: bool = False) -> int:
    """Bytes that a real network keeps for the way back, but for the output layer's."""
    network = AutoModelForCausalLM.from_config(shape.config, dtype=shape.computed).train()
    if shape.method == "lora":
        attach(network, shape.rank, 2, 0)
    if checkpointing:
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
    shape = Shape(config, dtype, method, 4, PREFIX + OWN, PREFIX)
    layer, rest = kept_by_layer(shape, ROWS)
    assert 4 * layer + rest == pytest.approx(really_kept(shape), rel=0.01)
    needs = Needs(shape)
    needs.vocabulary = 0  # without the output layer
    by_rows = needs.at(PREFIX + ROWS * OWN)
    assert by_rows.kept == pytest.approx(HEAP * (4 * layer + rest), abs=2)


def test_long_rows_keep_no_scores(monkeypatch: pytest.MonkeyPatch) -> None:
    shape = Shape(config_of("llama"), torch.float32, "lora", 4, PREFIX + OWN, PREFIX)
    short, _ = kept_by_layer(shape, ROWS)
    monkeypatch.setattr(attention, "PLAIN_SCORES", 0)
    long, rest = kept_by_layer(shape, ROWS)
    assert long < short
    assert 4 * long + rest == pytest.approx(really_kept(shape), rel=0.05)


def test_layers_that_are_computed_twice_keep_little() -> None:
    config = config_of("llama", hidden_size=256)
    shape = Shape(config, torch.float32, "lora", 4, PREFIX + OWN, PREFIX)
    kept = really_kept(shape, checkpointing=True)  # but for the one layer that is there while it is computed again
    layer, _ = kept_by_layer(shape, ROWS)
    told = Needs(shape).at(PREFIX + ROWS * OWN, checkpointing=True).kept / HEAP - layer
    assert told == pytest.approx(kept, rel=0.1)


def test_weights_and_trained_numbers_are_counted_one_by_one() -> None:
    config = config_of("llama", tie_word_embeddings=False)
    network = AutoModelForCausalLM.from_config(config)
    numbers = sum(parameter.numel() for parameter in network.parameters())
    shape = Shape(config, torch.bfloat16, "lora", 4, 16)
    names = attach(network, 4, 8, 0)
    trained = sum(parameter.numel() for parameter in network.parameters() if parameter.requires_grad)
    lora = Needs(shape)
    assert (lora.weights, lora.trained) == (2 * numbers, TRAINED * trained) and names
    full = Needs(Shape(config, torch.bfloat16, "full", 4, 16))
    assert (full.weights, full.trained) == (2 * numbers, TRAINED * numbers)
    wide = config_of("llama", tie_word_embeddings=False, hidden_size=64, intermediate_size=128, head_dim=16)
    whole, packed = (Needs(Shape(wide, torch.bfloat16, method, 4, 16)) for method in WAYS[:2])
    layers = sum(p.numel() for n, p in without_weights(wide, torch.bfloat16).named_parameters() if "_proj" in n)
    assert whole.weights - packed.weights == pytest.approx((2 - FOUR_BITS) * layers, abs=1)


def test_a_family_that_cannot_be_counted_is_estimated() -> None:
    config = transformers.BloomConfig(vocab_size=320, hidden_size=32, n_layer=2, n_head=4)
    need = Needs(Shape(config, torch.float32, "lora", 4, 16)).at(64)
    assert need.kept > 2 * 64 * 32 * 4


class Told(Needs):
    """A made-up training: a byte per token, a tenth where layers are computed twice, and 100 bytes of weights."""

    def __init__(self) -> None:
        self.shape = Shape(LlamaConfig(), torch.float32, "lora", 4, 190)

    def at(self, tokens: int, checkpointing: bool = False) -> Need:
        return Need(100, 0, tokens // (10 if checkpointing else 1), 0)


@pytest.mark.parametrize(
    ("free", "tokens", "checkpointing"), [(10_000, 760, False), (900, 760, False), (500, 380, False), (200, 760, True)]
)
def test_as_much_is_read_at_once_as_fits(free: int, tokens: int, checkpointing: bool) -> None:
    room = room_for(Told(), 4, free, loaded=100)
    assert (room.tokens, room.checkpointing) == (tokens, checkpointing)
    assert f"{tokens}" in room.reason and ("again" in room.reason) is checkpointing
    assert room.tight is (free < 10_000)


def test_what_does_not_fit_at_all_is_an_error_with_figures() -> None:
    with pytest.raises(ResourceError, match="not enough memory") as caught:
        room_for(Told(), 4, 10)
    assert "0 MB" in caught.value.why and "max_tokens" in caught.value.fix
