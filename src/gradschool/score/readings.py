"""How well each token of a text fits its neighbours, by the counts of other texts.

All but the most frequent words are reduced to their kind, or to their ending, or read as they are. The same words in
another order, or with strange words between them, are predicted no better than without their context (pointwise mutual
information; Church and Hanks 1990, "Word association norms").

Shapes: T tokens, F features.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from gradschool.score.tokens import frequent_tokens, tokens_of

FREQUENT = 150  # words that are read as they are
ENDINGS: tuple[int | None, ...] = (0, 2, None)  # characters that are left of any other word, in three readings
SMOOTHING = (0.5, 5.0, 3.0)  # tokens that a shorter context is worth
RUNS = ((0,), (0, 1), (0, 2), (0, 1, 2))  # which of the tokens from a place on are counted together
ALONE, PAIR, AROUND, TRIPLE = range(len(RUNS))
EDGES = 2  # signs before and after a text
Numbers: TypeAlias = npt.NDArray[np.int64]
Values: TypeAlias = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Counts:
    """How often each run of tokens occurs: for each kind of run, sorted codes and their counts."""

    codes: tuple[Numbers, ...]
    counts: tuple[Numbers, ...]

    @classmethod
    def of(cls, texts: Sequence[Numbers], size: int) -> "Counts":
        """The counts of texts, as tokens with numbers below `size`."""
        every = [[_codes(text, run, size) for text in texts] for run in RUNS]
        pairs = [np.unique(np.concatenate(codes), return_counts=True) for codes in every]
        return cls(tuple(codes for codes, _ in pairs), tuple(counts for _, counts in pairs))

    def count(self, run: int, codes: Numbers) -> Numbers:
        """The counts of runs of a kind."""
        known = self.codes[run]
        if not len(known):
            return np.zeros(len(codes), dtype=np.int64)
        places = np.minimum(np.searchsorted(known, codes), len(known) - 1)
        return np.where(known[places] == codes, self.counts[run][places], 0)


@dataclass(frozen=True, slots=True)
class Reading:
    """One way to read texts as tokens, and the counts of the author's and other texts."""

    frequent: frozenset[str]
    ending: int | None
    numbers: dict[str, int]  # of tokens; 0 is an unknown one
    counts: Counts
    of_tokens: dict[str, int] = field(default_factory=dict, compare=False, repr=False)  # numbers of tokens met before

    @classmethod
    def of(cls, texts: Sequence[str], ending: int | None) -> "Reading":
        """Read texts and count their runs."""
        frequent = frequent_tokens(texts, FREQUENT)
        tokens = {token for text in texts for token in tokens_of(text)}
        kinds = {_kind(token, frequent, ending) for token in tokens}
        numbers = {kind: number for number, kind in enumerate(("", "^", "$", *sorted(kinds)))}
        empty = cls(frequent, ending, numbers, Counts((), ()))
        return cls(frequent, ending, numbers, Counts.of([empty.tokens(text) for text in texts], len(numbers)))

    def tokens(self, text: str) -> Numbers:
        """The numbers of a text's tokens between signs for its beginning and its end: (T + 2 EDGES,)."""
        first, last = ([self.numbers.get(sign, 0)] * EDGES for sign in "^$")
        return np.array([*first, *map(self._number, tokens_of(text)), *last], dtype=np.int64)

    def _number(self, token: str) -> int:
        number = self.of_tokens.get(token)
        if number is None:
            number = self.of_tokens[token] = self.numbers.get(_kind(token, self.frequent, self.ending), 0)
        return number

    def counts_of(self, texts: Sequence[str]) -> Counts:
        """The counts of some texts, to leave them out."""
        return Counts.of([self.tokens(text) for text in texts], len(self.numbers))

    def features(self, text: str, without: Counts | None) -> Values:
        """How well each token fits the tokens before and after it, without the counts of some texts: (T, F)."""
        tokens = self.tokens(text)
        known = [self._known(run, tokens, without) for run in range(len(RUNS))]
        total = self.counts.counts[ALONE].sum()
        alone = (known[ALONE] + SMOOTHING[0]) / (total + SMOOTHING[0] * len(self.numbers))
        pairs = (known[PAIR] + SMOOTHING[1] * alone[1:]) / (alone[:-1] * total + SMOOTHING[1])
        around = (known[AROUND] + SMOOTHING[1] * alone[2:]) / (alone[:-2] * total + SMOOTHING[1])
        triples = (known[TRIPLE] + SMOOTHING[2] * pairs[1:]) / (known[PAIR][:-1] + SMOOTHING[2])
        pair, skip = np.log(pairs / alone[1:]), np.log(around / alone[2:])
        triple, gain = np.log(triples / alone[2:]), np.log(triples / pairs[1:])
        at = np.arange(EDGES, len(tokens) - EDGES)
        columns = [pair[at - 1], pair[at], skip[at - 2], skip[at - 1], skip[at], np.log(alone[at])]
        columns += [one[at - back] for one in (triple, gain) for back in (2, 1, 0)]
        columns += [np.log1p(known[PAIR][at - 1]), np.log1p(known[PAIR][at]), np.log1p(known[TRIPLE][at - 1])]
        return np.column_stack(columns)

    def _known(self, run: int, tokens: Numbers, without: Counts | None) -> Numbers:
        codes = _codes(tokens, RUNS[run], len(self.numbers))
        counts = self.counts.count(run, codes)
        return np.maximum(counts - without.count(run, codes), 0) if without else counts


def _codes(tokens: Numbers, run: Sequence[int], size: int) -> Numbers:
    """Each run of tokens as one number."""
    count = max(len(tokens) - max(run), 0)
    found = np.zeros(count, dtype=np.int64)
    for offset in run:
        found = found * size + tokens[offset : offset + count]
    return found


def _kind(token: str, frequent: frozenset[str], ending: int | None) -> str:
    """A frequent word or a sign as it is; of a number, one sign; of any other word, its case and its last characters.

    Without `ending`, the other word in lower case.
    """
    lower = token.lower()
    if lower in frequent or not token[0].isalnum():
        return lower
    if token[0].isdigit():
        return "#"
    return f"*{lower}" if ending is None else f"{'A' if token[0].isupper() else 'a'}*{lower[len(lower) - ending :]}"
