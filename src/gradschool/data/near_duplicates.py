"""Find near-duplicate texts: by words with MinHash, confirmed by exact Jaccard similarity; short ones by characters."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import islice

import numpy as np
import numpy.typing as npt
from scipy.cluster.hierarchy import DisjointSet

from gradschool.data.comparable import bare_question, comparable_question, question_text
from gradschool.data.compared import compared
from gradschool.data.components import Nodes, components
from gradschool.data.contained import contained
from gradschool.data.misspelt import misspelt
from gradschool.data.normalize import normalize
from gradschool.data.quoting import quoting
from gradschool.data.reworded import reworded
from gradschool.data.shingles import (
    BLOCK,
    Grams,
    Hashes,
    banded,
    by_key,
    jaccard,
    ngram_hashes,
    ngrams,
    signatures,
    words_of,
)
from gradschool.data.short_texts import Corpus, Limits, Links, similar
from gradschool.images.likeness import LEVELS, same_pictures
from gradschool.records import Example, Image

SHINGLE = 5  # words of an n-gram
HASHES, SEED = 128, 1  # length of a signature; a fixed seed is enough, because every candidate is confirmed
RECALL = 0.999  # probability of finding a pair exactly at the threshold
COMMON_SHARE, COMMON_MIN = 0.25, 10  # a shingle in more texts than both does not count
SAMPLE = 5_000  # texts from which common wording is determined
CROWD = 64  # texts with one key above which each is compared with one text per cluster
MARGIN = 0.16  # below the threshold; an estimate from 128 hashes is further off with probability 1 in 20,000
MAX_CACHED = 30_000  # texts whose shingles are cached while candidates are confirmed
MAX_PAIRS = 2_000_000  # rejected pairs that are cached


def near_duplicates(examples: Sequence[Example], threshold: float) -> list[tuple[str, ...]]:
    """Clusters of two or more ids of examples with near-duplicate questions.

    Two questions are near-duplicates if the Jaccard similarity of their sets of normalized word 5-grams is at least
    `threshold`, in (0, 1]. A question of fewer than five words is one shingle. Shingles that a quarter of all
    questions share, such as a repeated instruction, do not count, nor do markup and accents (`comparable`). Short
    questions are also compared by characters, with their answers (`short_texts.similar`, `contained.contained`,
    `misspelt.misspelt`), and longer ones by pairs of words (`reworded.reworded`); the numbers around a question do not
    count then, if the answers are the same. Clusters are transitive.
    """
    # Sorted, so that the result does not depend on file order.
    ordered = sorted(examples, key=lambda example: example.id)
    return sorted(tuple(sorted(ordered[number].id for number in cluster)) for cluster in alike(ordered, threshold))


def alike(examples: Sequence[Example], threshold: float) -> list[tuple[int, ...]]:
    """Clusters of examples with near-duplicate questions, as ascending positions.

    Questions about images are near-duplicates if they share a picture, whatever they ask (`same_images`); those about
    different pictures often have the same words.
    """
    seeing = [place for place, example in enumerate(examples) if example.images]
    if not seeing:
        return _alike_texts(examples, threshold)
    reading = [place for place, example in enumerate(examples) if not example.images]
    texts = _alike_texts([examples[place] for place in reading], threshold)
    pictures = same_images([examples[place].images for place in seeing])
    found = [tuple(reading[one] for one in cluster) for cluster in texts]
    return sorted([*found, *(tuple(seeing[one] for one in cluster) for cluster in pictures)])


def same_images(images: Sequence[Sequence[Image]]) -> list[tuple[int, ...]]:
    """Clusters of questions that share a picture, by its bytes or by its perceptual hash, as ascending positions.

    In a cluster of more than a quarter of all, the pictures are made from a template: then they are compared more
    strictly, and by their bytes alone if that leaves such a cluster.
    """
    flat = [(place, image) for place, some in enumerate(images) for image in some]
    first: dict[str, int] = {}
    equal = [(first.setdefault(image.sha256, place), place) for place, image in flat]
    links = np.array(equal, dtype=np.int64).reshape(-1, 2)
    compared = np.arange(len(flat))
    for level in range(len(LEVELS)):
        by_hash = same_pictures([flat[one][1].likeness for one in compared], level)
        owners = np.array([flat[one][0] for one in compared], dtype=np.int64)
        near = owners[np.array(by_hash, dtype=np.int64).reshape(-1, 2)]
        roots = components(len(images), np.concatenate((links, near)))
        crowded = np.bincount(roots)[roots] > max(COMMON_MIN, COMMON_SHARE * len(images))
        links = np.concatenate((links, near[~crowded[near[:, 0]]]))
        if not (compared := compared[crowded[owners]]).size:
            break
    return _clusters(components(len(images), links))


def _alike_texts(examples: Sequence[Example], threshold: float) -> list[tuple[int, ...]]:
    """Clusters of examples with nearly the same words, as ascending positions.

    A cluster of more than a quarter of all examples is not one question in other words: its texts are made from a
    template. Then its links by characters do not count.
    """
    examples = compared(examples)
    answers, others = ([example.ideal for example in examples], [example.other_answers for example in examples])
    corpus = Corpus(list(map(comparable_question, examples)), answers, others)
    texts = corpus.texts
    sample = Sample(len(texts))
    for text in texts[:: sample.step]:
        sample.add(text)
    index = NearIndex(sample.common(), threshold)
    for block in corpus.words:
        index.add_words(block)
    found = index.clusters(texts.__getitem__)
    if threshold == 1 or not texts:
        return found
    characters = np.concatenate(
        (
            _by_characters(corpus, list(map(bare_question, examples, texts)), Limits.of(threshold)),
            quoting(corpus, list(map(question_text, examples))),
        )
    )
    words = [(cluster[0], other) for cluster in found for other in cluster[1:]]
    by_words = np.array(words, dtype=np.int64).reshape(-1, 2)
    roots = components(len(texts), np.concatenate((by_words, characters)))
    crowded = np.bincount(roots)[roots] > max(COMMON_MIN, COMMON_SHARE * len(texts))
    kept = characters[~crowded[characters[:, 0]]]
    return _clusters(components(len(texts), np.concatenate((by_words, kept))))


def _by_characters(corpus: Corpus, texts: Sequence[str], limits: Limits) -> Links:
    """Pairs of questions that words miss; `texts` are the same ones without the numbers that are written around them.

    Questions with different numbers around them must have the same answer.
    """
    bare = corpus.with_texts(texts)
    links = np.concatenate([find(bare, limits) for find in (similar, misspelt, reworded)])
    if bare is not corpus:
        kept = corpus.digits[links[:, 0]] == corpus.digits[links[:, 1]]
        kept[~kept] = corpus.answers.same(links[~kept])
        links = links[kept]
    return np.concatenate((links, contained(corpus, limits)))


def _clusters(roots: Nodes) -> list[tuple[int, ...]]:
    """The members of each component with two or more, as ascending positions."""
    order = np.argsort(roots, kind="stable")
    starts = np.flatnonzero(np.diff(roots[order], prepend=-1))
    ends = np.append(starts[1:], len(order))
    several = ends - starts > 1
    places = zip(starts[several].tolist(), ends[several].tolist(), strict=True)
    return [tuple(order[start:end].tolist()) for start, end in places]


def near_texts(
    texts: Callable[[], Iterable[str]], text: Callable[[int], str], threshold: float
) -> list[tuple[int, ...]]:
    """Transitive clusters of two or more near-duplicate texts, as ascending positions.

    `texts` iterates over all texts, `text` returns the one at a position.
    """
    sample = Sample(sum(1 for _ in texts()))
    for one in islice(texts(), 0, None, sample.step):
        sample.add(one)
    index = NearIndex(sample.common(), threshold)
    for one in texts():
        index.add(normalize(one))
    return index.clusters(lambda number: normalize(text(number)))


class Sample:
    """An even sample of `count` texts, from which the wording that most texts share is determined."""

    def __init__(self, count: int) -> None:
        self.count = count
        self._texts: list[str] = []

    @property
    def step(self) -> int:
        """The distance between sampled texts."""
        return max(1, -(-self.count // SAMPLE))

    def add(self, text: str) -> None:
        """Add a text to the sample."""
        self._texts.append(text)

    def common(self) -> Hashes:
        """The sorted shingles that more than a quarter of the texts have."""
        sampled = [np.unique(runs) for runs in ngram_hashes(map(normalize, self._texts), SHINGLE)]
        if not sampled:
            return np.zeros(0, dtype=np.uint64)
        shingles, frequency = np.unique(np.concatenate(sampled), return_counts=True)
        return shingles[frequency > max(COMMON_MIN, COMMON_SHARE * len(sampled))]


class NearIndex:
    """An incremental index of MinHash signatures, of about 500 bytes per text.

    Candidates are found with MinHash and banding (Broder 1997; Leskovec, Rajaraman and Ullman, "Mining of Massive
    Datasets", chapter 3), in time linear in the number of texts, and confirmed by comparing the sets of shingles.
    `common` are shingles that do not count.
    """

    def __init__(self, common: Hashes, threshold: float) -> None:
        self._common, self._threshold = common, threshold
        self._bands = _bands(threshold)
        self._waiting: list[str] = []
        self._keys: list[npt.NDArray[np.uint64]] = [np.zeros((self._bands, 0), dtype=np.uint64)]
        self._signatures: list[npt.NDArray[np.uint16]] = [np.zeros((0, HASHES), dtype=np.uint16)]
        self._first: dict[bytes, int] = {}
        self._equal: list[int] = []  # for each text, the first with the same shingles

    def add(self, normalized: str) -> None:
        """Add a normalized text."""
        self._waiting.append(normalized)
        if len(self._waiting) == BLOCK:
            self._process()

    def add_words(self, words: Grams) -> None:
        """Add texts by the hashes of their words."""
        grams = self._shingles(words)
        rows = signatures(grams, HASHES, SEED)
        self._keys.append(banded(rows, self._bands).T)
        self._signatures.append(rows.astype(np.uint16))  # the low halves of the signatures
        for one in grams.fingerprints():
            self._equal.append(self._first.setdefault(one.tobytes(), len(self._equal)))

    def _process(self) -> None:
        if self._waiting:
            self.add_words(words_of(self._waiting))
            self._waiting = []

    def _shingles(self, words: Grams) -> Grams:
        """The shingles that count. A text of only common wording equals nothing but itself."""
        grams = ngrams(words, SHINGLE)
        rest = grams.without(self._common)
        if (stock := rest.counts == 0).any():
            marks = Grams.of(grams.fingerprints()[:, 0], np.ones(len(stock), dtype=np.int64))
            rest = rest.joined(marks.where(stock))
        return rest

    def clusters(self, text: Callable[[int], str]) -> list[tuple[int, ...]]:
        """Transitive clusters of two or more near-duplicate texts, as ascending positions.

        `text` returns the normalized text at a position.
        """
        self._process()
        count = len(self._equal)
        keys, low = np.concatenate(self._keys, axis=1), np.concatenate(self._signatures)
        roots = np.array(self._equal, dtype=np.int64)
        first = roots == np.arange(count)
        cached: dict[int, Hashes] = {}
        unlike: set[int] = set()

        def shingles(number: int) -> Hashes:
            if number not in cached:
                if len(cached) >= MAX_CACHED:
                    cached.clear()
                [cached[number]] = self._shingles(words_of([text(number)])).sets()
            return cached[number]

        def near(one: int, other: int) -> bool:
            pair = one * count + other
            if pair in unlike:
                return False
            estimate = np.count_nonzero(low[one] == low[other]) / HASHES
            possible = bool(estimate >= self._threshold - MARGIN)
            alike = possible and jaccard(shingles(one), shingles(other)) >= self._threshold
            if not alike and len(unlike) < MAX_PAIRS:
                unlike.add(pair)
            return alike

        for key in keys:
            links = [link for crowd in _same_key(key, first) for link in _links(crowd, roots, near)]
            if links:
                known = np.column_stack((np.arange(count), roots))
                roots = components(count, np.concatenate((known, np.array(links, dtype=np.int64))))
        return _clusters(roots)


def _bands(threshold: float) -> int:
    """The fewest bands that find a pair at the threshold with probability RECALL."""
    for bands in (8, 16, 32, 64):
        if 1 - (1 - threshold ** (HASHES // bands)) ** bands >= RECALL:
            return bands
    return HASHES


def _same_key(keys: npt.NDArray[np.uint64], first: npt.NDArray[np.bool_]) -> Iterator[list[int]]:
    """Groups of texts with the same key; of equal texts only the first."""
    numbers = np.flatnonzero(first)
    order, ordered = by_key(keys[numbers])
    order = numbers[order]
    ends = np.flatnonzero(np.diff(ordered)) + 1
    starts = np.concatenate(([0], ends))
    lengths = np.diff(np.concatenate((starts, [len(order)])))
    for start, length in zip(starts[lengths > 1].tolist(), lengths[lengths > 1].tolist(), strict=True):
        yield order[start : start + length].tolist()


def _links(crowd: Sequence[int], roots: Nodes, near: Callable[[int, int], bool]) -> Iterator[tuple[int, int]]:
    """Pairs of near-duplicates in a group with one key; in a large group each is compared with one text per cluster.

    `roots` has the cluster of each text as known from the earlier bands.
    """
    clusters = DisjointSet(roots[crowd].tolist())
    seen: list[tuple[int, int]] = []
    for here, root in zip(crowd, roots[crowd].tolist(), strict=True):
        joined = False
        for there, other in seen:
            same = clusters.connected(root, other)
            if not same and near(here, there):
                clusters.merge(root, other)
                yield here, there
                same = True
            joined |= same
        if len(crowd) <= CROWD or not joined:
            seen.append((here, root))
