"""Character n-grams of many texts as one array of hashes: they survive a typo, a greeting or a changed word."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from gradschool.data.shingles import MULTIPLIER, Hashes

SIZE = 5  # characters of a gram
WIDE = 0x2E80  # characters from here on (Chinese, Japanese, Korean) say as much as a few letters
LETTERS = 3  # how many letters such a character counts as


@dataclass(frozen=True, slots=True)
class Grams:
    """The grams of several texts in a row: those of text i are `flat[offsets[i]:offsets[i + 1]]`."""

    flat: Hashes
    offsets: npt.NDArray[np.int64]

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
        offsets = np.zeros_like(self.offsets)
        np.cumsum(np.bincount(self.owners[wanted], minlength=len(offsets) - 1), out=offsets[1:])
        return Grams(self.flat[wanted], offsets)

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
        different = self.unique()
        bounds = different.offsets.tolist()
        return [different.flat[start:end] for start, end in zip(bounds, bounds[1:], strict=False)]


def char_grams(normalized: Sequence[str], size: int = SIZE) -> Grams:
    """The n-grams of `size` characters of normalized texts, each with a space before and after it.

    A text with fewer characters is one gram. Equal grams have equal hashes on every machine.
    """
    if not normalized:
        return Grams(np.zeros(0, dtype=np.uint64), np.zeros(1, dtype=np.int64))
    padded = [f" {text} ".ljust(size) for text in normalized]
    codes = np.frombuffer("".join(padded).encode("utf-32-le", "surrogatepass"), dtype=np.uint32)
    lengths = np.array([len(text) for text in padded], dtype=np.int64)
    if np.any(wide := codes >= WIDE):
        letters = np.where(wide, LETTERS, 1)
        lengths = np.add.reduceat(letters, np.cumsum(lengths) - lengths)
        codes = np.repeat(codes, letters)
    ends = np.cumsum(lengths)
    counts = lengths - size + 1
    offsets = np.zeros(len(padded) + 1, dtype=np.int64)
    np.cumsum(counts, out=offsets[1:])
    # The place of each gram among all characters: a gram does not reach into the next text.
    places = np.arange(offsets[-1]) + np.repeat(ends - lengths - offsets[:-1], counts)
    return Grams(_hashes(codes.astype(np.uint64), size)[places], offsets)


def _hashes(codes: Hashes, size: int) -> Hashes:
    """A polynomial over each run of `size` codes, modulo 2^64, with its bits mixed."""
    count = max(len(codes) - size + 1, 0)
    mixed = np.zeros(count, dtype=np.uint64)
    for offset in range(size):
        mixed = mixed * MULTIPLIER + codes[offset : offset + count]
    mixed ^= mixed >> np.uint64(32)
    mixed *= MULTIPLIER
    return mixed ^ (mixed >> np.uint64(29))
