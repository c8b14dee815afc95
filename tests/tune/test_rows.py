"""Rows put side by side, dealt out to steps and cut into portions: none lost, none twice."""

import torch
import toy
from hypothesis import given
from hypothesis import strategies as st

from gradschool.model.chat import Rendered
from gradschool.tune.rows import make_batch, portions, steps_of_epoch

lengths = st.lists(st.integers(2, 40), min_size=1, max_size=60)


def rows_of(lengths: list[int]) -> list[Rendered]:
    """Rows that can be told apart by their first token."""
    return [toy.row(([number] + [0] * (length - 2), False), ([1], True)) for number, length in enumerate(lengths)]


def names(rows: list[Rendered]) -> list[int]:
    return [row.token_ids[0] for row in rows]


def test_a_batch_is_filled_up_on_the_right() -> None:
    rows = [toy.row(([5, 6], False), ([7, 1], True)), toy.row(([8], False), ([9], True))]
    batch = make_batch(rows, 3, torch.device("cpu"))
    assert batch.token_ids.tolist() == [[5, 6, 7, 1], [8, 9, 3, 3]]
    assert batch.attention.tolist() == [[1, 1, 1, 1], [1, 1, 0, 0]]
    assert batch.trained.tolist() == [[False, False, True, True], [False, True, False, False]]
    assert batch.tokens == 6


@given(lengths, st.integers(1, 9), st.integers(0, 3), st.integers(0, 3))
def test_an_epoch_deals_out_every_row_once(lengths: list[int], per_step: int, seed: int, epoch: int) -> None:
    rows = rows_of(lengths)
    steps = list(steps_of_epoch(rows, per_step, seed, epoch))
    assert sorted(name for step in steps for name in names(step)) == list(range(len(rows)))
    assert len(steps) == -(-len(rows) // per_step)
    assert all(1 <= len(step) <= per_step for step in steps)
    assert list(map(names, steps)) == list(map(names, steps_of_epoch(rows, per_step, seed, epoch)))


def test_epochs_and_seeds_have_orders_of_their_own() -> None:
    rows = rows_of([5] * 40)
    orders = {str([names(step) for step in steps_of_epoch(rows, 4, *key)]) for key in ((0, 0), (0, 1), (1, 0))}
    assert len(orders) == 3


@given(lengths, st.integers(2, 120))
def test_portions_hold_every_row_and_keep_within_their_size(lengths: list[int], most: int) -> None:
    rows = rows_of(lengths)
    cut = list(portions(rows, most))
    assert sorted(name for portion in cut for name in names(portion)) == list(range(len(rows)))
    for portion in cut:
        size = len(portion) * max(len(row.token_ids) for row in portion)
        assert size <= most or len(portion) == 1
