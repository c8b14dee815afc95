"""Find short texts that stand inside longer ones, almost word for word: with a greeting, or quoted in a mail.

Each short text is registered under a few of its hashed 12-character grams; each text is looked up by all of its own
whose hash is small enough to be registered (as in winnowing, Schleimer, Wilkerson and Aiken 2003).
"""

from collections import Counter

import numpy as np
import numpy.typing as npt

from gradschool.data.char_grams import Grams, char_grams
from gradschool.data.normalize import normalize
from gradschool.data.shingles import Hashes
from gradschool.data.short_texts import NO_LINKS, Corpus, Limits, Links, numbers_in

SIZE = 12  # characters of a gram by which a text is found
SAMPLED = np.uint64(1 << 62)  # a gram whose hash is below can be registered: one of four
REGISTERED = 8  # grams of a short text, those with the smallest hashes
TABLE = 26  # bits; a table of this size tells most grams that nobody registered
MAX_OWNERS, MAX_HOLDERS = 32, 64  # short texts, and texts, with one gram; with more it is a stock phrase
FOUND = 0.5  # fraction of the registered grams that the longer text must have
MIN_GRAMS, MIN_OTHER = 12, 20  # different 5-character grams of a short text: with the same answer, with another
STOCK = 10  # texts with other answers that hold a short text; if more do, it is a stock phrase


def contained(corpus: Corpus, limits: Limits) -> Links:
    """Pairs of a short text and a text that contains at least `limits.containment` of its character grams.

    The numbers of the short text must be in the other one too. A short text in more than ten texts with other answers
    is a stock phrase, and is linked to none of these.
    """
    names, owners = _register(corpus)
    if len(names) == 0:
        return NO_LINKS
    pairs = _lookup(corpus, names, owners)
    if len(pairs) == 0:
        return NO_LINKS
    sets = corpus.sets(np.unique(pairs).tolist())
    same = corpus.same_answer(pairs).tolist()
    links, others = [], Counter[int]()
    for (short, long), alike in zip(pairs.tolist(), same, strict=True):
        own = sets[short]
        if len(own) < (MIN_GRAMS if alike else MIN_OTHER) or len(own) > len(sets[long]):
            continue
        inside = len(np.intersect1d(own, sets[long], assume_unique=True)) >= limits.containment * len(own)
        if inside and _has_numbers(corpus, short, long):
            links.append((short, long, alike))
            others[short] += not alike
    kept = [(short, long) for short, long, alike in links if alike or others[short] <= STOCK]
    return np.array(kept, dtype=np.int64).reshape(-1, 2)


def _has_numbers(corpus: Corpus, short: int, long: int) -> bool:
    needed, there = (Counter(numbers_in(normalize(corpus.texts[number]))) for number in (short, long))
    return needed <= there


def _register(corpus: Corpus) -> tuple[Hashes, npt.NDArray[np.int64]]:
    """The registered grams, sorted, and the short text of each."""
    names: list[Hashes] = [np.zeros(0, dtype=np.uint64)]
    owners: list[npt.NDArray[np.int64]] = [np.zeros(0, dtype=np.int64)]
    for start, normalized in corpus.blocks():
        compared = corpus.compared(normalized, corpus.grams(normalized))
        short = _sampled([text if wanted else "" for text, wanted in zip(normalized, compared.tolist(), strict=True)])
        rank = np.arange(len(short.flat)) - np.repeat(short.offsets[:-1], short.counts)
        wanted = (rank < REGISTERED) & compared[short.owners]
        names.append(short.flat[wanted])
        owners.append(short.owners[wanted] + start)
    name, owner = np.concatenate(names), np.concatenate(owners)
    order = np.lexsort((owner, name))
    return name[order], owner[order]


def _sampled(normalized: list[str]) -> Grams:
    """The different grams of each text that can be registered, in the order of their hashes."""
    grams = char_grams(normalized, SIZE)
    return grams.where(grams.flat < SAMPLED).unique()


def _lookup(corpus: Corpus, names: Hashes, owners: npt.NDArray[np.int64]) -> Links:
    """Pairs of a short text and a text with at least half of its registered grams."""
    table = np.zeros(1 << TABLE, dtype=bool)
    mask = np.uint64((1 << TABLE) - 1)
    table[names & mask] = True
    found: list[Hashes] = []
    holders: list[npt.NDArray[np.int64]] = []
    for start, normalized in corpus.blocks():
        grams = _sampled(normalized)
        grams = grams.where(table[grams.flat & mask])
        found.append(grams.flat)
        holders.append(grams.owners + start)
    name, holder = np.concatenate(found), np.concatenate(holders)
    first, end = names.searchsorted(name, "left"), names.searchsorted(name, "right")
    frequent = np.bincount(first, minlength=len(names) + 1) > MAX_HOLDERS
    usable = (end > first) & (end - first <= MAX_OWNERS) & ~frequent[first]
    first, end, holder = first[usable], end[usable], holder[usable]
    lengths = end - first
    places = np.arange(lengths.sum()) - np.repeat(np.cumsum(lengths) - lengths - first, lengths)
    codes, shared = np.unique(owners[places] * len(corpus.texts) + np.repeat(holder, lengths), return_counts=True)
    short, long = codes // len(corpus.texts), codes % len(corpus.texts)
    registered = np.zeros(len(corpus.texts), dtype=np.int64)
    shared_with_itself = short == long
    registered[short[shared_with_itself]] = shared[shared_with_itself]
    enough = ~shared_with_itself & (shared >= FOUND * registered[short])
    return np.column_stack((short[enough], long[enough]))
