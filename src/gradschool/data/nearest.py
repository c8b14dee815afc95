"""Find the examples whose questions are most similar to a question: by their texts, or by what is seen in their images.

Over words and parts of words, BM25 finds more examples with the same answer than tf-idf over words, and than the search
of passages where small words matter (bench/nearest_examples.py).
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
from scipy.sparse import csr_array
from sklearn.feature_extraction.text import CountVectorizer, TfidfVectorizer

from gradschool.records import Example

# Single characters are words too: the default pattern ignores them, and fails on texts without longer words.
WORD = r"\w+|[^\w\s]"
MAX_CHARACTERS = 1_000  # of a question, whose parts of words are compared
K1, B = 1.2, 0.75  # the usual values of BM25


def word_vectorizer() -> TfidfVectorizer:
    """The weights of words and pairs of words in texts."""
    return TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True, token_pattern=WORD)


def some_text(text: str) -> str:
    """The text without spaces around it, or a sign for an empty one, because a vectorizer needs a word."""
    return text.strip() or "-"


class NearestQuestions:
    """The questions of examples, to find those most similar to another question by tf-idf over words and pairs.

    Specialists of earlier versions show the examples that it finds.
    """

    def __init__(self, examples: Sequence[Example]) -> None:
        self._vectorizer = word_vectorizer()
        self._matrix = self._vectorizer.fit_transform([some_text(example.last_user) for example in examples])

    def places(self, asked: str, count: int) -> list[int]:
        """The positions of the `count` examples with the most similar questions, the most similar first."""
        similarity = (self._matrix @ self._vectorizer.transform([asked]).T).toarray().ravel()
        found: list[int] = np.argsort(-similarity, kind="stable")[:count].tolist()
        return found


class SimilarQuestions:
    """The questions of examples, to find those most similar to another question by BM25.

    The scores of words, and of 2 to 4 characters within words, are each divided by the best one, and added.
    """

    def __init__(self, examples: Sequence[Example]) -> None:
        texts = [some_text(example.last_user) for example in examples]
        self._words = Bm25(CountVectorizer(token_pattern=WORD), texts)
        characters = CountVectorizer(analyzer="char_wb", ngram_range=(2, 4))
        self._characters = Bm25(characters, [text[:MAX_CHARACTERS] for text in texts])

    def places(self, asked: str, count: int) -> list[int]:
        """The positions of the `count` examples with the most similar questions, the most similar first."""
        scores = self._words.scores(asked) + self._characters.scores(asked[:MAX_CHARACTERS])
        found: list[int] = np.argsort(-scores, kind="stable")[:count].tolist()
        return found


class NearestPictures:
    """What is seen in the images of examples, a vector of features each, to find those most similar to another one.

    As for a linear probe on them, each feature is divided by its spread over the examples.
    """

    def __init__(self, features: Sequence[Sequence[float]]) -> None:
        known = np.array(features, dtype=np.float64)
        self._mean, self._spread = known.mean(0), known.std(0) + 1e-6
        self._known = (known - self._mean) / self._spread

    def places(self, seen: Sequence[float], count: int) -> list[int]:
        """The positions of the `count` nearest examples, the nearest first."""
        asked = (np.array(seen, dtype=np.float64) - self._mean) / self._spread
        distances = ((self._known - asked) ** 2).sum(1)
        found: list[int] = np.argsort(distances, kind="stable")[:count].tolist()
        return found


class Bm25:
    """Texts that are searched for the features which a vectorizer counts.

    Source: Robertson and Zaragoza 2009, "The Probabilistic Relevance Framework: BM25 and Beyond".
    """

    def __init__(self, vectorizer: CountVectorizer, texts: Sequence[str]) -> None:
        self._vectorizer = vectorizer
        counts = csr_array(vectorizer.fit_transform(texts), dtype=float)
        rows = np.repeat(np.arange(len(texts)), np.diff(counts.indptr))
        having = np.bincount(counts.indices, minlength=counts.shape[1])
        rarity = np.log(1 + (len(texts) - having + 0.5) / (having + 0.5))
        lengths = np.asarray(counts.sum(axis=1)).ravel()
        relative = 1 - B + B * lengths / lengths.mean()
        counts.data *= (K1 + 1) * rarity[counts.indices] / (counts.data + K1 * relative[rows])
        self._weights = counts

    def scores(self, asked: str) -> Any:
        """The score of each text for a query, as an array; divided by the best one if there is any."""
        known = csr_array(self._vectorizer.transform([asked]) > 0, dtype=float)
        scores = np.asarray((self._weights @ known.T).todense()).ravel()
        return scores / max(scores.max(), 1e-9)
