"""The metric `style`: whether a text could be the author's answer to its question.

An answer counts if a classifier attributes it to the author, its words are in an order that somebody wrote, it is new,
and it follows its question. All answers together are distinguished from the author's real texts by a classifier
two-sample test (Lopez-Paz and Oquab 2017, "Revisiting classifier two-sample tests").
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise

import numpy as np
from sklearn.pipeline import Pipeline

from gradschool.data.normalize import normalize, word_count, words
from gradschool.data.others import is_writing
from gradschool.data.shingles import Hashes, ngram_hashes
from gradschool.errors import DataError
from gradschool.records import Example, last_user
from gradschool.score.attribution import FOLDS, authorship, held_out
from gradschool.score.copies import Runs, covered, own_runs
from gradschool.score.forgeries import plain_letters, texts_of_others
from gradschool.score.metric import FitText, MetricResult, Unscorable
from gradschool.score.mixture import can_be_real
from gradschool.score.on_topic import OnTopic, learn_topics
from gradschool.score.word_order import WordOrder, learn_order

MIN_OWN, MIN_OTHER = 20, 10  # fewest texts of the author and of others to fit on
LIKED_OTHER = 2 * MIN_OTHER  # target number of texts of others, if their texts are short
MIN_LENGTH = 20  # words of such a text
LONG, MAX_PARTS = 4, 3  # texts this many times as long as those of others are split; parts used of each
MIN_WORDS = 5  # of an answer; shorter ones cannot be scored
QUESTIONS = 40  # training questions that each variant of the base answers
MIN_PAIRS = 10  # fewest answers for the two-sample test
ECHOED = 4  # fewest words of a sentence that is repeated from the question
UNUSUAL = 0.05  # fraction of training texts that may be unusually short, or have unusually few or many capitals
UNLIKE = 0.05  # fraction of the author's real texts that may be as unlike him as an answer that does not count
MAX_COPIED = 0.5  # fraction of an answer in copied sentences from which it scores 0
TOGETHER = 64  # texts that are read at once
SENTENCE = re.compile(r"(?<=[.!?])\s+|\n+|(?<=[。！？])(?=[^\s。！？」』”’])")
REPEATED_RUN, MIN_REPEATS = 5, 0.1  # words; fraction of repeated runs that is normal


@dataclass(frozen=True, slots=True)
class AuthorModel:
    """What is known about an author: classifiers, their accuracy on held-out texts, and the runs of the texts."""

    classifier: Pipeline
    order: WordOrder
    topics: OnTopic | None  # None: the author's answers do not follow their questions visibly
    own_recognized: float  # fraction of the author's training texts, each held out in turn
    others_rejected: float
    others: int  # how many texts of others it was fitted against
    runs: Runs
    repeats: float  # maximum repetition within a training text
    least_words: float  # half the length of nearly all training texts
    capitals: tuple[float, float]  # half and twice the fraction of capitals in nearly all training texts
    attributed: dict[str, bool] = field(default_factory=dict, compare=False, repr=False)  # see `WordOrder.scores`

    def attributes(self, text: str) -> bool:
        """Whether a text is attributed to the author."""
        if text not in self.attributed:
            self.read([text])
        return self.attributed[text]

    def read(self, texts: Sequence[str]) -> None:
        """Attribute texts together: a classifier is slow to begin."""
        fewest, most = self.capitals
        for text, score in zip(texts, self.classifier.decision_function(texts), strict=True):
            self.attributed[text] = bool(fewest <= capitals(text) <= most and score > 0)


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
        own = [
            FitText(self.name, "author", example.ideal, example.group, last_user(example.question)) for example in train
        ]
        return [*own, *(FitText(self.name, "others", text) for text in against)]

    def shortage(self, train: Sequence[Example], others: Sequence[str]) -> tuple[str, str]:
        """See `FittedMetric`: too few or too short texts of the author; few words of others."""
        words = [word_count(example.ideal) for example in train]
        if len(train) < MIN_OWN:
            stops = (
                f"The metric style needs {MIN_OWN} texts of the author to train on; the split leaves {len(train)}. "
                f"About half of all are trained on, so that {2 * MIN_OWN} or more are needed."
            )
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
            f"({len(others)} texts)"
        )
        return stops, few if written < needed else ""

    def summary(self) -> str:
        """How well classifiers that did not see the texts distinguish the author's from those of others."""
        assert self.author is not None
        topics = (
            "Answers must follow their questions."
            if self.author.topics
            else "Whether answers follow their questions is not checked, because those of the author do not visibly."
        )
        return (
            f"of texts held out in turn, {self.author.own_recognized:.0%} of the author's are recognized and "
            f"{self.author.others_rejected:.0%} of {self.author.others} by others are rejected; "
            f"of his texts in disorder, {self.author.order.disordered_rejected:.0%} are rejected. {topics}"
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
        return Style(_learn(own, others, given, words))

    def __call__(self, answer: str, example: Example) -> MetricResult:
        """1 if the answer could be the author's to this question, else 0; copied sentences are ignored.

        An answer scores 0 too if it repeats itself more than any training text, or is far shorter than nearly all of
        them. Parts: "own text accepted" is the score of the author's real answer, the most that can be expected of a
        specialist; "attributed to the author", "natural word order" and "on topic" say which check an answer meets;
        "copied" is the fraction of the answer's words in copied sentences; "repeats itself" is the fraction of its runs
        of five words that occurred before.
        """
        if self.author is None:
            raise DataError(
                "The metric style is not fitted to an author.",
                "A climb fits it to the training examples and to answers of the base.",
                "climb the job, or score with the packaged specialist.",
            )
        if word_count(answer) < MIN_WORDS:
            raise Unscorable(f"the answer has under {MIN_WORDS} words, too few for a style.")
        known = self.author
        rest, copied = self._without_copies(answer, example)
        again = repeats(answer)
        enough = word_count(rest) >= max(MIN_WORDS, known.least_words)
        checks = {
            "attributed to the author": known.attributes(rest),
            "natural word order": known.order.accepts(answer),
        }
        if known.topics:
            checks["on topic"] = known.topics.follows(rest, last_user(example.question), example.ideal)
        counts = copied < MAX_COPIED and enough and again <= known.repeats and all(checks.values())
        about = {
            "own text accepted": float(known.attributes(example.ideal) and known.order.accepts(example.ideal)),
            "copied": copied,
            "repeats itself": again,
        }
        return MetricResult(float(counts), {**{name: float(met) for name, met in checks.items()}, **about})

    def read(self, answers: Sequence[str], examples: Sequence[Example]) -> None:
        """See `ReadsTogether`. Attributed are whole answers: those with copied sentences are attributed one by one."""
        if not self.author:
            return
        scored = [text for text in answers if word_count(text) >= MIN_WORDS]
        texts = list(dict.fromkeys([*scored, *(example.ideal for example in examples)]))
        for known, read in (
            (self.author.attributed, self.author.read),
            (self.author.order.scores, self.author.order.read),
        ):
            new = [text for text in texts if text not in known]
            for start in range(0, len(new), TOGETHER):
                read(new[start : start + TOGETHER])

    def _without_copies(self, answer: str, example: Example) -> tuple[str, float]:
        """The answer without sentences from the training texts or the question, and their fraction of its words."""
        assert self.author is not None
        question = "\n".join(message.content for message in example.question)
        asked, size = f" {normalize(question)} ", self.author.runs.size
        sentences = [part.strip() for part in SENTENCE.split(answer) if part.strip()]
        plain = [normalize(sentence) for sentence in sentences]
        text = " ".join(plain)
        found = self.author.runs.copied(text) | covered(text, size, _runs_of(question, size))
        own, copied, begin = list[str](), 0, 0
        for sentence, normalized in zip(sentences, plain, strict=True):
            end = begin + len(words(normalized))
            echoed = end - begin >= ECHOED and f" {normalized} " in asked
            if echoed or float(np.sum(found[begin:end])) / (end - begin or 1) >= self.author.runs.least:
                copied += end - begin
            else:
                own.append(sentence)
            begin = end
        return (answer if not copied else "\n".join(own)), copied / (begin or 1)

    def compare(self, answers: Sequence[str], examples: Sequence[Example]) -> list[MetricResult]:
        """For each answer, the value that it may have at most, and what distinguishes it from the author's real text.

        An answer that is mostly copied from an earlier one may have 0, and so may one that a classifier finds less like
        the author than nearly all real texts. If the answers that count so far have words in an order less natural than
        that of the real texts, only so many of them may count as can be like these ("as natural as the author"; see
        `mixture`). The part "distinguishable from the author" is 1 if the classifier finds
        the real text of a pair, 0 if not, and 0.5 for a tie. Its mean is 1 if they are always distinguished; 0.5 is
        chance, the best that a specialist can reach. The classifier saw neither text: five-fold cross-validation by
        group. Too few pairs are not compared.
        """
        assert self.author is not None
        again = _repeated(answers, self.author.runs)
        usual = _repeated([example.ideal for example in examples], self.author.runs)
        limits = [float(not new or old) for new, old in zip(again, usual, strict=True)]
        parts: list[dict[str, float]] = [{"distinct": limit} for limit in limits]
        groups = [example.group for example in examples]
        if len(answers) >= MIN_PAIRS and len(set(groups)) >= FOLDS:
            ideals = [example.ideal for example in examples]
            labels = [1] * len(ideals) + [0] * len(answers)
            scores = held_out([*ideals, *answers], labels, [*groups, *groups])
            real, made = scores[: len(ideals)], scores[len(ideals) :]
            least = np.quantile(real, UNLIKE)
            for number, found in enumerate(0.5 + 0.5 * np.sign(real - made)):
                parts[number]["distinguishable from the author"] = float(found)
                if found == 1 and made[number] < least:
                    limits[number] = 0.0
            for number, natural in self._natural(answers, examples, limits).items():
                parts[number]["as natural as the author"] = float(natural)
                limits[number] *= natural
        return [MetricResult(limit, part) for limit, part in zip(limits, parts, strict=True)]

    def _natural(self, answers: Sequence[str], examples: Sequence[Example], limits: Sequence[float]) -> dict[int, bool]:
        """For each answer that counts so far, whether it still does if their order of words is compared together."""
        assert self.author is not None
        order = self.author.order
        pairs = zip(answers, examples, limits, strict=True)
        places = [at for at, (answer, example, limit) in enumerate(pairs) if limit and self(answer, example).value]
        scores = [order.score(answers[place]) for place in places]
        usual = [score for example in examples if (score := order.score(example.ideal)) > order.threshold]
        return dict(zip(places, can_be_real(scores, usual), strict=True))


def repeats(text: str) -> float:
    """The fraction of a text's runs of five words that occurred in it before; near 0 in text written by people."""
    runs = next(ngram_hashes([normalize(text)], REPEATED_RUN)).tolist()
    return 1 - len(set(runs)) / len(runs)


def capitals(text: str) -> float:
    """The fraction of a text's letters that are capitals; 0 in scripts that have none."""
    letters = [sign for sign in text if sign.isalpha()]
    return sum(sign.isupper() for sign in letters) / (len(letters) or 1)


def _learn(own: Sequence[FitText], others: Sequence[str], given: int, length: float) -> AuthorModel:
    """Learn an author from his texts, against others of a length; `given` counts the texts of others before joining."""
    texts, groups = [text.text for text in own], [text.group for text in own]
    samples = [(sample, text.group) for text in own for sample in _parts_of(text.text, length)]
    ours, theirs = [sample for sample, _ in samples], [*others, *texts_of_others(texts, others, length)]
    judged, labels = [*ours, *theirs], [1] * len(ours) + [0] * len(theirs)
    whose = [*(group for _, group in samples), *(f"other {number}" for number in range(len(theirs)))]
    scores = held_out(judged, labels, whose)
    shares = [capitals(text) for text in texts]
    return AuthorModel(
        classifier=authorship(judged, labels),
        order=learn_order(ours, [group for _, group in samples], [*others, *plain_letters(length)]),
        topics=learn_topics([text.question for text in own], texts, groups),
        own_recognized=float(np.mean(scores[: len(ours)] > 0)),
        others=given,
        others_rejected=float(np.mean(scores[len(ours) : len(ours) + len(others)] <= 0)),
        runs=own_runs(texts, groups),
        repeats=max(MIN_REPEATS, *map(repeats, texts)),
        least_words=float(np.quantile([word_count(text) for text in texts], UNUSUAL)) / 2,
        capitals=(float(np.quantile(shares, UNUSUAL)) / 2, float(np.quantile(shares, 1 - UNUSUAL)) * 2),
    )


def _runs_of(text: str, size: int) -> Hashes:
    """The runs of words of a text, sorted."""
    return np.unique(next(ngram_hashes([normalize(text)], size)))


def _repeated(answers: Sequence[str], runs: Runs) -> list[bool]:
    """For each answer, whether it mostly consists of runs of earlier answers that are no habits of the author."""
    seen = np.zeros(0, dtype=np.uint64)
    found = []
    for answer in answers:
        found.append(float(np.mean(covered(answer, runs.size, seen))) >= runs.least)
        seen = np.union1d(seen, np.setdiff1d(_runs_of(answer, runs.size), runs.habits))
    return found


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
