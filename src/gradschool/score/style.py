"""The metric `style`: whether a classifier attributes an answer to the author, and whether the answer is copied.

Features are character n-grams and the most frequent words (Stamatatos 2009, "A survey of modern authorship attribution
methods"; Burrows 2002), and n-grams of these words with all other words masked (Stamatatos 2017, "Authorship
attribution using text distortion"). How well answers are distinguished from the author's real texts is measured by a
classifier two-sample test (Lopez-Paz and Oquab 2017, "Revisiting classifier two-sample tests").

Shapes: N texts, F features.
"""

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import numpy.typing as npt
import regex
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GroupKFold
from sklearn.pipeline import FeatureUnion, Pipeline, make_pipeline

from gradschool.data.normalize import SPACELESS, normalize, word_count
from gradschool.data.others import is_writing
from gradschool.data.shingles import ngram_hashes
from gradschool.errors import DataError
from gradschool.records import Example
from gradschool.score.metric import FitText, MetricResult, Unscorable

MIN_OWN, MIN_OTHER = 20, 10  # fewest texts of the author and of others to fit on
LIKED_OTHER = 2 * MIN_OTHER  # target number of texts of others, if their texts are short
MIN_LENGTH = 20  # words of such a text
LONG, MAX_PARTS = 4, 3  # texts this many times as long as those of others are split; parts used of each
MIN_WORDS = 5  # of an answer; shorter ones cannot be scored
QUESTIONS = 40  # training questions that each variant of the base answers
FREQUENT_WORDS = 150  # function words, in any language
MAX_FEATURES = 20_000  # of each kind
FOLDS = 5
MIN_PAIRS = 10  # fewest answers for the two-sample test
COPIED_RUN = 8  # words in a row that are copied rather than a coincidence
ECHOED = 4  # fewest words of a sentence that is repeated from the question
SHORT_FRACTION = 0.05  # fraction of training texts that may be unusually short
HABIT = 3  # training texts that share a run, from which it is a habit of the author
COPIED_SENTENCE = 0.5  # fraction of a sentence in copied runs from which it is ignored
MAX_COPIED = 0.5  # fraction of an answer in copied sentences from which it scores 0
SENTENCE = re.compile(r"(?<=[.!?])\s+|\n+|(?<=[。！？])(?=[^\s。！？」』”’])")
TOKEN = regex.compile(rf"{SPACELESS.pattern}|(?:(?!{SPACELESS.pattern})\w)+(?:['’]\w+)?|[^\w\s]|\n\n")
REPEATED_RUN, MIN_REPEATS = 5, 0.1  # words; fraction of repeated runs that is normal


@dataclass(frozen=True, slots=True)
class AuthorModel:
    """A classifier fitted to an author, its accuracy on held-out texts, and the runs of words in the training texts."""

    classifier: Pipeline
    own_recognized: float  # fraction of the author's training texts, each held out in turn
    others_rejected: float
    others: int  # how many texts of others it was fitted against
    runs: npt.NDArray[np.uint64]  # sorted hashes of runs of words, without habits
    repeats: float  # maximum repetition within a training text
    least_words: float  # half the length of nearly all training texts


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

    def fit_texts(self, train: Sequence[Example], others: Sequence[str], base_answers: Sequence[str]) -> list[FitText]:
        """The ideal answers in `train`, and texts of others with answers of the base that are long enough."""
        against = [*others, *filter(is_writing, base_answers)]
        own = [FitText(self.name, "author", example.ideal, example.group) for example in train]
        return [*own, *(FitText(self.name, "others", text) for text in against)]

    def shortage(self, train: Sequence[Example], others: Sequence[str]) -> tuple[str, str]:
        """See `FittedMetric`: too few or too short texts of the author; few words of others."""
        words = [word_count(example.ideal) for example in train]
        if len(train) < MIN_OWN:
            stops = f"The metric style needs {MIN_OWN} texts of the author to train on; the split leaves {len(train)}."
        elif np.median(words) < MIN_LENGTH:
            stops = (
                f"The metric style compares texts of {MIN_LENGTH} words or more; half of the author's texts have "
                f"{np.median(words):.0f} or fewer."
            )
        else:
            stops = ""
        written, needed = sum(map(word_count, others)), MIN_LENGTH * LIKED_OTHER
        few = (
            f"the metric style needs {needed} words of others or more to distinguish the author; the job has {written} "
            f"({len(others)} texts). The rest would be answers of the base: if they are too short, the climb stops. "
            "Name texts of other authors, with data.others in job.toml or the option --others of prepare"
        )
        return stops, few if written < needed else ""

    def summary(self) -> str:
        """How well classifiers that did not see the texts distinguish the author's from those of others."""
        assert self.author is not None
        return (
            f"of texts held out in turn, {self.author.own_recognized:.0%} of the author's are recognized and "
            f"{self.author.others_rejected:.0%} of {self.author.others} by others are rejected."
        )

    def fit(self, texts: Sequence[FitText]) -> "Style":
        """Fit to the texts of the author, against those of others. Raises DataError if there are too few."""
        own = [text for text in texts if text.by == "author"]
        others = [text.text for text in texts if text.by == "others"]
        given, words = len(others), _length_for([text.text for text in own], others)
        others = _of_length(others, words) if words >= MIN_LENGTH else []
        if len(own) < MIN_OWN or len(others) < MIN_OTHER:
            raise DataError(
                f"The metric style cannot be fitted to {len(own)} texts of the author and {len(others)} of others.",
                f"It needs {MIN_OWN} and {MIN_OTHER}, of {MIN_LENGTH} words or more; texts of others are those of "
                "data.others, messages by other people, and answers of the base.",
                "name texts of other authors (data.others in job.toml, or the option --others of prepare), add "
                "examples, or choose another metric (chrf).",
            )
        samples = [(sample, text.group) for text in own for sample in _parts_of(text.text, words)]
        judged = [*(sample for sample, _ in samples), *others]
        labels = [1] * len(samples) + [0] * len(others)
        groups = [*(group for _, group in samples), *(f"other {number}" for number in range(len(others)))]
        scores = _held_out(judged, labels, groups)
        return Style(
            AuthorModel(
                classifier=_classifier(judged).fit(judged, labels),
                own_recognized=float(np.mean(scores[: len(samples)] > 0)),
                others=given,
                others_rejected=float(np.mean(scores[len(samples) :] <= 0)),
                runs=_own_runs([text.text for text in own]),
                repeats=max(MIN_REPEATS, *(repeats(text.text) for text in own)),
                least_words=float(np.quantile([word_count(text.text) for text in own], SHORT_FRACTION)) / 2,
            )
        )

    def __call__(self, answer: str, example: Example) -> MetricResult:
        """1 if the answer is attributed to the author, else 0; sentences from training or the question are ignored.

        An answer scores 0 too if it repeats itself more than any training text, or is far shorter than nearly all of
        them. Parts: "own text accepted" is the score of the author's real answer, the most that can be expected of a
        specialist; "copied" is the fraction of the answer's words in copied sentences; "repeats itself" is the
        fraction of its runs of five words that occurred before.
        """
        if self.author is None:
            raise DataError(
                "The metric style is not fitted to an author.",
                "A climb fits it to the training examples and to answers of the base.",
                "climb the job, or score with the packaged specialist.",
            )
        if word_count(answer) < MIN_WORDS:
            raise Unscorable(f"the answer has under {MIN_WORDS} words, too few for a style.")
        rest, copied = self._without_copies(answer, example)
        again = repeats(answer)
        enough = word_count(rest) >= max(MIN_WORDS, self.author.least_words)
        judged = copied < MAX_COPIED and enough and again <= self.author.repeats
        parts = {
            "own text accepted": float(self._is_taken(example.ideal)),
            "copied": copied,
            "repeats itself": again,
        }
        return MetricResult(float(judged and self._is_taken(rest)), parts)

    def _is_taken(self, text: str) -> bool:
        assert self.author is not None
        return bool(self.author.classifier.decision_function([text])[0] > 0)

    def _without_copies(self, answer: str, example: Example) -> tuple[str, float]:
        """The answer without sentences from the training texts or the question, and their fraction of its words."""
        question = "\n".join(message.content for message in example.question)
        asked = f" {normalize(question)} "
        own, copied, total = list[str](), 0, 0
        for sentence in filter(None, (part.strip() for part in SENTENCE.split(answer))):
            number = word_count(sentence)
            total += number
            echoed = number >= ECHOED and f" {normalize(sentence)} " in asked
            if echoed or (number >= COPIED_RUN and self._copied_fraction(sentence) >= COPIED_SENTENCE):
                copied += number
            else:
                own.append(sentence)
        return (answer if not copied else "\n".join(own)), copied / (total or 1)

    def _copied_fraction(self, sentence: str) -> float:
        assert self.author is not None
        runs = next(ngram_hashes([normalize(sentence)], COPIED_RUN))
        known = self.author.runs
        places = np.minimum(np.searchsorted(known, runs), max(len(known) - 1, 0))
        return float(np.mean(known[places] == runs)) if len(known) else 0.0

    def compare(self, answers: Sequence[str], examples: Sequence[Example]) -> list[dict[str, float]]:
        """For each answer, whether a classifier distinguishes it from the author's real text: 1, 0, or 0.5 for a tie.

        Five-fold cross-validation by group: each pair is judged by a classifier that saw neither text. The mean is how
        often the real text of a pair is found: 1 is always; 0.5 is chance, the best that a specialist can reach.
        Empty if there are too few pairs.
        """
        groups = [example.group for example in examples]
        if len(answers) < MIN_PAIRS or len(set(groups)) < FOLDS:
            return [{} for _ in answers]
        ideals = [example.ideal for example in examples]
        labels = [1] * len(ideals) + [0] * len(answers)
        scores = _held_out([*ideals, *answers], labels, [*groups, *groups])
        real, made = scores[: len(ideals)], scores[len(ideals) :]
        distinguished = 0.5 + 0.5 * np.sign(real - made)
        return [{"distinguishable from the author": float(one)} for one in distinguished]


def repeats(text: str) -> float:
    """The fraction of a text's runs of five words that occurred in it before; near 0 in text written by people."""
    runs = next(ngram_hashes([normalize(text)], REPEATED_RUN)).tolist()
    return 1 - len(set(runs)) / len(runs)


def _classifier(texts: Sequence[str]) -> Pipeline:
    """Logistic regression over character 2- to 4-grams, and word 1- to 3-grams in which rare words are masked."""
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
    """The score of each text by a classifier that saw no text of its group: (N,); above 0 means the author."""
    scores = np.zeros(len(texts))
    folds = GroupKFold(n_splits=min(FOLDS, len(set(groups))))
    for seen, left_out in folds.split(texts, labels, groups):
        if len({labels[number] for number in seen}) < 2:
            continue
        training = [texts[number] for number in seen]
        fitted = _classifier(training).fit(training, [labels[number] for number in seen])
        scores[left_out] = fitted.decision_function([texts[number] for number in left_out])
    return scores


def _length_for(own: Sequence[str], others: Sequence[str]) -> float:
    """The length in words at which texts are compared: the author's own, or shorter if others wrote little."""
    written = sum(word_count(text) for text in others)
    return min(float(np.median([word_count(text) for text in own])) if own else 0.0, written / LIKED_OTHER)


def _parts_of(text: str, words: float) -> list[str]:
    """A text of the author, split into parts about as long as the texts of others if it is far longer."""
    if word_count(text) < LONG * words:
        return [text]
    cuts = [0]
    for gap in SENTENCE.finditer(text):
        if word_count(text[cuts[-1] : gap.start()]) >= words:
            cuts.append(gap.end())
    return [text[start:end].strip() for start, end in pairwise(cuts)][:MAX_PARTS] or [text]


def _of_length(others: Sequence[str], words: float) -> list[str]:
    """Join short texts until each has at least so many words, so that length is not a feature."""
    joined: list[str] = []
    pending: list[str] = []
    for text in others:
        if text.strip():
            pending.append(text.strip())
        if sum(word_count(one) for one in pending) >= words > 0:
            joined.append("\n\n".join(pending))
            pending = []
    return joined


def _own_runs(texts: Sequence[str]) -> npt.NDArray[np.uint64]:
    """Runs of words in the training texts, without those that many texts share, which are habits of the author."""
    counts: Counter[int] = Counter()
    for runs in ngram_hashes(map(normalize, texts), COPIED_RUN):
        if len(runs):
            counts.update(set(runs.tolist()))
    return np.array(sorted(run for run, count in counts.items() if count < HABIT), dtype=np.uint64)
