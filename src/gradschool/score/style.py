"""The metric `style`: is an answer taken for the author's, can it be told from the author's own texts, is it copied?

Authors are told by what they do without thinking: runs of characters and the most frequent words (Stamatatos 2009, "A
survey of modern authorship attribution methods"; Burrows 2002), and how these words stand together where all others
are masked (Stamatatos 2017, "Authorship attribution using text distortion"). How well two sets can be told apart is the
accuracy of a classifier that saw neither (Lopez-Paz and Oquab 2017, "Revisiting classifier two-sample tests").

Shapes: N texts, F features.
"""

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import numpy.typing as npt
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GroupKFold
from sklearn.pipeline import FeatureUnion, Pipeline, make_pipeline

from gradschool.data.normalize import normalize
from gradschool.data.shingles import ngram_hashes
from gradschool.errors import DataError
from gradschool.records import Example
from gradschool.score.metric import MetricResult, Unscorable

MIN_OWN, MIN_OTHER = 20, 10  # texts with fewer of which nothing can be learnt
LIKED_OTHER = 2 * MIN_OTHER  # pieces into which the words of others are joined where these are few
MIN_LENGTH = 20  # words of such a piece
LONG, MAX_PIECES = 4, 3  # times as long as others' texts, from where a text is cut; pieces that are taken of it
MIN_WORDS = 5  # of an answer: in fewer there is no style
MIN_MESSAGE_WORDS = 12  # of a message of others; shorter ones are instructions and titles
QUESTIONS = 40  # training questions that each variant of the base answers
FREQUENT_WORDS = 150  # the most frequent words of all texts: words of grammar, in any language
MAX_FEATURES = 20_000  # runs of characters
FOLDS = 5
MIN_PAIRS = 10  # answers with fewer of which it is not asked whether they can be told from the author's
COPIED_RUN = 8  # words in a row that are copied rather than met by chance
ECHOED = 4  # words of a sentence that is taken from the question
SHORT_SHARE = 0.05  # of the training texts, which may be unusually short
HABIT = 3  # training texts that share a run, from which it is the author's habit
COPIED_SENTENCE = 0.5  # share of a sentence in such runs from which it does not count
MAX_COPIED = 0.5  # share of an answer in copied sentences from which nothing is left to judge
SENTENCE = re.compile(r"(?<=[.!?])\s+|\n+")
TOKEN = re.compile(r"\w+(?:['’]\w+)?|[^\w\s]|\n\n")
REPEATED_RUN, MIN_REPEATS = 5, 0.1  # words; share of repeated runs that is nobody's fault


@dataclass(frozen=True, slots=True)
class AuthorModel:
    """What the metric knows of an author: a classifier, how good it is on texts it had not seen, and their runs."""

    classifier: Pipeline
    own_recognised: float  # share of the author's own training texts, each left out in turn
    others_refused: float
    others: int  # how many texts of others it was fitted against
    runs: npt.NDArray[np.uint64]  # sorted hashes of runs of words in the training texts, without habits
    repeats: float  # the most that a training text repeats itself
    least_words: float  # half of what nearly all training texts have


@dataclass(frozen=True, slots=True)
class Style:
    """The metric; it must be fitted to its author before it can score."""

    author: AuthorModel | None = None

    @property
    def name(self) -> str:
        """See `FittedMetric`."""
        return "style"

    @property
    def questions(self) -> int:
        """See `FittedMetric`."""
        return QUESTIONS

    @property
    def fitted(self) -> bool:
        """See `FittedMetric`."""
        return self.author is not None

    def fit(self, train: Sequence[Example], base_answers: Sequence[str]) -> "Style":
        """Fit to the author of `train`, against the messages of other people in it and against answers of the base."""
        messages = [m.content for example in train for m in example.question if m.role == "user"]
        others = [text for text in messages if len(text.split()) >= MIN_MESSAGE_WORDS]
        return self.fit_against(train, [*others, *(text for text in base_answers if len(text.split()) >= MIN_WORDS)])

    def summary(self) -> str:
        """How well the author's texts are told from those of others, by classifiers that did not see them."""
        assert self.author is not None
        return (
            f"of texts held out in turn, {self.author.own_recognised:.0%} of the author's are recognised and "
            f"{self.author.others_refused:.0%} of {self.author.others} by others are rejected."
        )

    def fit_against(self, own: Sequence[Example], others: Sequence[str]) -> "Style":
        """Fit to the author of the ideal answers in `own`, against texts of others.

        Raises DataError for too few texts.
        """
        texts = [example.ideal for example in own]
        given, words = len(others), _length_for(texts, others)
        others = _of_length(others, words) if words >= MIN_LENGTH else []
        if len(texts) < MIN_OWN or len(others) < MIN_OTHER:
            raise DataError(
                f"The metric style cannot learn from {len(texts)} texts of the author and {len(others)} of others.",
                f"It needs {MIN_OWN} and {MIN_OTHER}; texts of others are messages of other people and the base's "
                "own answers.",
                "add examples, or choose another metric (chrf).",
            )
        pieces = [(piece, example.group) for example in own for piece in _pieces(example.ideal, words)]
        judged = [*(piece for piece, _ in pieces), *others]
        labels = [1] * len(pieces) + [0] * len(others)
        groups = [*(group for _, group in pieces), *(f"other {number}" for number in range(len(others)))]
        scores = _held_out(judged, labels, groups)
        return Style(
            AuthorModel(
                classifier=_classifier(judged).fit(judged, labels),
                own_recognised=float(np.mean(scores[: len(pieces)] > 0)),
                others=given,
                others_refused=float(np.mean(scores[len(pieces) :] <= 0)),
                runs=_own_runs(texts),
                repeats=max(MIN_REPEATS, *map(repeats, texts)),
                least_words=float(np.quantile([len(text.split()) for text in texts], SHORT_SHARE)) / 2,
            )
        )

    def __call__(self, answer: str, example: Example) -> MetricResult:
        """1 where the answer is taken for the author's, else 0; sentences from training or question do not count.

        An answer that repeats itself more than any training text does, or that is far shorter than nearly all of them,
        is not the author's. Parts: "own text recognised" is the same of the author's real answer (no specialist can be
        expected to do better); "copied" the share of the answer's words in copied sentences; "repeats itself" the
        share of its runs of five words that stood before.
        """
        if self.author is None:
            raise DataError(
                "The metric style has not learnt its author.",
                "It learns from the training examples and from the base's answers, during a climb.",
                "climb the job, or score with the packaged specialist.",
            )
        if len(answer.split()) < MIN_WORDS:
            raise Unscorable(f"the answer has under {MIN_WORDS} words, too few to have a style.")
        rest, copied = self._without_copies(answer, example)
        again = repeats(answer)
        enough = len(rest.split()) >= max(MIN_WORDS, self.author.least_words)
        judged = copied < MAX_COPIED and enough and again <= self.author.repeats
        parts = {
            "own text recognised": float(self._is_taken(example.ideal)),
            "copied": copied,
            "repeats itself": again,
        }
        return MetricResult(float(judged and self._is_taken(rest)), parts)

    def _is_taken(self, text: str) -> bool:
        assert self.author is not None
        return bool(self.author.classifier.decision_function([text])[0] > 0)

    def _without_copies(self, answer: str, example: Example) -> tuple[str, float]:
        """The answer without sentences that stand in the training or in the question, and their share of its words."""
        question = "\n".join(message.content for message in example.question)
        asked = f" {normalize(question)} "
        kept, copied, total = [], 0, 0
        for sentence in filter(None, (part.strip() for part in SENTENCE.split(answer))):
            number = len(sentence.split())
            total += number
            echoed = number >= ECHOED and f" {normalize(sentence)} " in asked
            if echoed or (number >= COPIED_RUN and self._share_copied(sentence) >= COPIED_SENTENCE):
                copied += number
            else:
                kept.append(sentence)
        return (answer if not copied else "\n".join(kept)), copied / (total or 1)

    def _share_copied(self, sentence: str) -> float:
        assert self.author is not None
        runs = next(ngram_hashes([normalize(sentence)], COPIED_RUN))
        known = self.author.runs
        places = np.minimum(np.searchsorted(known, runs), max(len(known) - 1, 0))
        return float(np.mean(known[places] == runs)) if len(known) else 0.0

    def compare(self, answers: Sequence[str], examples: Sequence[Example]) -> list[dict[str, float]]:
        """For each answer whether a classifier tells it from the author's real one: 1, 0, or 0.5 where they are equal.

        Answers and real texts are learnt apart in five parts, by group; each pair is judged by a classifier that saw
        neither. The mean is how often the real one is found out of two: 1 is always, 0.5 is guessing, which no
        specialist can better. Without enough pairs nothing is said.
        """
        groups = [example.group for example in examples]
        if len(answers) < MIN_PAIRS or len(set(groups)) < FOLDS:
            return [{} for _ in answers]
        ideals = [example.ideal for example in examples]
        labels = [1] * len(ideals) + [0] * len(answers)
        scores = _held_out([*ideals, *answers], labels, [*groups, *groups])
        real, made = scores[: len(ideals)], scores[len(ideals) :]
        told = 0.5 + 0.5 * np.sign(real - made)
        return [{"told from the author": float(one)} for one in told]


def repeats(text: str) -> float:
    """The share of a text's runs of five words that stood in it before: near 0 in what people write."""
    runs = next(ngram_hashes([normalize(text)], REPEATED_RUN)).tolist()
    return 1 - len(set(runs)) / len(runs)


def _classifier(texts: Sequence[str]) -> Pipeline:
    """Runs of two to four characters, and the most frequent words with all others masked, one to three in a row."""
    counts: Counter[str] = Counter()
    for text in texts:
        counts.update(TOKEN.findall(text.lower()))
    frequent = {word for word, _ in counts.most_common(FREQUENT_WORDS)}

    def masked(text: str) -> list[str]:
        tokens = [token if token in frequent else "*" for token in TOKEN.findall(text.lower())]
        return [" ".join(tokens[at : at + n]) for n in (1, 2, 3) for at in range(len(tokens) - n + 1)]

    characters = TfidfVectorizer(
        analyzer="char_wb", ngram_range=(2, 4), min_df=2, max_features=MAX_FEATURES, sublinear_tf=True
    )
    words = TfidfVectorizer(analyzer=masked, min_df=2, max_features=MAX_FEATURES, sublinear_tf=True)
    features = FeatureUnion([("characters", characters), ("words", words)])
    return make_pipeline(features, LogisticRegression(C=10.0, class_weight="balanced", max_iter=2_000))


def _held_out(texts: Sequence[str], labels: Sequence[int], groups: Sequence[str]) -> npt.NDArray[np.float64]:
    """The score of each text by a classifier that saw no text of its group: (N,); above 0 is the author."""
    scores = np.zeros(len(texts))
    folds = GroupKFold(n_splits=min(FOLDS, len(set(groups))))
    for seen, left_out in folds.split(texts, labels, groups):
        if len({labels[number] for number in seen}) < 2:
            continue
        learnt = [texts[number] for number in seen]
        fitted = _classifier(learnt).fit(learnt, [labels[number] for number in seen])
        scores[left_out] = fitted.decision_function([texts[number] for number in left_out])
    return scores


def _length_for(own: Sequence[str], others: Sequence[str]) -> float:
    """The length, in words, at which texts are compared: the author's own, or shorter where others wrote little."""
    written = sum(len(text.split()) for text in others)
    return min(float(np.median([len(text.split()) for text in own])) if own else 0.0, written / LIKED_OTHER)


def _pieces(text: str, words: float) -> list[str]:
    """A text of the author in pieces about as long as those of others; whole where it is not far longer."""
    if len(text.split()) < LONG * words:
        return [text]
    cuts = [0]
    for gap in SENTENCE.finditer(text):
        if len(text[cuts[-1] : gap.start()].split()) >= words:
            cuts.append(gap.end())
    return [text[start:end].strip() for start, end in pairwise(cuts)][:MAX_PIECES] or [text]


def _of_length(others: Sequence[str], words: float) -> list[str]:
    """Texts of at least so many words: short ones are joined, so that length tells nothing."""
    made: list[str] = []
    waiting: list[str] = []
    for text in others:
        if text.strip():
            waiting.append(text.strip())
        if sum(len(one.split()) for one in waiting) >= words > 0:
            made.append("\n\n".join(waiting))
            waiting = []
    return made


def _own_runs(texts: Sequence[str]) -> npt.NDArray[np.uint64]:
    """Runs of words in the training texts, without those that so many share that they are the author's habit."""
    counts: Counter[int] = Counter()
    for runs in ngram_hashes(map(normalize, texts), COPIED_RUN):
        if len(runs):
            counts.update(set(runs.tolist()))
    return np.array(sorted(run for run, count in counts.items() if count < HABIT), dtype=np.uint64)
