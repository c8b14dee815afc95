"""Word n-grams of texts as hashes, computed in blocks to bound memory, and MinHash signatures of them."""

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from typing import TypeAlias

import numpy as np
import numpy.typing as npt
from rensa import RMinHash

from gradschool.data.normalize import normalized_words

BLOCK = 4_000  # texts hashed together
MULTIPLIER = np.uint64(0x9E3779B97F4A7C15)  # odd, with bits spread evenly (2^64 over the golden ratio)
Hashes: TypeAlias = npt.NDArray[np.uint64]


def ngram_hashes(texts: Iterable[str], size: int) -> Iterator[Hashes]:
    """For each normalized text, the hashes of its n-grams of `size` words, in order.

    A shorter text is one n-gram. Equal n-grams have equal hashes on every machine; two different ones collide with
    probability 2^-64.
    """
    waiting = iter(texts)
    while block := [normalized_words(text) for text in islice(waiting, BLOCK)]:
        for hashes in RMinHash.hash_token_sets(block):
            yield _ngrams(np.array(hashes, dtype=np.uint64), size)


def _ngrams(hashes: Hashes, size: int) -> Hashes:
    """Hashes of n-grams from hashes of words: a polynomial over the n-gram, modulo 2^64."""
    count = max(len(hashes) - size + 1, 1)
    mixed = np.zeros(count, dtype=np.uint64)
    for offset in range(min(size, len(hashes))):
        mixed = mixed * MULTIPLIER + hashes[offset : offset + count]
    return mixed ^ (mixed >> np.uint64(29))


def fingerprint(ngrams: Hashes) -> bytes:
    """A digest that is equal for equal sets of n-grams."""
    return hashlib.blake2b(np.unique(ngrams).tobytes(), digest_size=16).digest()


def signatures(sets: Sequence[Hashes], hashes: int, seed: int) -> npt.NDArray[np.uint32]:
    """MinHash signatures of sets of hashes, of shape (sets, hashes)."""
    offsets = np.zeros(len(sets) + 1, dtype=np.uint64)
    np.cumsum([len(one) for one in sets], out=offsets[1:])
    return flat_signatures(np.concatenate(sets) if sets else np.zeros(0, dtype=np.uint64), offsets, hashes, seed)


def flat_signatures(
    flat: Hashes, offsets: npt.NDArray[np.uint64], hashes: int, seed: int
) -> npt.NDArray[np.uint32]:
    """As `signatures`; the hashes of set i are `flat[offsets[i]:offsets[i + 1]]`."""
    rows = RMinHash.digest_matrix_from_flat_token_hashes(flat, offsets, hashes, seed).to_rows()
    return np.array(rows, dtype=np.uint32).reshape(len(offsets) - 1, hashes)


def banded(rows: npt.NDArray[np.uint32], bands: int) -> Hashes:
    """A key for each band of each signature: (texts, hashes) to (texts, bands)."""
    columns = rows.reshape(len(rows), bands, rows.shape[1] // bands).astype(np.uint64)
    keys = np.zeros((len(rows), bands), dtype=np.uint64)
    for column in range(columns.shape[2]):
        keys = keys * MULTIPLIER + columns[:, :, column]
    return keys
