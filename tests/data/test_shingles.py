"""Hashes of n-grams: the order by keys is that of a stable sort, and signatures have a row for each text."""

import numpy as np
import pytest

from gradschool.data.shingles import PART, Grams, by_key, distinct, signatures


@pytest.mark.parametrize("count", [0, 1, 2, 5_000])
def test_positions_are_in_the_order_of_keys_and_then_of_positions(count: int) -> None:
    # Small keys and keys that differ in single bits: the bits that make place for the position must count too.
    keys = np.random.default_rng(1).integers(0, 900, count).astype(np.uint64)
    for given in (keys, keys << np.uint64(54), keys | np.uint64(1 << 63)):
        order, ordered = by_key(given)
        assert sorted(order.tolist()) == list(range(count))
        groups = [order[ordered == one].tolist() for one in dict.fromkeys(ordered.tolist())]
        expected = [np.flatnonzero(given == one).tolist() for one in np.unique(given)]
        assert sorted(groups) == sorted(expected)


def test_signatures_have_a_row_for_each_text() -> None:
    grams = Grams.of(np.arange(7, dtype=np.uint64), [3, 4])
    alike = Grams.of(np.arange(3, dtype=np.uint64), [3])
    assert signatures(grams, 16, 1).shape == (2, 16)
    assert (signatures(grams, 16, 1)[0] == signatures(alike, 16, 1)[0]).all()
    assert signatures(Grams.of(np.zeros(0, dtype=np.uint64), []), 16, 1).shape == (0, 16)


@pytest.mark.parametrize("shared, others", [(30, 15), (9, 1), (5, 0), (0, 8)])
def test_signatures_are_equal_as_often_as_the_sets_are_similar(shared: int, others: int) -> None:
    pairs, hashes = 400, 128
    draw = np.random.default_rng(2)
    common = np.repeat(draw.integers(0, 2**63, (pairs, shared), dtype=np.uint64), 2, axis=0)
    own = draw.integers(0, 2**63, (2 * pairs, others), dtype=np.uint64)
    texts = np.concatenate((common, own), axis=1)
    rows = signatures(Grams.of(texts.ravel(), [shared + others] * len(texts)), hashes, 1)
    equal = (rows[::2] == rows[1::2]).mean(axis=1)
    similarity = shared / (shared + 2 * others)
    # Of independent hash functions, as the number of bands assumes.
    assert equal.mean() == pytest.approx(similarity, abs=0.01)
    assert equal.std() == pytest.approx((similarity * (1 - similarity) / hashes) ** 0.5, rel=0.15)


def test_signatures_do_not_depend_on_what_they_are_computed_with() -> None:
    counts = [1, PART - 1, 3, PART + 5, 2]
    flat = np.random.default_rng(3).integers(0, 2**63, sum(counts), dtype=np.uint64)
    together, start = signatures(Grams.of(flat, counts), 4, 1), 0
    for row, count in zip(together, counts, strict=True):
        assert (signatures(Grams.of(flat[start : start + count], [count]), 4, 1)[0] == row).all()
        start += count


@pytest.mark.parametrize("numbers", [[], [3], [-5, 7, -5, 0, 7, 7], [0, 0]])
def test_distinct_numbers_are_sorted(numbers: list[int]) -> None:
    assert distinct(np.array(numbers, dtype=np.int64)).tolist() == sorted(set(numbers))
