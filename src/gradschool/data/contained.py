"""Find short texts inside longer ones, almost word for word: with a greeting, or quoted in a mail.

Each short text is registered under a few of its word 3-grams, and each text is looked up by all of its own.
"""

from collections import Counter
from collections.abc import Iterator

import numpy as np

from gradschool.data.components import Nodes
from gradschool.data.shingles import BLOCK, Grams, Hashes, by_key, ngrams
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
    pairs = pairs[~corpus.answers.two_classes(pairs)]
    sets = corpus.sets(np.unique(pairs).tolist())
    links, others = [], Counter[int]()
    for (short, long), same in zip(pairs.tolist(), corpus.answers.same(pairs).tolist(), strict=True):
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
    order, ordered = by_key(np.concatenate((names, found)))  # of one gram, first where it is registered
    gram = np.cumsum(np.diff(ordered, prepend=ordered[:1]) != 0)
    is_name = order < len(names)
    registered, starts = np.bincount(gram, weights=is_name).astype(np.int64), _starts(gram)
    gram, holder = gram[~is_name], holders[order[~is_name] - len(names)]
    once = (np.diff(gram, prepend=-1) != 0) | (np.diff(holder, prepend=-1) != 0)  # a gram counts once for each text
    gram, holder = gram[once], holder[once]
    usable = (registered[gram] <= MAX_OWNERS) & (np.bincount(gram, minlength=1)[gram] <= MAX_HOLDERS)
    gram, holder = gram[usable], holder[usable]
    lengths = registered[gram]
    places = np.arange(lengths.sum()) - np.repeat(np.cumsum(lengths) - lengths - starts[gram], lengths)
    codes, shared = np.unique(owners[order[places]] * count + np.repeat(holder, lengths), return_counts=True)
    short, long = np.divmod(codes, count)
    own = short == long
    all_shared = np.zeros(count, dtype=np.int64)
    all_shared[short[own]] = shared[own]
    enough = ~own & (shared >= FOUND * all_shared[short])
    return np.column_stack((short[enough], long[enough]))


def _starts(gram: Nodes) -> Nodes:
    """The first place of each of the ascending numbers 0, 1, …"""
    return np.flatnonzero(np.diff(gram, prepend=-1))


def _grams(corpus: Corpus) -> tuple[Hashes, Nodes, Hashes, Nodes]:
    """The registered grams with the short text of each, and where grams like these occur, by ascending text."""
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
    found, holders = [np.zeros(0, dtype=np.uint64)], [np.zeros(0, dtype=np.int64)]
    for start, grams in _blocks(corpus):
        known = grams
        for bit, shift in enumerate(SHIFTS):
            known = known.where(table[_places(known.flat, shift)] & np.uint8(1 << bit) != 0)
        found.append(known.flat)
        holders.append(known.owners + start)
    return np.concatenate(names), np.concatenate(owners), np.concatenate(found), np.concatenate(holders)


def _places(grams: Hashes, shift: int) -> Hashes:
    """The places of grams in the table."""
    return grams >> np.uint64(shift) & np.uint64((1 << TABLE) - 1)


def _blocks(corpus: Corpus) -> Iterator[tuple[int, Grams]]:
    """The word 3-grams of blocks of texts, each with the position of its first text."""
    for number, words in enumerate(corpus.words):
        yield number * BLOCK, ngrams(words, SIZE)
