"""Text metrics: exact match, labels, token F1, ROUGE-L and chrF."""

import re
import string
import unicodedata
from collections import Counter
from collections.abc import Sequence

from rouge_score.rouge_scorer import RougeScorer
from sacrebleu import sentence_chrf

from gradschool.records import Example
from gradschool.score.metric import Metric, MetricResult, Unscorable

MAX_CHARACTERS = 20_000  # time and memory of rouge_l grow with the product of both lengths
_EDGE = " \t\r\n.,;:!?…\"'`´*“”„‘’«»()[]"
_ARTICLES = re.compile(r"\b(a|an|the)\b")
_PUNCTUATION = str.maketrans("", "", string.punctuation)
_ROUGE_TOKEN = re.compile("[a-z0-9]", re.IGNORECASE)
_rouge = RougeScorer(["rougeL"], use_stemmer=False)


def exact_match(answer: str, example: Example) -> MetricResult:
    """1 if the answer equals the ideal answer, ignoring leading and trailing white space; else 0."""
    return MetricResult(float(answer.strip() == example.ideal.strip()))


def normalize(label: str) -> str:
    """Normalize a label: case, quotes and final punctuation are dropped, `_` and `-` become spaces.

    Signs that can distinguish labels ("C#", "C+", "-") are kept.

    >>> normalize(" **Card_Arrival**. ")
    'card arrival'
    """
    plain = unicodedata.normalize("NFKC", label).casefold().strip()
    folded = re.sub(r"[\s_-]+", " ", plain.strip(_EDGE)).strip()
    return folded or plain


def label(examples: Sequence[Example]) -> Metric:
    """A metric that gives 1 if the answer is the ideal label, after `normalize`; else 0.

    The part "known label" is 0 if the answer is not a label of any example, such as prose or an invented label.
    """
    known = {normalize(example.ideal) for example in examples}

    def metric(answer: str, example: Example) -> MetricResult:
        given, ideal = normalize(answer), normalize(example.ideal)
        return MetricResult(float(given == ideal), {"known label": float(given in known or given == ideal)})

    return metric


def words(text: str) -> list[str]:
    """The words of a text as SQuAD compares them: lower case, no ASCII punctuation, no English articles."""
    return _ARTICLES.sub(" ", text.lower().translate(_PUNCTUATION)).split()


def token_f1(answer: str, example: Example) -> MetricResult:
    """The F1 score over words, with repeated words counted; order does not matter.

    Source: Rajpurkar et al. (2016), "SQuAD: 100,000+ Questions for Machine Comprehension of Text", the official
    script's normalization. If a text has no words left, the score is 1 if both have none, else 0 (as in SQuAD 2.0).
    """
    given, ideal = words(answer), words(example.ideal)
    if not given or not ideal:
        return MetricResult(float(given == ideal))
    common = (Counter(given) & Counter(ideal)).total()
    return MetricResult(2 * common / (len(given) + len(ideal)))


def rouge_l(answer: str, example: Example) -> MetricResult:
    """ROUGE-L: the F measure of the longest common subsequence of words, without stemming, by rouge-score.

    Words consist of a-z and 0-9; an ideal answer without any is Unscorable. Texts are cut off after 20,000
    characters. Source: Lin (2004), "ROUGE: A Package for Automatic Evaluation of Summaries".
    """
    if not _ROUGE_TOKEN.search(example.ideal):
        raise Unscorable("rouge_l only reads the letters a-z and digits, and the ideal answer has none; use chrf.")
    score = _rouge.score(example.ideal[:MAX_CHARACTERS], answer[:MAX_CHARACTERS])["rougeL"]
    return MetricResult(_within(score.fmeasure))


def chrf(answer: str, example: Example) -> MetricResult:
    """chrF2: the F2 measure of common character n-grams up to 6, by sacrebleu, divided by 100; for any language.

    Texts are cut off after 20,000 characters. Source: Popović (2015), "chrF: character n-gram F-score for automatic
    MT evaluation".
    """
    score = sentence_chrf(answer[:MAX_CHARACTERS], [example.ideal[:MAX_CHARACTERS]]).score
    return MetricResult(_within(score / 100))


def mostly_latin(examples: Sequence[Example]) -> bool:
    """Whether at least half of the letters in the ideal answers are ones that rouge_l can read."""
    letters = [letter for example in examples for letter in example.ideal if letter.isalpha()]
    return 2 * sum(letter.isascii() for letter in letters) >= len(letters)


def _within(value: float) -> float:
    """Clip rounding errors of a library to [0, 1]."""
    return min(1.0, max(0.0, float(value)))
