"""Find short texts inside longer ones, almost word for word: with a greeting, or quoted in a mail.

Each short text is registered under a few of its word 3-grams, and each text is looked up by all of its own.
"""

from collections import Counter
from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from gradschool.data.shingles import BLOCK, Grams, Hashes, ngrams
from gradschool.data.short_texts import Corpus, Limits, Links, numbers_in

SIZE = 3  # words of a gram by which a text is found
REGISTERED = 8  # grams of a short text, those with the smallest hashes
TABLE = 26  # bits of the table that excludes most grams that were not registered (Bloom 1970)
SHIFTS = (0, 19, 38)  # of a gram, for its places in the table: of a million texts, 1 in 600 other grams has all three
MAX_OWNERS, MAX_HOLDERS = 32, 64  # short texts, and texts, with one gram; with more it is a stock phrase
FOUND = 0.5  # fraction of the registered grams, without stock phrases, that the longer text must have
MIN_GRAMS, MIN_OTHER = 12, 20  # different 5-character grams of a short text: with the same answer, with another
STOCK = 10  # texts with other answers that hold a short text; if more do, it is a stock phrase


def contained(corpus: Corpus, limits: Limits) -> Links:
    """Pairs of a short text and a text that contains at least `limits.containment` of its character grams.

    The numbers of the short text must be in the other one too. With different answers all of its words must be, in one
    run: "why did he go" and "where did he go" are two questions. Texts of two classes are not linked, and a short text
    in more than ten texts with other answers is a stock phrase, which is linked to none of these.
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
        if inside and (_has_numbers(corpus, short, long) if same else _quotes(corpus, short, long)):
            links.append((short, long, same))
            others[short] += not same
    kept = [(short, long) for short, long, same in links if same or others[short] <= STOCK]
    return np.array(kept, dtype=np.int64).reshape(-1, 2)


def _has_numbers(corpus: Corpus, short: int, long: int) -> bool:
    needed, there = (Counter(numbers_in(corpus.texts[number])) for number in (short, long))
    return needed <= there


def _quotes(corpus: Corpus, short: int, long: int) -> bool:
    return f" {corpus.texts[short]} " in f" {corpus.texts[long]} "


def _candidates(corpus: Corpus) -> Links:
    """Pairs of a short text and a text with at least half of its registered grams."""
    count = len(corpus.texts)
    names, owners, found, holders = _grams(corpus)
    first, end = names.searchsorted(found, "left"), names.searchsorted(found, "right")
    # A gram counts once for each text.
    first, holders = np.divmod(np.unique((first * count + holders)[end > first]), count)
    end = names.searchsorted(names[first], "right") if len(names) else first
    usable = (end - first <= MAX_OWNERS) & (np.bincount(first, minlength=1)[first] <= MAX_HOLDERS)
    first, end, holders = first[usable], end[usable], holders[usable]
    lengths = end - first
    places = np.arange(lengths.sum()) - np.repeat(np.cumsum(lengths) - lengths - first, lengths)
    codes, shared = np.unique(owners[places] * count + np.repeat(holders, lengths), return_counts=True)
    short, long = np.divmod(codes, count)
    own = short == long
    registered = np.zeros(count, dtype=np.int64)
    registered[short[own]] = shared[own]
    enough = ~own & (shared >= FOUND * registered[short])
    return np.column_stack((short[enough], long[enough]))


def _grams(corpus: Corpus) -> tuple[Hashes, npt.NDArray[np.int64], Hashes, npt.NDArray[np.int64]]:
    """The registered grams, sorted, with the short text of each; and where grams like these occur."""
    table = np.zeros(1 << TABLE, dtype=np.uint8)
    names, owners = [np.zeros(0, dtype=np.uint64)], [np.zeros(0, dtype=np.int64)]
    for start, grams in _blocks(corpus):
        short = corpus.is_short[start : start + len(grams.counts)]
        chosen = grams.of_texts(short).unique()
        first = np.arange(len(chosen.flat)) - np.repeat(chosen.offsets[:-1], chosen.counts) < REGISTERED
        names.append(chosen.flat[first])
        owners.append(np.flatnonzero(short)[chosen.owners[first]] + start)
        for bit, shift in enumerate(SHIFTS):
            table[_places(names[-1], shift)] |= np.uint8(1 << bit)
    found, holders = [], []
    for start, grams in _blocks(corpus):
        known = grams
        for bit, shift in enumerate(SHIFTS):
            known = known.where(table[_places(known.flat, shift)] & np.uint8(1 << bit) != 0)
        found.append(known.flat)
        holders.append(known.owners + start)
    name, owner = np.concatenate(names), np.concatenate(owners)
    order = np.lexsort((owner, name))
    return name[order], owner[order], np.concatenate(found), np.concatenate(holders)


def _places(grams: Hashes, shift: int) -> Hashes:
    """The places of grams in the table."""
    return grams >> np.uint64(shift) & np.uint64((1 << TABLE) - 1)


def _blocks(corpus: Corpus) -> Iterator[tuple[int, Grams]]:
    """The word 3-grams of blocks of texts, each with the position of its first text."""
    for number, words in enumerate(corpus.words):
        yield number * BLOCK, ngrams(words, SIZE)
