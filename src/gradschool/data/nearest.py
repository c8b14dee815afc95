"""Find the examples whose questions are most similar to a question, by tf-idf over words and pairs of words."""

from collections.abc import Sequence

import numpy as np
from sklearn.feature_extraction.text import TfidfVectorizer

from gradschool.records import Example


def word_vectorizer() -> TfidfVectorizer:
    """The weights of words and pairs of words in texts.

    Single characters count too: the default pattern ignores them, and fails on texts without longer words.
    """
    return TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True, token_pattern=r"\w+|[^\w\s]")


def some_text(text: str) -> str:
    """The text without spaces around it, or a sign for an empty one, because a vectorizer needs a word."""
    return text.strip() or "-"


class NearestQuestions:
    """The questions of examples, to find those most similar to another question."""

    def __init__(self, examples: Sequence[Example]) -> None:
        self._vectorizer = word_vectorizer()
        self._matrix = self._vectorizer.fit_transform([some_text(example.last_user) for example in examples])

    def places(self, asked: str, count: int) -> list[int]:
        """The positions of the `count` examples with the most similar questions, the most similar first."""
        similarity = (self._matrix @ self._vectorizer.transform([asked]).T).toarray().ravel()
        found: list[int] = np.argsort(-similarity, kind="stable")[:count].tolist()
        return found
