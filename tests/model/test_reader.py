"""Packed rows: each segment has the same logits as alone, and families that cannot pack are detected."""

from typing import Any

import pytest
import torch
import transformers
from transformers import AutoModelForCausalLM

import tiny
from gradschool.model import attention
from gradschool.model.attention import Segments
from gradschool.model.reader import Head, reader_of

PREFIX, GROUPS = 6, ((2, 1), (3, 4), (1, 13))
WINDOWED: dict[str, dict[str, Any]] = {
    "mistral": {"sliding_window": 5},
    "phi3": {"sliding_window": 5},
    "gemma3": {"sliding_window": 5, "layer_types": ["sliding_attention", "full_attention"]},
    "gemma2": {"sliding_window": 5, "final_logit_softcapping": 2.0, "attn_logit_softcapping": 3.0},
    "qwen2": {"sliding_window": 5, "use_sliding_window": True, "max_window_layers": 1},
}


def material(prefix: int = PREFIX) -> tuple[torch.Tensor, torch.Tensor, Segments, list[torch.Tensor]]:
    """A packed row of random tokens, its positions and layout, and the rows in it."""
    draw = torch.Generator().manual_seed(3)
    shared = torch.randint(300, (prefix,), generator=draw)
    own = [torch.randint(300, (length,), generator=draw) for count, length in GROUPS for _ in range(count)]
    places = [torch.arange(prefix), *(torch.arange(prefix, prefix + len(segment)) for segment in own)]
    rows = [torch.cat([shared, segment]) for segment in own]
    return torch.cat([shared, *own])[None], torch.cat(places)[None], Segments(prefix, GROUPS), rows


@pytest.mark.parametrize("prefix", [PREFIX, 0])
@pytest.mark.parametrize("kernel", [False, True])
@pytest.mark.parametrize(
    ("family", "changes"), [*((family, {}) for family in tiny.FAMILIES), *WINDOWED.items()], ids=str
)
@torch.no_grad()
def test_each_segment_has_the_logits_that_it_has_alone(
    family: str, changes: dict[str, Any], kernel: bool, prefix: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    if kernel:
        monkeypatch.setattr(attention, "MATMUL_SCORES", 0)
    token_ids, positions, layout, rows = material(prefix)
    plain = tiny.network(family, **changes)
    alone = [plain(row[None]).logits[0] for row in rows]
    reader = reader_of(tiny.network(family, **changes))
    assert reader.packs and reader.head is not None
    said = reader.head.logits(reader.hidden(token_ids, positions, layout))
    parts = said[prefix:].split([count * length for count, length in GROUPS])
    segments = [s for part, (count, _) in zip(parts, GROUPS, strict=True) for s in part.chunk(count)]
    for segment, line in zip(segments, alone, strict=True):
        torch.testing.assert_close(segment, line[prefix:], atol=2e-4, rtol=1e-4)
    if prefix:
        torch.testing.assert_close(said[:prefix], alone[0][:prefix], atol=2e-4, rtol=1e-4)
    if changes:  # the window has an effect
        assert layout.windows() & {5}
        free = {**changes, "sliding_window": 100}
        wide = tiny.network(family, **free)(rows[-1][None]).logits[0]
        assert (wide - alone[-1]).abs().max() > 1e-2


@pytest.mark.parametrize("family", tiny.FAMILIES)
@torch.no_grad()
def test_padded_rows_have_the_same_logits_as_before(family: str) -> None:
    ids = torch.randint(300, (3, 12), generator=torch.Generator().manual_seed(0))
    there = torch.ones_like(ids)
    there[1, 7:], there[2, :4] = 0, 0
    plain, installed = tiny.network(family), tiny.network(family)
    assert reader_of(installed).packs
    one, other = (network(ids, attention_mask=there).logits[there.bool()] for network in (plain, installed))
    torch.testing.assert_close(other, one, atol=2e-4, rtol=1e-4)


def odd(name: str) -> Any:
    """Small networks of families with unusual attention."""
    sizes = {"vocab_size": 320, "hidden_size": 32, "num_hidden_layers": 2, "initializer_range": 0.3}
    config = {
        "bloom": lambda: transformers.BloomConfig(vocab_size=320, hidden_size=32, n_layer=2, n_head=4),
        "mamba": lambda: transformers.MambaConfig(**sizes),
        "gpt_oss": lambda: transformers.GptOssConfig(
            **sizes, num_attention_heads=4, num_key_value_heads=2, head_dim=8, intermediate_size=32, num_local_experts=4
        ),
    }[name]()
    torch.manual_seed(0)
    network = AutoModelForCausalLM.from_config(config, dtype=torch.float32).eval()
    with torch.no_grad():
        for parameter_name, parameter in network.named_parameters():
            if "sinks" in parameter_name:
                parameter.fill_(2.0)
    return network


@pytest.mark.parametrize("name", ["bloom", "mamba", "gpt_oss"])
@torch.no_grad()
def test_a_family_that_cannot_pack_is_detected_and_not_changed(name: str) -> None:
    ids = torch.randint(300, (1, 12), generator=torch.Generator().manual_seed(0))
    network = odd(name)
    before = network(ids).logits
    reader = reader_of(network)
    assert not reader.packs
    torch.testing.assert_close(network(ids).logits, before, atol=1e-5, rtol=1e-5)


def test_packing_needs_layers_that_report_the_window() -> None:
    network: Any = tiny.network()
    assert reader_of(network).packs
    network.config.sliding_window = 4096
    assert not reader_of(network).packs


@torch.no_grad()
def test_a_head_with_other_logits_is_not_used() -> None:
    network: Any = tiny.network()
    assert reader_of(network).head is not None
    network.config.logit_scale = 0.5  # in the config, but not in the family
    reader = reader_of(network)
    assert reader.head is None and not reader.packs


def test_the_training_mode_does_not_change() -> None:
    for training in (True, False):
        assert reader_of(tiny.network().train(training)).network.training is training


def test_networks_in_bfloat16_pack() -> None:
    reader = reader_of(tiny.network().to(torch.bfloat16))  # type: ignore[arg-type]
    assert reader.packs


def test_the_soft_cap_of_a_family_is_part_of_its_head() -> None:
    head = reader_of(tiny.network("gemma2", final_logit_softcapping=2.0)).head
    assert isinstance(head, Head) and head.softcap == 2.0
    assert head.logits(torch.randn(3, 32)).abs().max() <= 2.0
