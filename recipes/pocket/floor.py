"""The baseline: an interpolated 5-gram model with Kneser-Ney smoothing (Kneser and Ney 1995; Chen and Goodman 1999).

N-grams are integers: with a vocabulary of V tokens, (a, b, c) is (a V + b) V + c, which for five tokens of a
vocabulary under 6,000 fits into 64 bits. Counting is sorting, and tables are sorted arrays.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Order:
    """The tables of one order: n-grams with counts; contexts with total counts and numbers of distinct followers."""

    grams: Ints
    counts: Ints
    contexts: Ints
    sums: Ints
    followers: Ints
    discount: float


def _find(keys: Ints, values: Ints, wanted: Ints) -> Ints:
    """Look up values by sorted keys; 0 for missing keys."""
    at = np.minimum(np.searchsorted(keys, wanted), len(keys) - 1)
    return np.where(keys[at] == wanted, values[at], 0)


def _table(grams: Ints, counts: Ints, vocabulary: int) -> Order:
    """Sum the counts of sorted n-grams by their context."""
    contexts, starts = np.unique(grams // vocabulary, return_index=True)
    sums = np.add.reduceat(counts, starts)
    followers = np.diff(np.append(starts, len(grams)))
    once, twice = int((counts == 1).sum()), int((counts == 2).sum())
    return Order(grams, counts, contexts, sums, followers, once / max(1, once + 2 * twice))


class KneserNey:
    """An n-gram model over token ids."""

    def __init__(self, tokens: npt.NDArray[Any], vocabulary: int, order: int = 5) -> None:
        self.vocabulary, self.order = vocabulary, order
        assert vocabulary**order < 2**63, "n-grams must fit into 64 bits"
        grams, counts = np.unique(self._grams(tokens.astype(np.int64), order), return_counts=True)
        self.tables = [_table(grams, counts, vocabulary)]
        for n in range(order - 1, 0, -1):
            grams, counts = np.unique(grams % vocabulary**n, return_counts=True)
            self.tables.append(_table(grams, counts, vocabulary))
        self.tables.reverse()

    def _grams(self, tokens: Ints, n: int) -> Ints:
        """Return every n-gram as an integer."""
        total = np.zeros(len(tokens) - n + 1, dtype=np.int64)
        for k in range(n):
            total = total * self.vocabulary + tokens[k : len(tokens) - n + 1 + k]
        return total

    def loss(self, ids: list[int], start: int) -> float:
        """Return the summed loss in nats of ids[start:] given all previous tokens."""
        tokens = np.asarray([0] * self.order + ids, dtype=np.int64)
        first = start + self.order
        probs: Floats = np.full(len(ids) - start, 1.0 / self.vocabulary)
        for n, table in enumerate(self.tables, 1):
            grams = self._grams(tokens, n)[first - n + 1 :]
            contexts = grams // self.vocabulary
            counts = _find(table.grams, table.counts, grams)
            sums = _find(table.contexts, table.sums, contexts)
            followers = _find(table.contexts, table.followers, contexts)
            known = sums > 0
            safe = np.maximum(sums, 1)
            mixed = (np.maximum(counts - table.discount, 0) + table.discount * followers * probs) / safe
            probs = np.where(known, mixed, probs)
        return float(-np.log(probs).sum())
