"""Character n-grams of texts as hashes: they survive a typo, a greeting or a changed word."""

from collections.abc import Sequence

import numpy as np

from gradschool.data.shingles import Grams, mix, polynomial

SIZE = 5  # characters of a gram
WIDE = 0x2E80  # characters from here on (Chinese, Japanese, Korean) say as much as a few letters
LETTERS = 3  # how many letters such a character counts as


def char_grams(normalized: Sequence[str], size: int = SIZE) -> Grams:
    """The n-grams of `size` characters of normalized texts, each with a space before and after it.

    A text with fewer characters is one gram. Equal grams have equal hashes on every machine.
    """
    if not normalized:
        return Grams.of(np.zeros(0, dtype=np.uint64), [])
    padded = [f" {text} ".ljust(size) for text in normalized]
    codes = np.frombuffer("".join(padded).encode("utf-32-le", "surrogatepass"), dtype=np.uint32)
    lengths = np.array(list(map(len, padded)), dtype=np.int64)
    if np.any(wide := codes >= WIDE):
        letters = np.where(wide, LETTERS, 1)
        lengths = np.add.reduceat(letters, np.cumsum(lengths) - lengths)
        codes = np.repeat(codes, letters)
    grams = mix(polynomial(codes.astype(np.uint64), size))
    within = np.ones(len(codes), dtype=bool)
    ends = np.cumsum(lengths)
    for back in range(1, size):  # a gram does not reach into the next text
        within[ends - back] = False
    return Grams.of(grams[within[: len(grams)]], lengths - size + 1)
