"""Classifiers of texts: who wrote them, and whether their words are in an order that somebody wrote.

Features of an author are character n-grams and the most frequent words (Stamatatos 2009, "A survey of modern authorship
attribution methods"; Burrows 2002), and n-grams of these words with all other words masked (Stamatatos 2017,
"Authorship attribution using text distortion"). Word order is judged by n-grams in which all but the most frequent words
are reduced to their endings.

Shapes: N texts.
"""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import regex
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GroupKFold
from sklearn.pipeline import FeatureUnion, Pipeline, make_pipeline

from gradschool.data.normalize import SPACELESS

FREQUENT_WORDS = 150  # function words, in any language
ORDER_WORDS = 300  # words that the classifier of word order reads as they are
MAX_FEATURES = 20_000  # of each kind
FOLDS = 5
TOKEN = regex.compile(rf"{SPACELESS.pattern}|(?:(?!{SPACELESS.pattern})\w)+(?:['’]\w+)?|[^\w\s]|\n\n")
Scores = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Classifier:
    """A classifier of texts: those that score above `threshold` are accepted."""

    pipeline: Pipeline
    threshold: float = 0.0

    def accepts(self, text: str) -> bool:
        """Whether a text is accepted."""
        return bool(self.pipeline.decision_function([text])[0] > self.threshold)


def authorship(texts: Sequence[str]) -> Pipeline:
    """Logistic regression over character 2- to 4-grams, and word 1- to 3-grams in which rare words are masked."""
    frequent = _frequent(texts, FREQUENT_WORDS)

    def masked(text: str) -> list[str]:
        return _ngrams([token if token in frequent else "*" for token in TOKEN.findall(text.lower())], (1, 2, 3))

    characters = TfidfVectorizer(
        analyzer="char_wb", ngram_range=(2, 4), min_df=2, max_features=MAX_FEATURES, sublinear_tf=True, lowercase=False
    )
    words = TfidfVectorizer(analyzer=masked, min_df=2, max_features=MAX_FEATURES, sublinear_tf=True)
    features = FeatureUnion([("characters", characters), ("words", words)])
    return make_pipeline(features, LogisticRegression(C=10.0, class_weight="balanced", max_iter=2_000))


def word_order(texts: Sequence[str]) -> Pipeline:
    """Logistic regression over n-grams of two to four tokens, in which rare words are reduced to their endings."""
    frequent = _frequent(texts, ORDER_WORDS)

    def reduced(text: str) -> list[str]:
        return _ngrams([_class(token, frequent) for token in TOKEN.findall(text)], (2, 3, 4))

    ngrams = TfidfVectorizer(analyzer=reduced, min_df=2, max_features=2 * MAX_FEATURES, sublinear_tf=True)
    return make_pipeline(ngrams, LogisticRegression(C=10.0, class_weight="balanced", max_iter=2_000))


def held_out(
    make: Callable[[Sequence[str]], Pipeline], texts: Sequence[str], labels: Sequence[int], groups: Sequence[str]
) -> Scores:
    """The score of each text by a classifier that saw no text of its group: (N,); above 0 means label 1."""
    scores = np.zeros(len(texts))
    folds = GroupKFold(n_splits=min(FOLDS, len(set(groups))))
    for seen, left_out in folds.split(texts, labels, groups):
        if len({labels[number] for number in seen}) < 2:
            continue
        training = [texts[number] for number in seen]
        fitted = make(training).fit(training, [labels[number] for number in seen])
        scores[left_out] = fitted.decision_function([texts[number] for number in left_out])
    return scores


def _frequent(texts: Sequence[str], number: int) -> frozenset[str]:
    counts: Counter[str] = Counter()
    for text in texts:
        counts.update(TOKEN.findall(text.lower()))
    return frozenset(word for word, _ in counts.most_common(number))


def _class(token: str, frequent: frozenset[str]) -> str:
    """A frequent word or sign as it is; of a number, one sign; of any other word, its case and its last two letters."""
    if token.lower() in frequent or not token[0].isalnum():
        return token.lower()
    if token[0].isdigit():
        return "#"
    return f"{'A' if token[0].isupper() else 'a'}*{token[-2:].lower()}"


def _ngrams(tokens: Sequence[str], sizes: Sequence[int]) -> list[str]:
    return [" ".join(tokens[at : at + n]) for n in sizes for at in range(len(tokens) - n + 1)]
