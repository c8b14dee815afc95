"""Texts that are nearly the same, found by MinHash and confirmed by counting."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import islice

import numpy as np
import numpy.typing as npt
from scipy.cluster.hierarchy import DisjointSet

from gradschool.data.components import Nodes, components
from gradschool.data.normalize import normalize
from gradschool.data.shingles import BLOCK, MULTIPLIER, Hashes, fingerprint, ngram_hashes, signatures
from gradschool.records import Example

SHINGLE = 5  # words in a row
HASHES, SEED = 128, 1  # length of a signature; the seed is fixed because every find is confirmed exactly
RECALL = 0.999  # chance with which a pair exactly at the threshold is found
COMMON_SHARE, COMMON_MIN = 0.25, 10  # a shingle in more texts than both is the job's wording, not the text's
SAMPLE = 20_000  # texts from which common wording is told; of more, an even sample is taken
CROWD = 64  # texts with one key from which each is compared with one of each cluster only
UNSURE = 0.16  # below the threshold: an estimate from 128 hashes is wrong by more with a chance of 1 in 20,000
MAX_HELD = 30_000  # texts whose shingles, and pairs whose unlikeness, are held while candidates are confirmed
MAX_PAIRS = 2_000_000


def near_duplicates(examples: Sequence[Example], threshold: float) -> list[tuple[str, ...]]:
    """Ids of examples that ask nearly the same, in clusters of two or more.

    Two questions are near-duplicates when the Jaccard similarity of their sets of word 5-grams (case and punctuation
    aside) reaches `threshold`, a share in (0, 1]. A question of fewer than five words is one shingle. Wording that a
    quarter of all questions share, such as an instruction repeated in each, does not count. Clusters are closed: what
    is near to a member belongs to it.
    """
    # Sorted, so that nothing depends on the order of the file.
    ordered = sorted(examples, key=lambda example: example.id)
    found = near_texts(lambda: map(question_text, ordered), lambda number: question_text(ordered[number]), threshold)
    return sorted(tuple(sorted(ordered[number].id for number in cluster)) for cluster in found)


def near_texts(
    texts: Callable[[], Iterable[str]], text: Callable[[int], str], threshold: float
) -> list[tuple[int, ...]]:
    """Numbers of texts that are nearly the same, in closed clusters of two or more, each in rising order.

    `texts` gives all of them from the beginning, `text` one by its number.
    """
    sample = Sample()
    sample.count = sum(1 for _ in texts())
    for one in islice(texts(), 0, None, sample.step):
        sample.add(one)
    index = NearIndex(sample.common(), threshold)
    for one in texts():
        index.add(normalize(one))
    return index.clusters(text)


class Sample:
    """An even sample of texts, from which wording is told that so many share that it says nothing about one."""

    def __init__(self) -> None:
        self.count = 0  # of all texts
        self._texts: list[str] = []

    @property
    def step(self) -> int:
        """Every which text belongs to the sample."""
        return max(1, -(-self.count // SAMPLE))

    def add(self, text: str) -> None:
        """Take a text into the sample."""
        self._texts.append(text)

    def common(self) -> Hashes:
        """The shingles that more than a quarter of the texts share, sorted."""
        sampled = [np.unique(runs) for runs in ngram_hashes(map(normalize, self._texts), SHINGLE)]
        if not sampled:
            return np.zeros(0, dtype=np.uint64)
        shingles, frequency = np.unique(np.concatenate(sampled), return_counts=True)
        return shingles[frequency > max(COMMON_MIN, COMMON_SHARE * len(sampled))]


class NearIndex:
    """Texts by their signatures, taken one after the other; some 500 bytes of memory each, however long they are.

    Candidates are found with MinHash and banding (Broder 1997; Leskovec, Rajaraman and Ullman, "Mining of Massive
    Datasets", chapter 3), in time linear in the number of texts; each that the signatures do not rule out is confirmed
    by comparing the sets of shingles. `common` are shingles that do not count.
    """

    def __init__(self, common: Hashes, threshold: float) -> None:
        self._common, self._threshold = common, threshold
        self._bands = _bands(threshold)
        self._waiting: list[str] = []
        self._keys: list[npt.NDArray[np.uint64]] = [np.zeros((0, self._bands), dtype=np.uint64)]
        self._marks: list[npt.NDArray[np.uint16]] = [np.zeros((0, HASHES), dtype=np.uint16)]
        self._first: dict[bytes, int] = {}
        self._equal: list[int] = []  # for each text, the first with the same shingles

    def add(self, folded: str) -> None:
        """Take a text, folded."""
        self._waiting.append(folded)
        if len(self._waiting) == BLOCK:
            self._settle()

    def _settle(self) -> None:
        sets = [_distinctive(runs, self._common) for runs in ngram_hashes(self._waiting, SHINGLE)]
        self._waiting = []
        if not sets:
            return
        rows = signatures(sets, HASHES, SEED)
        self._keys.append(_banded(rows, self._bands))
        self._marks.append(rows.astype(np.uint16))  # the low halves of the signatures
        for one in sets:
            self._equal.append(self._first.setdefault(fingerprint(one), len(self._equal)))

    def clusters(self, text: Callable[[int], str]) -> list[tuple[int, ...]]:
        """Numbers of texts that are nearly the same, in closed clusters of two or more, each in rising order."""
        self._settle()
        count = len(self._equal)
        keys, marks = np.concatenate(self._keys), np.concatenate(self._marks)
        roots = np.array(self._equal, dtype=np.int64)
        first = roots == np.arange(count)
        held: dict[int, Hashes] = {}
        unlike: set[int] = set()

        def shingles(number: int) -> Hashes:
            if number not in held:
                if len(held) >= MAX_HELD:
                    held.clear()
                held[number] = _distinctive(next(ngram_hashes([normalize(text(number))], SHINGLE)), self._common)
            return held[number]

        def near(one: int, other: int) -> bool:
            pair = one * count + other
            if pair in unlike:
                return False
            estimate = np.count_nonzero(marks[one] == marks[other]) / HASHES
            possible = bool(estimate >= self._threshold - UNSURE)
            alike = possible and _jaccard(shingles(one), shingles(other)) >= self._threshold
            if not alike and len(unlike) < MAX_PAIRS:
                unlike.add(pair)
            return alike

        for band in range(self._bands):
            links = [link for crowd in _same_key(keys[:, band], first) for link in _links(crowd, roots, near)]
            known = np.column_stack((np.arange(count), roots))
            roots = components(count, np.concatenate((known, np.array(links, dtype=np.int64).reshape(-1, 2))))
        found: defaultdict[int, list[int]] = defaultdict(list)
        for number, root in enumerate(roots.tolist()):
            found[root].append(number)
        return [tuple(cluster) for cluster in found.values() if len(cluster) > 1]


def question_text(example: Example) -> str:
    """What is compared of an example: its question without the system message, whose instructions all have."""
    return "\n".join(message.content for message in example.question if message.role != "system")


def _distinctive(runs: Hashes, common: Hashes) -> Hashes:
    shingles = np.unique(runs)
    if len(common) == 0:
        return shingles
    rest = shingles[~np.isin(shingles, common, assume_unique=True)]
    # A text of nothing but common wording is compared whole: it equals only itself.
    return rest if len(rest) else np.frombuffer(fingerprint(runs)[:8], dtype=np.uint64)


def _banded(rows: npt.NDArray[np.uint32], bands: int) -> npt.NDArray[np.uint64]:
    """One number for each band of each signature: (texts, hashes) to (texts, bands)."""
    banded = rows.reshape(len(rows), bands, HASHES // bands).astype(np.uint64)
    keys = np.zeros((len(rows), bands), dtype=np.uint64)
    for column in range(banded.shape[2]):
        keys = keys * MULTIPLIER + banded[:, :, column]
    return keys


def _bands(threshold: float) -> int:
    """The fewest bands with which a pair at the threshold is found with the chance RECALL."""
    for bands in (8, 16, 32, 64):
        if 1 - (1 - threshold ** (HASHES // bands)) ** bands >= RECALL:
            return bands
    return HASHES


def _same_key(keys: npt.NDArray[np.uint64], first: npt.NDArray[np.bool_]) -> Iterator[list[int]]:
    """Numbers of texts that have the same key; of equal texts only the first."""
    numbers = np.flatnonzero(first)
    order = numbers[np.argsort(keys[numbers], kind="stable")]
    ends = np.flatnonzero(np.diff(keys[order])) + 1
    starts = np.concatenate(([0], ends))
    lengths = np.diff(np.concatenate((starts, [len(order)])))
    for start, length in zip(starts[lengths > 1].tolist(), lengths[lengths > 1].tolist(), strict=True):
        yield order[start : start + length].tolist()


def _links(crowd: Sequence[int], roots: Nodes, near: Callable[[int, int], bool]) -> Iterator[tuple[int, int]]:
    """Pairs of near texts among those with one key; in a large crowd each is compared with one of each cluster.

    `roots` names the cluster that earlier bands put each text into.
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


def _jaccard(one: Hashes, other: Hashes) -> float:
    common = len(np.intersect1d(one, other, assume_unique=True))
    return common / (len(one) + len(other) - common or 1)
