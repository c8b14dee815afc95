"""Find very short questions that are the same words but for several typos, which change most of their 5-grams.

Candidates share character 3-grams, and are confirmed word by word.
"""

from collections.abc import Sequence
from difflib import SequenceMatcher
from functools import lru_cache

import numpy as np
import numpy.typing as npt

from gradschool.data.normalize import normalized_words
from gradschool.data.shingles import words_of
from gradschool.data.short_texts import Corpus, Index, Limits, Links

SIZE, MAX_CHARACTERS = 3, 64  # characters of a gram, and of a text: in longer ones, 5-grams survive two typos
HASHES, BANDS = 60, 20  # finds a pair with a Jaccard similarity of .5 with probability .93
LEAST = 0.35  # estimated similarity of a candidate
# Characters of a word that may have two neighbours exchanged, one character too many or too few, and a wrong one:
# short words that differ in a character are mostly two words.
MIN_EXCHANGED, MIN_LENGTHENED, MIN_WRONG = 2, 4, 5


def misspelt(corpus: Corpus, limits: Limits) -> Links:
    """Pairs of very short texts with the same answer, the same numbers and the same words, but for typos."""
    index = Index(corpus, corpus.short_blocks(SIZE, MAX_CHARACTERS), HASHES, BANDS)
    pairs = index.candidates(LEAST, other_answers=corpus.answers.are_long)
    pairs = pairs[_similar_lengths(corpus, pairs, limits.per_typo)]  # first, since it costs least
    pairs = pairs[corpus.answers.same(pairs)]
    texts, rare = corpus.texts, rare_words(corpus, np.unique(pairs).tolist())
    kept = [same_but_for_typos(texts[one], texts[other], rare, limits.per_typo) for one, other in pairs.tolist()]
    return np.asarray(pairs[np.array(kept, dtype=bool)])


def _similar_lengths(corpus: Corpus, pairs: Links, per_typo: float) -> npt.NDArray[np.bool_]:
    """Which pairs have lengths, without spaces, that the typos that are allowed can explain."""
    numbers = np.unique(pairs)
    texts = [corpus.texts[number] for number in numbers.tolist()]
    letters, lengths = np.array([(len(text) - text.count(" "), len(text)) for text in texts]).reshape(-1, 2).T
    places = numbers.searchsorted(pairs)
    most = np.maximum(1, lengths[places].min(axis=1) / per_typo)
    return np.asarray(np.abs(np.diff(letters[places], axis=1)[:, 0]) <= most)


def rare_words(corpus: Corpus, numbers: Sequence[int]) -> frozenset[str]:
    """The words of some texts that occur only once in all texts."""
    words = sorted({word for number in numbers for word in normalized_words(corpus.texts[number])})
    if not words:
        return frozenset()
    known, counts = np.unique(np.concatenate([block.flat for block in corpus.words]), return_counts=True)
    own = np.array([hashes[0] for hashes in words_of(words).sets()], dtype=np.uint64)
    return frozenset(
        word for word, count in zip(words, counts[known.searchsorted(own)].tolist(), strict=True) if count == 1
    )


def same_but_for_typos(one: str, other: str, rare: frozenset[str] = frozenset(), per_typo: float = 10) -> bool:
    """Whether two normalized texts have the same words in the same order, but for typos.

    A space may be in the wrong place, too many or missing. `rare` are words that occur once in all texts: where only
    one of two differing parts has such a word, that is a misspelling. Other parts must differ as by a typo in a word.
    One typo is allowed for every `per_typo` characters.
    """
    mine, yours = normalized_words(one), normalized_words(other)
    typos = 0
    for kind, start, end, begin, stop in SequenceMatcher(None, mine, yours, autojunk=False).get_opcodes():
        if kind != "equal":
            here, there = mine[start:end], yours[begin:stop]
            if not _misspelling(here, there, rare):
                return False
            typos += edits("".join(here), "".join(there))
    return typos <= max(1, min(len(one), len(other)) / per_typo)


def _misspelling(mine: Sequence[str], yours: Sequence[str], rare: frozenset[str]) -> bool:
    """Whether one of two parts of texts may be the other one, misspelt."""
    if not mine or not yours:
        return False
    if rare.isdisjoint(mine) != rare.isdisjoint(yours) or "".join(mine) == "".join(yours):
        return True
    return len(mine) == len(yours) and all(map(is_typo, mine, yours))


@lru_cache(maxsize=65_536)
def is_typo(one: str, other: str) -> bool:
    """Whether two words are equal but for one typo: neighbours exchanged, or a character too many, missing or wrong."""
    if one == other:
        return True
    if edits(one, other) > 1:
        return False
    shortest = min(len(one), len(other))
    if sorted(one) == sorted(other):
        return shortest >= MIN_EXCHANGED
    return one[0] == other[0] and shortest >= (MIN_WRONG if len(one) == len(other) else MIN_LENGTHENED)


@lru_cache(maxsize=65_536)
def edits(one: str, other: str) -> int:
    """The optimal string alignment distance: characters inserted, left out, changed, or exchanged with a neighbour."""
    before: list[int] = []
    last = list(range(len(other) + 1))
    for row, sign in enumerate(one, 1):
        now = [row]
        for column, sought in enumerate(other, 1):
            now.append(min(last[column] + 1, now[-1] + 1, last[column - 1] + (sign != sought)))
            if row > 1 and column > 1 and sign == other[column - 2] and one[row - 2] == sought:
                now[-1] = min(now[-1], before[column - 2] + 1)
        before, last = last, now
    return last[-1]
