"""The KV cache: a decode step attends to a common prefix as if each row held it."""

import pytest
import torch
from torch import Tensor

from gradschool.model.attention import Scoring
from gradschool.model.kv_cache import DecodeStep, KVCache

ROWS, HEADS, KEY_HEADS, WIDTH, PREFIX, OWN = 3, 4, 2, 16, 40, 9


def step(cache: KVCache, states: tuple[Tensor, Tensor, Tensor], tokens: int) -> Tensor:
    cache.lengths = torch.full((ROWS,), tokens)
    return DecodeStep(cache, ROWS, tokens + 1).attend(*states, Scoring(WIDTH**-0.5), 0)


@pytest.mark.parametrize(("dtype", "equal"), [(torch.float32, 0.0), (torch.bfloat16, 0.98), (torch.float16, 0.98)])
def test_a_prefix_is_attended_to_as_if_each_row_held_it(dtype: torch.dtype, equal: float) -> None:
    """In lower precision both round the same sum, so that nearly all numbers are the same."""
    generator = torch.Generator().manual_seed(0)

    def draw(*shape: int) -> Tensor:
        return torch.randn(*shape, generator=generator).to(dtype)

    prefix = draw(KEY_HEADS, PREFIX, WIDTH), draw(KEY_HEADS, PREFIX, WIDTH)
    own = draw(ROWS, KEY_HEADS, OWN, WIDTH), draw(ROWS, KEY_HEADS, OWN, WIDTH)
    states = draw(1, HEADS, ROWS, WIDTH), draw(1, KEY_HEADS, ROWS, WIDTH), draw(1, KEY_HEADS, ROWS, WIDTH)
    keys, values = (
        torch.cat([before.expand(ROWS, -1, -1, -1), after], 2) for before, after in zip(prefix, own, strict=True)
    )
    apart = step(KVCache(ROWS, {0: prefix}, {0: (own[0].clone(), own[1].clone())}), states, OWN)
    together = step(KVCache(ROWS, {}, {0: (keys, values)}), states, PREFIX + OWN)
    torch.testing.assert_close(apart, together)
    assert float((apart == together).float().mean()) >= equal
