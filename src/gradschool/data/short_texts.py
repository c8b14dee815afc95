"""Link short questions that are the same in other words: with typos, a changed word, a greeting, or inside a mail.

Word n-grams miss these, because one changed word changes most n-grams of a short text. Character n-grams survive it,
but texts that mean different things also share many. So the answers decide how alike two questions must be.
"""

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from functools import cached_property, lru_cache
from hashlib import blake2b

import numpy as np
import numpy.typing as npt

from gradschool.data.char_grams import SIZE, char_grams
from gradschool.data.near_answers import DIGIT, Answers
from gradschool.data.normalize import normalized_words
from gradschool.data.shingles import (
    BLOCK,
    MULTIPLIER,
    Grams,
    Hashes,
    banded,
    by_key,
    distinct,
    jaccard,
    signatures,
    words_of,
)

HASHES, BANDS, SEED = 80, 20, 2  # finds a pair with a Jaccard similarity of .6 with probability .94, of .7 with .996
MIN_WORDS, MIN_GRAMS = 3, 10  # of a text that is compared
MIN_CHARACTERS, MAX_CHARACTERS = 6, 300  # the same; longer ones are compared by words
# Characters of a text that is compared by pairs of words. Some are compared by characters too, so that a text and its
# slightly longer variant have one comparison in common.
MIN_LONG, MAX_LONG = 200, 6_000
COMMON_SHARE, COMMON_MIN, SAMPLE = 0.25, 10, 2_000  # a gram in more texts than both does not count
WINDOW, OTHER_WINDOW = 8, 4  # texts with one key that each is compared with: with the same answer, with another
CROWD = 64  # texts with one key; if more have different answers, their wording is a template
MARGIN = 0.15  # below the threshold; an estimate from 80 hashes is further off with probability 1 in 500
CHUNK = 1 << 18  # pairs estimated at a time
MIN_TYPO, ALIKE = 5, 0.8  # characters of a word that may have a typo, and how alike the two words must be

Places = npt.NDArray[np.int64]
Links = npt.NDArray[np.int64]  # of shape (links, 2)
NO_LINKS: Links = np.zeros((0, 2), dtype=np.int64)


@dataclass(frozen=True, slots=True)
class Limits:
    """From which similarity two short texts are near-duplicates."""

    jaccard: float
    containment: float
    per_typo: float  # characters of a very short text for each typo that it may have

    @classmethod
    def of(cls, threshold: float) -> "Limits":
        """The limits that correspond to a threshold for word 5-grams: a word has about five characters."""
        differs = 1 - threshold
        return cls(max(0.5, 1 - 2 * differs), 1 - differs / 2, round(2 / differs, 6) if differs else math.inf)


class Corpus:
    """Normalized texts with their answers, the hashes of their words in blocks, and the grams of each that count.

    `others` are further right answers to each, if there are any.
    """

    def __init__(self, texts: Sequence[str], answers: Sequence[str], others: Sequence[Sequence[str]] = ()) -> None:
        self.texts = texts
        self.words = [words_of(texts[start : start + BLOCK]) for start in range(0, len(texts), BLOCK)]
        self.answers = Answers(answers, texts, others)
        self._common = common_grams(texts)

    def with_texts(self, texts: Sequence[str]) -> "Corpus":
        """The same answers to other texts; this object if the texts are the same."""
        return self if list(texts) == list(self.texts) else Corpus(texts, self.answers.texts, self.answers.others)

    def sets(self, numbers: Sequence[int]) -> dict[int, Hashes]:
        """The different grams of some texts that count, by position."""
        grams = char_grams([self.texts[number] for number in numbers]).without(self._common)
        return dict(zip(numbers, grams.sets(), strict=True))

    @cached_property
    def is_short(self) -> npt.NDArray[np.bool_]:
        """Which texts are compared by characters.

        They are long enough to say something, and short enough for words to miss that they are alike.
        """
        lengths = np.array(list(map(len, self.texts)))
        fit = (lengths >= MIN_CHARACTERS) & (lengths <= MAX_CHARACTERS)
        fit[fit] = [has_words(self.texts[place]) for place in np.flatnonzero(fit).tolist()]
        return fit

    @cached_property
    def is_long(self) -> npt.NDArray[np.bool_]:
        """Which texts are compared by pairs of words."""
        lengths = np.array(list(map(len, self.texts)), dtype=np.int64)
        return (lengths >= MIN_LONG) & (lengths <= MAX_LONG)

    @cached_property
    def digits(self) -> Hashes:
        """A hash of the words with digits of each text that is short or long; 0 if it has none."""
        found = np.zeros(len(self.texts), dtype=np.uint64)
        places = np.flatnonzero(self.is_short | self.is_long)
        found[places] = [numbers_key(self.texts[place]) for place in places.tolist()]
        return found

    def short_blocks(self, size: int = SIZE, longest: int = MAX_CHARACTERS) -> Iterator[tuple[Places, Grams]]:
        """The positions of the texts that are compared by characters, in blocks, with their grams that count.

        Grams have `size` characters, and texts at most `longest`.
        """
        places = np.flatnonzero(self.is_short)
        if longest < MAX_CHARACTERS:
            places = np.array([place for place in places.tolist() if len(self.texts[place]) <= longest], dtype=np.int64)
        common = self._common if size == SIZE else common_grams(self.texts, size)
        for start in range(0, len(places), BLOCK):
            block = places[start : start + BLOCK]
            grams = char_grams([self.texts[place] for place in block.tolist()], size).without(common)
            enough = grams.counts >= MIN_GRAMS
            yield block[enough], grams.of_texts(enough)


def has_words(normalized: str) -> bool:
    """Whether a text has three words or more: names and codes are no questions."""
    return normalized.count(" ") >= MIN_WORDS - 1 or len(normalized_words(normalized)) >= MIN_WORDS


def common_grams(texts: Sequence[str], size: int = SIZE) -> Hashes:
    """The sorted grams of `size` characters that more than a quarter of normalized texts have."""
    sample = texts[:: max(1, -(-len(texts) // SAMPLE))]
    grams, frequency = np.unique(char_grams(sample, size).unique().flat, return_counts=True)
    return np.asarray(grams[frequency > max(COMMON_MIN, COMMON_SHARE * len(sample))])


def similar(corpus: Corpus, limits: Limits) -> Links:
    """Pairs of short texts with the same numbers and a large Jaccard similarity of their character grams.

    With different answers, the texts must also be the same words, but for typos: "the capital of Chad" and "the capital
    of Cuba" are two questions.
    """
    index = Index(corpus, corpus.short_blocks(), HASHES, BANDS)
    pairs = index.candidates(limits.jaccard - MARGIN)
    pairs = pairs[~corpus.answers.two_classes(pairs)]
    return confirmed(corpus, pairs, corpus.sets(np.unique(pairs).tolist()), limits)


def confirmed(corpus: Corpus, pairs: Links, sets: Mapping[int, Hashes], limits: Limits) -> Links:
    """The pairs with a large Jaccard similarity of their sets; with different answers, of the same words but typos."""
    near = [jaccard(sets[one], sets[other]) >= limits.jaccard for one, other in pairs.tolist()]
    pairs = pairs[np.array(near, dtype=bool)]
    kept = corpus.answers.same(pairs)
    for place in np.flatnonzero(~kept).tolist():
        kept[place] = only_typos(*(corpus.texts[number] for number in pairs[place].tolist()))
    return np.asarray(pairs[kept])


class Index:
    """MinHash signatures and band keys of texts of a corpus, which come in blocks of their positions and grams."""

    def __init__(self, corpus: Corpus, blocks: Iterable[tuple[Places, Grams]], hashes: int, bands: int) -> None:
        self._corpus = corpus
        numbers, keys = [np.zeros(0, dtype=np.int64)], [np.zeros((bands, 0), dtype=np.uint64)]
        low, digits = [np.zeros((0, hashes), dtype=np.uint8)], [np.zeros(0, dtype=np.uint64)]
        for places, grams in blocks:
            rows = signatures(grams, hashes, SEED)
            numbers.append(places)
            keys.append(banded(rows, bands).T)
            low.append(rows.astype(np.uint8))
            digits.append(corpus.digits[places])
        self._numbers = np.concatenate(numbers)
        self._keys, self._low = np.concatenate(keys, axis=1), np.concatenate(low)  # a row of keys for each band
        self._keys ^= np.concatenate(digits)  # other numbers, other text

    def candidates(self, least: float, other_answers: bool = True) -> Links:
        """Pairs whose estimated similarity is at least `least`; without `other_answers`, of texts with one answer."""
        answers = self._corpus.answers.numbers[self._numbers].astype(np.uint64) * MULTIPLIER
        count = len(self._numbers)
        found = [np.zeros(0, dtype=np.int64)]
        for key in self._keys:
            pairs = _neighbours(key ^ answers, WINDOW)
            if other_answers:
                pairs = np.concatenate((pairs, _neighbours(key, OTHER_WINDOW, CROWD)))
            if len(pairs):
                codes = pairs.min(axis=1) * count + pairs.max(axis=1)
                found.append(codes[self._estimates(codes, count) >= least])
        codes = distinct(np.concatenate(found))
        return np.column_stack((self._numbers[codes // max(count, 1)], self._numbers[codes % max(count, 1)]))

    def _estimates(self, codes: npt.NDArray[np.int64], count: int) -> npt.NDArray[np.float64]:
        """The fraction of equal hashes of each pair."""
        equal = [np.zeros(0)]
        for start in range(0, len(codes), CHUNK):
            part = codes[start : start + CHUNK]
            equal.append((self._low[part // count] == self._low[part % count]).mean(axis=1))
        return np.concatenate(equal)


def _neighbours(keys: Hashes, window: int, crowd: int | None = None) -> Links:
    """Pairs of texts with equal keys that are at most `window` apart in their order; none of more than `crowd`."""
    order, ordered = by_key(keys)
    if crowd is not None:
        ends = np.flatnonzero(np.diff(ordered, append=ordered[-1:] + np.uint64(1))) + 1
        lengths = np.diff(ends, prepend=0)
        small = np.repeat(lengths <= crowd, lengths)
        order, ordered = order[small], ordered[small]
    pairs = [NO_LINKS]
    for step in range(1, window + 1):
        here = np.flatnonzero(ordered[step:] == ordered[:-step])
        pairs.append(np.column_stack((order[here], order[here + step])))
    return np.concatenate(pairs)


def numbers_in(normalized: str) -> list[str]:
    """The words with digits of a normalized text, sorted."""
    return sorted(word for word in normalized.split() if DIGIT.search(word)) if DIGIT.search(normalized) else []


def numbers_key(normalized: str) -> int:
    """A hash of the words with digits; 0 if there is none."""
    found = numbers_in(normalized)
    return int.from_bytes(blake2b("\0".join(found).encode(), digest_size=8).digest()) if found else 0


def only_typos(one: str, other: str) -> bool:
    """Whether two normalized texts have the same words, but for typos in long words."""
    mine, yours = normalized_words(one), normalized_words(other)
    if len(mine) != len(yours):
        return False
    return all(a == b or _typo(a, b) for a, b in zip(mine, yours, strict=True))


@lru_cache(maxsize=65_536)
def _typo(one: str, other: str) -> bool:
    """Whether two words differ as by a typo: long words, alike, with the same first letter."""
    if min(len(one), len(other)) < MIN_TYPO or one[0] != other[0]:
        return False
    return SequenceMatcher(None, one, other, autojunk=False).ratio() >= ALIKE
