"""Batches: each row is in exactly one step and one micro-batch, and packing and padding keep all of its tokens."""

import torch
from hypothesis import given
from hypothesis import strategies as st

import toy
from gradschool.model.attention import Segments
from gradschool.model.chat import Rendered
from gradschool.tune.rows import micro_batches, pack, pad, shared_prefix, steps_of_epoch

CPU = torch.device("cpu")
lengths = st.lists(st.integers(2, 40), min_size=1, max_size=60)


def rows_of(lengths: list[int]) -> list[Rendered]:
    """Rows that differ in their first token."""
    return [toy.row(([number] + [0] * (length - 2), False), ([1], True)) for number, length in enumerate(lengths)]


def names(rows: list[Rendered]) -> list[int]:
    return [row.token_ids[0] for row in rows]


def test_rows_are_packed_after_their_common_prefix() -> None:
    rows = [
        toy.row(([5, 6, 7], False), ([8, 1], True)),
        toy.row(([5, 6], False), ([9, 1], True), ([3], False)),
        toy.row(([5, 6], False), ([1], True)),
    ]
    packed = pack(rows, CPU)
    assert packed.token_ids.tolist() == [[5, 6, 1, 7, 8, 1, 9, 1, 3]]
    assert packed.positions.tolist() == [[0, 1, 2, 2, 3, 4, 2, 3, 4]]
    assert packed.layout == Segments(2, ((1, 1), (2, 3)))
    assert packed.targets.tolist() == [1, 8, 1, 9, 1]
    assert packed.predicting.tolist() == [1, 3, 4, 1, 6]  # the end of the prefix predicts two first tokens


@given(st.lists(st.tuples(st.integers(1, 4), st.integers(1, 4), st.integers(0, 2)), min_size=1, max_size=9))
def test_a_packed_row_contains_all_tokens_of_every_row(shapes: list[tuple[int, int, int]]) -> None:
    rows = [
        toy.row(([7] * question, False), ([8] * answer, True), ([9] * rest, False)) for question, answer, rest in shapes
    ]
    packed, prefix = pack(rows, CPU), shared_prefix(rows)
    assert prefix == (0 if len(rows) == 1 else min(question for question, _, _ in shapes))
    assert (
        packed.token_ids.shape == packed.positions.shape == (1, prefix + sum(len(r.token_ids) - prefix for r in rows))
    )
    ids, positions = packed.token_ids[0].tolist(), packed.positions[0].tolist()
    found, start = [], prefix
    for count, length in packed.layout.groups:
        for _ in range(count):
            assert positions[start : start + length] == list(range(prefix, prefix + length))
            found.append(tuple(ids[:prefix] + ids[start : start + length]))
            start += length
    assert sorted(found) == sorted(row.token_ids for row in rows)
    assert [ids[at + 1] for at in packed.predicting.tolist() if at >= prefix] == [
        target for at, target in zip(packed.predicting.tolist(), packed.targets.tolist(), strict=True) if at >= prefix
    ]
    assert len(packed.targets) == sum(sum(row.loss_mask) for row in rows)


def test_a_batch_is_padded_on_the_right() -> None:
    rows = [toy.row(([5, 6], False), ([7, 1], True)), toy.row(([8], False), ([9], True))]
    batch = pad(rows, 3, CPU)
    assert batch.token_ids.tolist() == [[5, 6, 7, 1], [8, 9, 3, 3]]
    assert batch.attention.tolist() == [[1, 1, 1, 1], [1, 1, 0, 0]]
    assert batch.trained.tolist() == [[False, False, True, True], [False, True, False, False]]


@given(lengths, st.integers(1, 9), st.integers(0, 3), st.integers(0, 3))
def test_an_epoch_contains_every_row_once(lengths: list[int], per_step: int, seed: int, epoch: int) -> None:
    rows = rows_of(lengths)
    steps = list(steps_of_epoch(rows, per_step, seed, epoch))
    assert sorted(name for step in steps for name in names(step)) == list(range(len(rows)))
    assert len(steps) == -(-len(rows) // per_step)
    assert all(1 <= len(step) <= per_step for step in steps)
    assert list(map(names, steps)) == list(map(names, steps_of_epoch(rows, per_step, seed, epoch)))


def test_epochs_and_seeds_have_different_orders() -> None:
    rows = rows_of([5] * 40)
    orders = {str([names(step) for step in steps_of_epoch(rows, 4, *key)]) for key in ((0, 0), (0, 1), (1, 0))}
    assert len(orders) == 3


@given(lengths, st.integers(2, 120), st.booleans(), st.integers(0, 3))
def test_micro_batches_contain_every_row_and_respect_the_limit(
    lengths: list[int], max_tokens: int, packed: bool, common: int
) -> None:
    rows = [toy.row(([99] * common + list(row.token_ids[:-1]), False), ([1], True)) for row in rows_of(lengths)]
    made = list(micro_batches(rows, max_tokens, packed))
    expected = sorted(tuple(row.token_ids) for row in rows)
    assert sorted(tuple(row.token_ids) for micro_batch in made for row in micro_batch) == expected
    for micro_batch in made:
        size = len(micro_batch) * max(len(row.token_ids) for row in micro_batch)
        if packed:
            size = pack(micro_batch, CPU).token_ids.numel()
        assert size <= max_tokens or len(micro_batch) == 1
