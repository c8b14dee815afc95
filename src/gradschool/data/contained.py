"""Find short texts that stand inside longer ones, almost word for word: with a greeting, or quoted in a mail.

Each short text is registered under a few of its word 3-grams, and each text is looked up by all of its own.
"""

from collections import Counter

import numpy as np
import numpy.typing as npt

from gradschool.data.shingles import Hashes, ngrams, words_of
from gradschool.data.short_texts import NO_LINKS, Corpus, Limits, Links, numbers_in

SIZE = 3  # words of a gram by which a text is found
REGISTERED = 8  # grams of a short text, those with the smallest hashes
TABLE = 26  # bits; a table of this size tells most grams that nobody registered
MAX_OWNERS, MAX_HOLDERS = 32, 64  # short texts, and texts, with one gram; with more it is a stock phrase
FOUND = 0.5  # fraction of the registered grams, without stock phrases, that the longer text must have
MIN_GRAMS, MIN_OTHER = 12, 20  # different 5-character grams of a short text: with the same answer, with another
STOCK = 10  # texts with other answers that hold a short text; if more do, it is a stock phrase


def contained(corpus: Corpus, limits: Limits) -> Links:
    """Pairs of a short text and a text that contains at least `limits.containment` of its character grams.

    The numbers of the short text must be in the other one too. Texts of two classes are not linked, and a short text in
    more than ten texts with other answers is a stock phrase, which is linked to none of these.
    """
    pairs = _candidates(corpus)
    pairs = pairs[~corpus.two_classes(pairs)]
    sets = corpus.sets(np.unique(pairs).tolist())
    links, others = [], Counter[int]()
    for (short, long), same in zip(pairs.tolist(), corpus.same_answer(pairs).tolist(), strict=True):
        own = sets[short]
        if not (MIN_GRAMS if same else MIN_OTHER) <= len(own) <= len(sets[long]):
            continue
        inside = len(np.intersect1d(own, sets[long], assume_unique=True)) >= limits.containment * len(own)
        if inside and _has_numbers(corpus, short, long):
            links.append((short, long, same))
            others[short] += not same
    kept = [(short, long) for short, long, same in links if same or others[short] <= STOCK]
    return np.array(kept, dtype=np.int64).reshape(-1, 2)


def _has_numbers(corpus: Corpus, short: int, long: int) -> bool:
    needed, there = (Counter(numbers_in(corpus.texts[number])) for number in (short, long))
    return needed <= there


def _candidates(corpus: Corpus) -> Links:
    """Pairs of a short text and a text with at least half of its registered grams."""
    names, owners, found, holders = _grams(corpus)
    if len(names) == 0:
        return NO_LINKS
    first, end = names.searchsorted(found, "left"), names.searchsorted(found, "right")
    frequent = np.bincount(first, minlength=len(names) + 1) > MAX_HOLDERS
    usable = (end > first) & (end - first <= MAX_OWNERS) & ~frequent[first]
    first, end, holders = first[usable], end[usable], holders[usable]
    lengths = end - first
    places = np.arange(lengths.sum()) - np.repeat(np.cumsum(lengths) - lengths - first, lengths)
    codes, shared = np.unique(owners[places] * len(corpus.texts) + np.repeat(holders, lengths), return_counts=True)
    short, long = codes // len(corpus.texts), codes % len(corpus.texts)
    own = short == long
    registered = np.zeros(len(corpus.texts), dtype=np.int64)
    registered[short[own]] = shared[own]
    enough = ~own & (shared >= FOUND * registered[short])
    return np.column_stack((short[enough], long[enough]))


def _grams(corpus: Corpus) -> tuple[Hashes, npt.NDArray[np.int64], Hashes, npt.NDArray[np.int64]]:
    """The registered grams, sorted, with the short text of each; and where grams like these occur."""
    mask, table = np.uint64((1 << TABLE) - 1), np.zeros(1 << TABLE, dtype=bool)
    blocks = []
    names, owners = [np.zeros(0, dtype=np.uint64)], [np.zeros(0, dtype=np.int64)]
    for start, normalized in corpus.blocks():
        places, _ = corpus.short(start, normalized)
        grams = ngrams(words_of(normalized), SIZE).unique()
        short = np.isin(np.arange(len(normalized)), places - start)
        rank = np.arange(len(grams.flat)) - np.repeat(grams.offsets[:-1], grams.counts)
        wanted = (rank < REGISTERED) & np.repeat(short, grams.counts)
        names.append(grams.flat[wanted])
        owners.append(grams.owners[wanted] + start)
        table[names[-1] & mask] = True
        blocks.append((start, grams))
    found, holders = [], []
    for start, grams in blocks:
        known = grams.where(table[grams.flat & mask])
        found.append(known.flat)
        holders.append(known.owners + start)
    name, owner = np.concatenate(names), np.concatenate(owners)
    order = np.lexsort((owner, name))
    return name[order], owner[order], np.concatenate(found), np.concatenate(holders)
