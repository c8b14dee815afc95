"""Copies: which words of an answer are runs of words of other texts, such as the training texts or other answers."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from gradschool.data.normalize import normalize, words
from gradschool.data.shingles import Hashes, ngram_hashes

RUNS = (4, 5, 6, 8)  # lengths, in words, of a run that may be a copy
HABIT = 3  # training texts that share a run, from which it is a habit of the author
COINCIDENCE = 0.2  # fraction of a text's words in runs of other texts that is normal for nearly all texts
NEARLY_ALL = 0.95
COPIED = 0.5  # fraction of a passage in copied runs from which it is a copy, unless the author repeats himself


@dataclass(frozen=True, slots=True)
class Runs:
    """The runs of words of an author's texts: `size` words each, sorted hashes."""

    size: int
    rare: Hashes  # of one or two texts
    habits: Hashes  # of more texts
    least: float  # fraction of a passage in such runs from which it is a copy

    def copied(self, text: str) -> npt.NDArray[np.bool_]:
        """For each normalized word of a text, whether it is in a rare run of the author's texts: (words,)."""
        return covered(text, self.size, self.rare)


def own_runs(texts: Sequence[str], groups: Sequence[str]) -> Runs:
    """The runs of an author's texts: as short as possible, but so long that his own texts seldom share them.

    Texts of one group are about one matter, so that they may share runs.
    """
    for size in RUNS:
        hashes = [np.unique(one) for one in ngram_hashes(map(normalize, texts), size)]
        counts = Counter(run for one in hashes for run in one.tolist())
        habits = np.array(sorted(run for run, count in counts.items() if count >= HABIT), dtype=np.uint64)
        rare = np.array(sorted(run for run, count in counts.items() if count < HABIT), dtype=np.uint64)
        normal = float(np.quantile(_shared(texts, groups, hashes, rare, size), NEARLY_ALL))
        if normal < COINCIDENCE:
            break
    return Runs(size, rare, habits, COPIED if normal < COINCIDENCE else (1 + normal) / 2)


def _shared(
    texts: Sequence[str], groups: Sequence[str], hashes: Sequence[Hashes], rare: Hashes, size: int
) -> npt.NDArray[np.float64]:
    """For each text, the fraction of its words in rare runs that a text of another group has too."""
    places: dict[int, set[str]] = {}
    for group, one in zip(groups, hashes, strict=True):
        for run in one.tolist():
            places.setdefault(run, set()).add(group)
    several = np.array(sorted(run for run, found in places.items() if len(found) > 1), dtype=np.uint64)
    shared = np.intersect1d(several, rare, assume_unique=True)
    return np.array([float(np.mean(covered(text, size, shared))) for text in texts])


def covered(text: str, size: int, known: Hashes) -> npt.NDArray[np.bool_]:
    """For each normalized word of a text, whether it is in a run of `size` words that is known: (words,)."""
    found = np.zeros(max(len(words(text)), 1), dtype=bool)
    if len(found) < size or not len(known):
        return found
    runs = next(ngram_hashes([normalize(text)], size))
    places = np.minimum(np.searchsorted(known, runs), len(known) - 1)
    for at in np.flatnonzero(known[places] == runs):
        found[at : at + size] = True
    return found
