"""Find longer questions that are nearly the same words, with more changes than word 5-grams survive.

One changed word changes five 5-grams, so that a text of 60 words with two typos is another one by these. Of its pairs
of neighbouring words, one changed word changes two.
"""

from collections.abc import Iterator

import numpy as np

from gradschool.data.shingles import BLOCK, Grams, Hashes, ngrams, words_of
from gradschool.data.short_texts import (
    COMMON_MIN,
    COMMON_SHARE,
    MARGIN,
    MIN_GRAMS,
    SAMPLE,
    Corpus,
    Index,
    Limits,
    Links,
    Places,
    confirmed,
)

SIZE = 2  # words of a gram
HASHES, BANDS = 60, 15  # finds a pair with a Jaccard similarity of .6 with probability .87, of .7 with .98


def reworded(corpus: Corpus, limits: Limits) -> Links:
    """Pairs of longer texts with the same numbers and a large Jaccard similarity of their pairs of words.

    With different answers, the texts must also be the same words, but for typos.
    """
    if not corpus.is_long.any():
        return np.zeros((0, 2), dtype=np.int64)
    common = _common(corpus)
    pairs = Index(corpus, _blocks(corpus, common), HASHES, BANDS).candidates(limits.jaccard - MARGIN)
    pairs = pairs[~corpus.answers.two_classes(pairs)]
    numbers = np.unique(pairs).tolist()
    grams = ngrams(words_of([corpus.texts[number] for number in numbers]), SIZE).without(common)
    return confirmed(corpus, pairs, dict(zip(numbers, grams.sets(), strict=True)), limits)


def _common(corpus: Corpus) -> Hashes:
    """The pairs of words that more than a quarter of the texts have."""
    sample = corpus.texts[:: max(1, -(-len(corpus.texts) // SAMPLE))]
    grams, frequency = np.unique(ngrams(words_of(sample), SIZE).unique().flat, return_counts=True)
    return np.asarray(grams[frequency > max(COMMON_MIN, COMMON_SHARE * len(sample))])


def _blocks(corpus: Corpus, common: Hashes) -> Iterator[tuple[Places, Grams]]:
    """The positions of the longer texts, in blocks, with their pairs of words that count."""
    for number, words in enumerate(corpus.words):
        long = corpus.is_long[number * BLOCK :][: len(words.counts)]
        grams = ngrams(words.of_texts(long), SIZE).without(common)
        enough = grams.counts >= MIN_GRAMS
        yield np.flatnonzero(long)[enough] + number * BLOCK, grams.of_texts(enough)
