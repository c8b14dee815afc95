"""Hashes of n-grams: the order by keys is that of a stable sort, and signatures have a row for each text."""

import numpy as np
import pytest

from gradschool.data.shingles import Grams, by_key, signatures


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
