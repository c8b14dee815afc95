"""A classifier of authors.

Features are character n-grams and the most frequent words (Stamatatos 2009, "A survey of modern authorship attribution
methods"; Burrows 2002), and n-grams of these words with all other words masked (Stamatatos 2017, "Authorship
attribution using text distortion").

Shapes: N texts.
"""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GroupKFold
from sklearn.pipeline import FeatureUnion, Pipeline, make_pipeline

from gradschool.score.time_limit import demand_time
from gradschool.score.tokens import frequent_tokens, tokens_of

FREQUENT_WORDS = 150  # function words
MAX_FEATURES = 20_000  # of each kind
FOLDS = 5


def authorship(texts: Sequence[str], labels: Sequence[int]) -> Pipeline:
    """Logistic regression over character 2- to 4-grams, and word 1- to 3-grams in which rare words are masked."""
    return make_pipeline(_features(texts), _regression()).fit(texts, labels)


def held_out(texts: Sequence[str], labels: Sequence[int], groups: Sequence[str]) -> npt.NDArray[np.float64]:
    """The score of each text by a classifier that saw no text of its group: (N,); above 0 means label 1.

    Which features exist, and how rare they are, is taken from all texts, without their labels.
    """
    scores, truth = np.zeros(len(texts)), np.array(labels)
    values = _features(texts).fit_transform(texts).tocsr()
    folds = GroupKFold(n_splits=min(FOLDS, len(set(groups))))
    for seen, left_out in folds.split(texts, labels, groups):
        demand_time()
        if len(set(truth[seen])) == 2:
            scores[left_out] = _regression().fit(values[seen], truth[seen]).decision_function(values[left_out])
    return scores


def _features(texts: Sequence[str]) -> FeatureUnion:
    frequent = frequent_tokens(texts, FREQUENT_WORDS)

    def masked(text: str) -> list[str]:
        tokens = [token if token in frequent else "*" for token in tokens_of(text.lower())]
        return [" ".join(tokens[at : at + n]) for n in (1, 2, 3) for at in range(len(tokens) - n + 1)]

    characters = TfidfVectorizer(
        analyzer="char_wb", ngram_range=(2, 4), min_df=2, max_features=MAX_FEATURES, sublinear_tf=True, lowercase=False
    )
    words = TfidfVectorizer(analyzer=masked, min_df=2, max_features=MAX_FEATURES, sublinear_tf=True)
    return FeatureUnion([("characters", characters), ("words", words)])


def _regression() -> LogisticRegression:
    return LogisticRegression(C=10.0, class_weight="balanced", max_iter=2_000)
