"""Whether the words of a text are in an order that somebody wrote: how well each is predicted by the words before it.

All but the most frequent words are reduced to their kind, or to their ending. A text of an author is predicted by the
counts of his other texts only. The same words in another order, or with strange words between them, are predicted no
better than without their context (pointwise mutual information; Church and Hanks 1990, "Word association norms").

Shapes: T tokens, F features.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler

from gradschool.data.normalize import word_count
from gradschool.score.forgeries import disordered_texts
from gradschool.score.tokens import TOKEN, frequent_tokens

FREQUENT = 150  # words that are read as they are
ENDINGS = (0, 2)  # letters that are left of any other word, in two readings
SMOOTHING = (0.5, 5.0, 3.0)  # tokens that a shorter context is worth
WORST = 0.2  # fraction of the tokens that are least expected
UNEXPECTED = -1.0  # nats by which a context may speak against a token
COUNTED_WORDS, FORGED_WORDS = 100_000, 20_000  # of an author: that are counted, and put in disorder
MIN_TEXTS = 20
STRANGE = 0.03  # most of the author's texts that may be taken for disordered
REJECTED = 0.98  # fraction of the disordered texts that are enough to reject
Numbers = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Counts:
    """How often tokens follow each other: sorted codes of runs of one, two and three tokens, and their counts."""

    codes: tuple[Numbers, ...]
    counts: tuple[Numbers, ...]

    def of(self, size: int, codes: Numbers) -> Numbers:
        """The counts of runs of `size` tokens."""
        known = self.codes[size - 1]
        if not len(known):
            return np.zeros(len(codes), dtype=np.int64)
        places = np.minimum(np.searchsorted(known, codes), len(known) - 1)
        return np.where(known[places] == codes, self.counts[size - 1][places], 0)


@dataclass(frozen=True, slots=True)
class Reading:
    """One way to read texts as tokens, and the counts of the author's texts."""

    frequent: frozenset[str]
    ending: int
    numbers: dict[str, int]  # of tokens; 0 is an unknown one
    counts: Counts

    def tokens(self, text: str) -> Numbers:
        """The numbers of a text's tokens between two signs for its beginning and its end: (T,)."""
        kinds = ("^", *_kinds(text, self.frequent, self.ending), "$")
        return np.array([self.numbers.get(kind, 0) for kind in kinds], dtype=np.int64)

    def features(self, text: str, without: Counts | None) -> list[float]:
        """How well the tokens are predicted by one and by two tokens before them, without the counts of a text."""
        tokens = self.tokens(text)
        one, two, three = (_codes(tokens, size, len(self.numbers)) for size in (1, 2, 3))
        first, second, third = (self._known(size, codes, without) for size, codes in ((1, one), (2, two), (3, three)))
        alone = (first + SMOOTHING[0]) / (self.counts.counts[0].sum() + SMOOTHING[0] * len(self.numbers))
        pairs = (second + SMOOTHING[1] * alone[1:]) / (first[:-1] + SMOOTHING[1])
        triples = pairs.copy()
        triples[1:] = (third + SMOOTHING[2] * pairs[1:]) / (second[:-1] + SMOOTHING[2])
        found: list[float] = []
        for predicted in (np.log(pairs / alone[1:]), np.log(triples / alone[1:])):
            worst = np.sort(predicted)[: max(1, round(WORST * len(predicted)))]
            found += [float(predicted.mean()), float(worst.mean()), float(np.mean(predicted < UNEXPECTED))]
        return found

    def _known(self, size: int, codes: Numbers, without: Counts | None) -> Numbers:
        counts = self.counts.of(size, codes)
        return np.maximum(counts - without.of(size, codes), 0) if without else counts


@dataclass(frozen=True, slots=True)
class WordOrder:
    """A classifier of word order that was fitted to the texts of an author."""

    readings: tuple[Reading, ...]
    classifier: Pipeline
    threshold: float
    disordered_rejected: float  # fraction of the disordered texts that it was fitted to

    def accepts(self, text: str) -> bool:
        """Whether the words of a text are in an order that somebody wrote."""
        return bool(self.classifier.decision_function([_features(self.readings, text)])[0] > self.threshold)


def learn_order(texts: Sequence[str], others: Sequence[str] = ()) -> WordOrder:
    """Learn the order of words from an author's texts, against the same texts in disorder.

    Texts of others show orders that the author happens not to have used.
    """
    texts = _up_to(texts, COUNTED_WORDS)
    readings = tuple(_reading([*texts, *_up_to(others, COUNTED_WORDS)], ending) for ending in ENDINGS)
    used = _up_to(texts, FORGED_WORDS)
    own = [[_counts(reading.tokens(text), len(reading.numbers)) for reading in readings] for text in used]
    real = [_features(readings, text, counts) for text, counts in zip(used, own, strict=True)]
    forged = [_features(readings, text, own[number]) for text, number in disordered_texts(used)]
    classifier = make_pipeline(StandardScaler(), LogisticRegression(class_weight="balanced", max_iter=1_000))
    classifier.fit([*real, *forged], [1] * len(real) + [0] * len(forged))
    scores = classifier.decision_function(forged)
    threshold = float(min(np.quantile(classifier.decision_function(real), STRANGE), np.quantile(scores, REJECTED)))
    rejected = float(np.mean(scores <= threshold))
    return WordOrder(readings, classifier, threshold, rejected)


def _up_to(texts: Sequence[str], number: int) -> Sequence[str]:
    """The first texts that have so many words, but some texts at least."""
    return texts[: max(MIN_TEXTS, int(np.searchsorted(np.cumsum([word_count(text) for text in texts]), number)))]


def _features(readings: Sequence[Reading], text: str, without: Sequence[Counts] = ()) -> list[float]:
    found = [_most_repeated(text, readings[0].frequent)]
    for number, reading in enumerate(readings):
        found += reading.features(text, without[number] if without else None)
    return found


def _most_repeated(text: str, frequent: frozenset[str]) -> float:
    """The fraction of a text's words that are one word which the author uses seldom."""
    rare = Counter(token for token in TOKEN.findall(text.lower()) if token not in frequent and token[0].isalnum())
    return max(rare.values(), default=0) / (rare.total() or 1)


def _reading(texts: Sequence[str], ending: int) -> Reading:
    frequent = frequent_tokens(texts, FREQUENT)
    kinds = {kind for text in texts for kind in _kinds(text, frequent, ending)}
    numbers = {kind: number for number, kind in enumerate(("", "^", "$", *sorted(kinds)))}
    empty = Reading(frequent, ending, numbers, Counts((), ()))
    size = len(numbers)
    runs = [[_codes(empty.tokens(text), length, size) for text in texts] for length in (1, 2, 3)]
    pairs = [np.unique(np.concatenate(one), return_counts=True) for one in runs]
    return Reading(frequent, ending, numbers, Counts(tuple(one for one, _ in pairs), tuple(two for _, two in pairs)))


def _counts(tokens: Numbers, size: int) -> Counts:
    pairs = [np.unique(_codes(tokens, length, size), return_counts=True) for length in (1, 2, 3)]
    return Counts(tuple(one for one, _ in pairs), tuple(two for _, two in pairs))


def _codes(tokens: Numbers, length: int, size: int) -> Numbers:
    """Each run of `length` tokens as one number."""
    count = max(len(tokens) - length + 1, 0)
    found = np.zeros(count, dtype=np.int64)
    for offset in range(length):
        found = found * size + tokens[offset : offset + count]
    return found


def _kinds(text: str, frequent: frozenset[str], ending: int) -> list[str]:
    return [_kind(token, frequent, ending) for token in TOKEN.findall(text)]


def _kind(token: str, frequent: frozenset[str], ending: int) -> str:
    """A frequent word or a sign as it is; of a number, one sign; of any other word, its case and its last letters."""
    lower = token.lower()
    if lower in frequent or not token[0].isalnum():
        return lower
    if token[0].isdigit():
        return "#"
    return f"{'A' if token[0].isupper() else 'a'}*{lower[len(lower) - ending :]}"
