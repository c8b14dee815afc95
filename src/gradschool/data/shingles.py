"""N-grams of texts as hashes, computed in blocks to bound memory, and MinHash signatures of them."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain, islice, pairwise
from typing import TypeAlias

import numpy as np
import numpy.typing as npt
from rensa import RMinHash

from gradschool.data.normalize import normalized_words

BLOCK = 4_000  # texts hashed together
PART = 1 << 16  # grams whose hashes fit into the cache of a processor core
MULTIPLIER = np.uint64(0x9E3779B97F4A7C15)  # odd, with bits spread evenly (2^64 over the golden ratio)
Hashes: TypeAlias = npt.NDArray[np.uint64]


@dataclass(frozen=True, slots=True)
class Grams:
    """The n-grams of several texts in one array: those of text i are `flat[offsets[i]:offsets[i + 1]]`."""

    flat: Hashes
    offsets: npt.NDArray[np.int64]

    @classmethod
    def of(cls, flat: Hashes, counts: Sequence[int] | npt.NDArray[np.int64]) -> "Grams":
        """From the number of grams of each text."""
        offsets = np.zeros(len(counts) + 1, dtype=np.int64)
        np.cumsum(counts, out=offsets[1:])
        return cls(flat, offsets)

    @property
    def counts(self) -> npt.NDArray[np.int64]:
        """The number of grams of each text."""
        return np.diff(self.offsets)

    @property
    def owners(self) -> npt.NDArray[np.int64]:
        """The text of each gram."""
        return np.repeat(np.arange(len(self.offsets) - 1), self.counts)

    def where(self, wanted: npt.NDArray[np.bool_]) -> "Grams":
        """Only the wanted grams; a text may be left without any."""
        running = np.concatenate(([0], np.cumsum(wanted)))
        return Grams(self.flat[wanted], running[self.offsets])

    def without(self, common: Hashes) -> "Grams":
        """Without the sorted grams in `common`; a text may be left without any."""
        if len(common) == 0:
            return self
        places = np.minimum(common.searchsorted(self.flat), len(common) - 1)
        return self.where(common[places] != self.flat)

    def joined(self, other: "Grams") -> "Grams":
        """The grams of each text with those that another object holds of it."""
        owners = np.concatenate((self.owners, other.owners))
        order = np.argsort(owners, kind="stable")
        return Grams(np.concatenate((self.flat, other.flat))[order], self.offsets + other.offsets)

    def of_texts(self, wanted: npt.NDArray[np.bool_]) -> "Grams":
        """The grams of the wanted texts alone."""
        counts = self.counts
        return Grams.of(self.flat[np.repeat(wanted, counts)], counts[wanted])

    def unique(self) -> "Grams":
        """The different grams of each text, sorted."""
        owners = self.owners
        order = np.lexsort((self.flat, owners))
        ordered = Grams(self.flat[order], self.offsets)
        new = np.ones(len(order), dtype=bool)
        new[1:] = (np.diff(ordered.flat) != 0) | (np.diff(owners) != 0)
        return ordered.where(new)

    def sets(self) -> list[Hashes]:
        """The different grams of each text, sorted, in an array of its own."""
        return _parts(self.unique())

    def fingerprints(self) -> Hashes:
        """Two numbers for each text, which are equal for equal grams in any order; every text must have a gram."""
        if len(self.offsets) == 1:
            return np.zeros((0, 2), dtype=np.uint64)
        mixed = mix(self.flat), mix(self.flat ^ MULTIPLIER)
        return np.column_stack([np.add.reduceat(one, self.offsets[:-1]) for one in mixed])


def _parts(grams: Grams) -> list[Hashes]:
    bounds = grams.offsets.tolist()
    return [grams.flat[start:end] for start, end in pairwise(bounds)]


def mix(hashes: Hashes) -> Hashes:
    """Hashes with their bits mixed."""
    mixed = (hashes ^ (hashes >> np.uint64(32))) * MULTIPLIER
    return mixed ^ (mixed >> np.uint64(29))


def jaccard(one: Hashes, other: Hashes) -> float:
    """The Jaccard similarity of two sets, as sorted different values."""
    common = len(np.intersect1d(one, other, assume_unique=True))
    return common / (len(one) + len(other) - common or 1)


def ngram_hashes(texts: Iterable[str], size: int) -> Iterator[Hashes]:
    """For each normalized text, the hashes of its n-grams of `size` words, in order.

    A shorter text is one n-gram. Equal n-grams have equal hashes on every machine; two different ones collide with
    probability 2^-64.
    """
    waiting = iter(texts)
    while block := list(islice(waiting, BLOCK)):
        yield from _parts(ngrams(words_of(block), size))


def words_of(normalized: Sequence[str]) -> Grams:
    """The hashes of the words of normalized texts."""
    hashes = RMinHash.hash_token_sets([normalized_words(text) for text in normalized])
    return Grams.of(np.array(list(chain.from_iterable(hashes)), dtype=np.uint64), list(map(len, hashes)))


def ngrams(words: Grams, size: int) -> Grams:
    """The n-grams of `size` words of each text, in order; a shorter text is one n-gram."""
    counts, starts = words.counts, words.offsets[:-1]
    made = Grams.of(np.zeros(0, dtype=np.uint64), np.maximum(counts - size + 1, 1))
    # The place of each gram among all words: a gram does not reach into the next text.
    places = np.arange(made.offsets[-1]) + np.repeat(starts - made.offsets[:-1], made.counts)
    flat = np.zeros(len(places), dtype=np.uint64)
    windows = polynomial(words.flat, size)
    full = np.repeat(counts >= size, made.counts)
    flat[full] = windows[places[full]]
    for length in range(1, size):
        short = np.flatnonzero(counts == length)
        flat[made.offsets[short]] = polynomial(words.flat, length)[starts[short]]
    return Grams(flat ^ (flat >> np.uint64(29)), made.offsets)


def polynomial(hashes: Hashes, size: int) -> Hashes:
    """A polynomial over each `size` consecutive hashes, modulo 2^64."""
    count = max(len(hashes) - size + 1, 0)
    mixed = np.zeros(count, dtype=np.uint64)
    for offset in range(size):
        mixed = mixed * MULTIPLIER + hashes[offset : offset + count]
    return mixed


def signatures(grams: Grams, hashes: int, seed: int) -> npt.NDArray[np.uint32]:
    """MinHash signatures of the grams of texts, of shape (texts, hashes); every text must have a gram.

    The hash functions are linear permutations (Bohman, Cooper and Frieze 2000, "Min-Wise Independent Linear
    Permutations"): for 32 mixed bits x of a gram, a x mod 2^32 with all bits of b flipped.
    """
    texts, ends = len(grams.offsets) - 1, grams.offsets
    factors, flips = _drawn(2 * hashes, seed).reshape(2, hashes)
    rows = np.zeros((texts, hashes), dtype=np.uint32)
    cuts = [*np.unique(np.searchsorted(ends[:-1], np.arange(0, ends[-1], PART))).tolist(), texts]
    for start, end in pairwise(cuts):
        values = _upper(grams.flat[ends[start] : ends[end]])
        hashed, firsts = np.empty_like(values), ends[start:end] - ends[start]
        for function, (factor, flip) in enumerate(zip(factors | np.uint32(1), flips, strict=True)):
            np.bitwise_xor(np.multiply(values, factor, out=hashed), flip, out=hashed)
            rows[start:end, function] = np.minimum.reduceat(hashed, firsts)
    return rows


def _drawn(count: int, seed: int) -> npt.NDArray[np.uint32]:
    """Random numbers, the same on every machine."""
    return _upper(mix(np.arange(1, count + 1, dtype=np.uint64) * MULTIPLIER ^ np.uint64(seed)))


def _upper(hashes: Hashes) -> npt.NDArray[np.uint32]:
    """The upper bits of mixed hashes."""
    return (mix(hashes) >> np.uint64(32)).astype(np.uint32)


def banded(rows: npt.NDArray[np.uint32], bands: int) -> Hashes:
    """A key for each band of each signature: (texts, hashes) to (texts, bands)."""
    columns = rows.reshape(len(rows), bands, rows.shape[1] // bands).astype(np.uint64)
    keys = np.zeros((len(rows), bands), dtype=np.uint64)
    for column in range(columns.shape[2]):
        keys = keys * MULTIPLIER + columns[:, :, column]
    return keys


def distinct(numbers: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """The different numbers, sorted; faster than `np.unique` with its hash table, if most are different."""
    ordered = np.sort(numbers)
    first: npt.NDArray[np.bool_] = np.diff(ordered, prepend=ordered[:1] - 1) != 0
    return ordered[first]


def by_key(keys: Hashes) -> tuple[npt.NDArray[np.int64], Hashes]:
    """The positions in the order of their keys, and of positions for equal keys; and what is equal for equal keys.

    Key and position are sorted as one number, many times as fast as positions by their keys. The lower bits of a key
    make place for the position: of a million different keys, two are taken for equal with probability 1 in 35.
    """
    bits = np.uint64(max(len(keys) - 1, 1).bit_length())
    packed = (mix(keys) >> bits << bits) | np.arange(len(keys), dtype=np.uint64)
    packed.sort()
    return (packed & ((np.uint64(1) << bits) - np.uint64(1))).astype(np.int64), packed >> bits
