"""Whether the words of a text are in an order that somebody wrote: how well each fits the words around it.

A classifier learns from how well tokens fit their neighbours (`readings`) whether they are from a text of the author or
from one in disorder. A text with a few strange words has a few tokens that fit badly, so the worst ones count most.

Shapes: T tokens, F features.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import zip_longest
from typing import TypeAlias

import numpy as np
import numpy.typing as npt
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler

from gradschool.data.normalize import word_count
from gradschool.score.forgeries import Forgery, disordered_texts
from gradschool.score.readings import ENDINGS, Counts, Reading, Values
from gradschool.score.time_limit import demand_time
from gradschool.score.tokens import tokens_of

WORST = (0.05, 0.1, 0.2, 0.4, 1.0)  # fractions of the tokens, those that fit worst, whose means count
DOUBTFUL = (0.0, 1.0)  # log odds from which a token is counted as one that fits badly
COUNTED_WORDS, FORGED_WORDS = 100_000, 20_000  # of an author: that are counted, and put in disorder
MIN_TEXTS = 20
STRANGE = 0.05  # most of the author's texts that may be taken for disordered
REJECTED = 0.98  # fraction of the disordered texts that are enough to reject
HALVES = 2  # classifiers of tokens, each of which did not see the texts of half of the groups
Flags: TypeAlias = npt.NDArray[np.bool_]
Half: TypeAlias = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class WordOrder:
    """A classifier of word order that was fitted to the texts of an author."""

    readings: tuple[Reading, ...]
    of_tokens: tuple[HistGradientBoostingClassifier, ...]
    of_texts: Pipeline
    threshold: float
    disordered_rejected: float  # fraction of the disordered texts that it was fitted to
    # Cached: the reference text is scored with each answer to its question, and all answers again in the comparison.
    scores: dict[str, float] = field(default_factory=dict, compare=False, repr=False)

    def score(self, text: str) -> float:
        """The higher, the more the words are in an order that somebody wrote."""
        if text not in self.scores:
            self.read([text])
        return self.scores[text]

    def read(self, texts: Sequence[str]) -> None:
        """Score texts together: a classifier is slow to begin."""
        rows = [_rows(self.readings, text) for text in texts]
        every, frequent = np.concatenate(rows), self.readings[0].frequent
        badness = np.mean([one.decision_function(every) for one in self.of_tokens], 0) if len(every) else every[:, 0]
        parts = np.split(badness, np.cumsum([len(one) for one in rows])[:-1])
        pooled = [_pooled(values, text, frequent) for values, text in zip(parts, texts, strict=True)]
        self.scores.update(zip(texts, self.of_texts.decision_function(pooled).tolist(), strict=True))

    def accepts(self, text: str) -> bool:
        """Whether the words of a text are in an order that somebody wrote."""
        return self.score(text) > self.threshold


def learn_order(texts: Sequence[str], groups: Sequence[str], others: Sequence[str] = ()) -> WordOrder:
    """Learn the order of words from an author's texts, against the same texts in disorder.

    Texts of one group may share wording, so all of them are left out where one is judged. Texts of others show orders
    that the author happens not to have used.
    """
    texts = _up_to(texts, COUNTED_WORDS)
    readings = tuple(Reading.of([*texts, *_up_to(others, COUNTED_WORDS)], ending) for ending in ENDINGS)
    used = _up_to(texts, FORGED_WORDS)
    whose = groups[: len(used)]
    real = [Forgery(text, (number,)) for number, text in enumerate(used)]
    judged = [one for one in [*real, *disordered_texts(used)] if tokens_of(one.text)]
    labels = np.array([one.text == used[one.sources[0]] for one in judged])
    members: dict[str, list[str]] = {}
    for text, group in zip(used, whose, strict=True):
        members.setdefault(group, []).append(text)
    left_out: dict[tuple[str, ...], list[Counts]] = {}
    rows = []
    for one in judged:
        demand_time()
        key = tuple(sorted({whose[number] for number in one.sources}))
        if key not in left_out:
            own = [text for group in key for text in members[group]]
            left_out[key] = [reading.counts_of(own) for reading in readings]
        rows.append(_rows(readings, one.text, left_out[key]))
    halves = {group: number % HALVES for number, group in enumerate(members)}
    half = np.array([halves[whose[one.sources[0]]] for one in judged])
    models = tuple(_of_tokens(rows, labels, half != one) for one in range(HALVES))
    frequent = readings[0].frequent
    badness = _badness(models, rows, half)
    pooled = [_pooled(values, one.text, frequent) for one, values in zip(judged, badness, strict=True)]
    of_texts = make_pipeline(StandardScaler(), LogisticRegression(class_weight="balanced", max_iter=1_000))
    scores = of_texts.fit(pooled, labels).decision_function(pooled)
    lowest, highest = np.quantile(scores[labels], STRANGE), np.quantile(scores[~labels], REJECTED)
    threshold = float(min(lowest, highest))
    return WordOrder(readings, models, of_texts, threshold, float(np.mean(scores[~labels] <= threshold)))


def _up_to(texts: Sequence[str], number: int) -> Sequence[str]:
    """The first texts that have so many words, but some texts at least."""
    return texts[: max(MIN_TEXTS, int(np.searchsorted(np.cumsum([word_count(text) for text in texts]), number)))]


def _rows(readings: Sequence[Reading], text: str, without: Sequence[Counts] = ()) -> Values:
    """How well each token fits its neighbours, in every reading: (T, F)."""
    pairs = zip_longest(readings, without)
    return np.hstack([reading.features(text, counts) for reading, counts in pairs])


def _of_tokens(rows: Sequence[Values], labels: Flags, seen: Flags) -> HistGradientBoostingClassifier:
    """Learn whether tokens are from a text in disorder; only from the texts that are `seen`."""
    chosen = [(values, label) for values, label, one in zip(rows, labels, seen, strict=True) if one]
    disordered = np.repeat([not label for _, label in chosen], [len(values) for values, _ in chosen])
    model = HistGradientBoostingClassifier(
        max_iter=50, learning_rate=0.2, max_leaf_nodes=15, max_bins=63, early_stopping=False, random_state=0
    )
    return model.fit(np.concatenate([values for values, _ in chosen]), disordered)


def _badness(models: Sequence[HistGradientBoostingClassifier], rows: Sequence[Values], half: Half) -> list[Values]:
    """For each text, how badly its tokens fit, by the model of its half; all texts of a half in one call."""
    found: list[Values] = [np.zeros(0)] * len(rows)
    for place, model in enumerate(models):
        chosen = np.flatnonzero(half == place).tolist()
        ends = np.cumsum([len(rows[number]) for number in chosen])[:-1]
        values = model.decision_function(np.concatenate([rows[number] for number in chosen]))
        for number, part in zip(chosen, np.split(values, ends), strict=True):
            found[number] = part
    return found


def _pooled(badness: Values, text: str, frequent: frozenset[str]) -> list[float]:
    """What the tokens of a text say together."""
    worst = np.sort(badness)[::-1]
    if not len(worst):
        return [0.0] * (len(WORST) + len(DOUBTFUL) + 1)
    means = [float(worst[: max(1, round(part * len(worst)))].mean()) for part in WORST]
    return [*means, *(float(np.mean(worst > odds)) for odds in DOUBTFUL), _most_repeated(text, frequent)]


def _most_repeated(text: str, frequent: frozenset[str]) -> float:
    """The fraction of a text's words that are one word which the author uses seldom."""
    rare = Counter(token for token in tokens_of(text.lower()) if token not in frequent and token[0].isalnum())
    return max(rare.values(), default=0) / (rare.total() or 1)
