"""Whether an answer follows its question: is it closer to this question than to most others?

The other questions are those of training examples, so that one answer is judged without any other. An answer that fits
all questions alike passes for one in ten of them.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.sparse import csr_matrix
from sklearn.feature_extraction.text import TfidfVectorizer

from gradschool.data.normalize import normalize

POOL = 400  # training questions that an answer is compared with
MIN_POOL = 20
NEAREST = 0.1  # fraction of the questions that may be closer to the answer than its own
MIN_VISIBLE = 0.5  # fraction of the author's answers that must be closest to their own questions, or nothing is judged
MAX_CHARACTERS = 2_000  # of a question and of an answer


@dataclass(frozen=True, slots=True)
class OnTopic:
    """What training questions and their answers are about."""

    vectorizer: TfidfVectorizer
    pool: csr_matrix  # (questions, features), rows of length 1
    visible: float  # fraction of the author's answers that follow their question visibly

    def follows(self, answer: str, question: str, ideal: str) -> bool:
        """Whether few training examples are closer to the answer than its own question with the author's answer."""
        given, own = self.vectorizer.transform([_plain(answer), _about(question, ideal)])
        return bool(_rank(given @ own.T, given @ self.pool.T) < NEAREST)


def learn_topics(questions: Sequence[str], ideals: Sequence[str], groups: Sequence[str]) -> OnTopic | None:
    """Learn what questions are about; None if the author's answers do not follow their questions visibly."""
    step = max(1, -(-len(questions) // POOL))
    questions, ideals, groups = questions[::step], ideals[::step], groups[::step]
    if len({normalize(question) for question in questions}) < MIN_POOL:
        return None
    vectorizer = TfidfVectorizer(analyzer="char_wb", ngram_range=(3, 5), sublinear_tf=True, max_features=60_000)
    pool = vectorizer.fit_transform([_about(*pair) for pair in zip(questions, ideals, strict=True)])
    asked = vectorizer.transform([_plain(question) for question in questions])
    near = (vectorizer.transform([_plain(ideal) for ideal in ideals]) @ asked.T).toarray()
    elsewhere = np.array([[one != other for other in groups] for one in groups])
    ranks = [
        float(np.mean(row[other] >= row[number])) if row[number] > 0 and other.any() else 1.0
        for number, (row, other) in enumerate(zip(near, elsewhere, strict=True))
    ]
    visible = float(np.mean(np.array(ranks) < NEAREST))
    return OnTopic(vectorizer, pool, visible) if visible >= MIN_VISIBLE else None


def _rank(own: csr_matrix, others: csr_matrix) -> float:
    """The fraction of others that are at least as close as one's own; 1 if one's own has nothing in common."""
    closeness = float(own.toarray()[0, 0])
    return float(np.mean(others.toarray() >= closeness)) if closeness > 0 else 1.0


def _about(question: str, ideal: str) -> str:
    return f"{_plain(question)} {_plain(ideal)}"


def _plain(text: str) -> str:
    return normalize(text[:MAX_CHARACTERS])
