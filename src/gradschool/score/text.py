"""Text metrics: exact match, labels, token F1, ROUGE-L and chrF."""

import re
from collections import Counter
from collections.abc import Sequence

from rouge_score.rouge_scorer import RougeScorer
from sacrebleu import sentence_chrf

from gradschool.data.normalize import as_typed, fold_width
from gradschool.records import Example
from gradschool.score.metric import Metric, MetricResult, Unscorable
from gradschool.score.words import cased_units, folded_case, words

MAX_CHARACTERS = 20_000  # time and memory of rouge_l grow with the product of both lengths
MAX_WORDS = 5_000  # in scripts whose characters are words
_EDGE = " \t\r\n.,;:!?…\"'`´*“”„‘’«»‹›()[]。、「」『』《》【】؟،۔।"
_ARTICLES = frozenset({"a", "an", "the"})
_DASHES = str.maketrans("‐‑‒–−", "-----")
_LEADING_POINT = re.compile(r"(?<!\w)\.(?=\d)")
_INTERVAL = re.compile(
    r"(?<!\w)[(\[\]]\s*[-+]?[\d.∞]+\s*[,;]\s*[-+]?[\d.∞]+\s*[)\]\[](?=\W*\Z)"
)  # [0, 5) is not [0, 5]
_BULLET = re.compile(r"\A-+\s+(?=\D)")
_GAP = re.compile(r"(?<=\d)\s+(?=\d)")
# Between words; not before a number (-1), between digits (2-3) or at the end (B-).
_DIVIDER = re.compile(r"[\s_]+(?:-+[\s_]+)?|(?<=[^\W_])-+(?=[^\W\d_])|(?<=[^\W\d_])-+(?=\d)")


def exact_match(answer: str, example: Example) -> MetricResult:
    """1 if the answer equals the ideal answer, else 0.

    Leading and trailing white space is ignored, and so is the Unicode form: letters with accents in one or two code
    points, kinds of spaces, invisible signs, curly and straight quotes and apostrophes.
    """
    return MetricResult(float(as_typed(answer).strip() == as_typed(example.ideal).strip()))


def normalize(label: str) -> str:
    """Normalize a label: case, quotes and final punctuation are dropped, `_` and `-` become spaces.

    Quotes and apostrophes inside it are those of a keyboard, as in every metric.

    Signs that can distinguish labels ("C#", "C+", "B-", "-1", "0.5", "10²", "[0, 5)", "5 mW") are kept.

    >>> normalize(" **Card_Arrival**. ")
    'card arrival'
    """
    plain = folded_case(cased_units(as_typed(fold_width(label)).translate(_DASHES))).strip()
    pointed = _LEADING_POINT.sub("0.", plain)
    edged = found[0] if (found := _INTERVAL.search(pointed)) else pointed.strip(_EDGE)
    return _DIVIDER.sub(" ", _BULLET.sub("", edged, count=1) if _BULLET.match(edged) else edged).strip() or plain


def label(examples: Sequence[Example]) -> Metric:
    """A metric that gives 1 if the answer is the ideal label, after `normalize`; else 0.

    The part "known label" is 0 if the answer is not a right answer of any example, such as prose or an invented label.
    """
    known = {normalize(text) for example in examples for text in (example.ideal, *example.other_answers)}

    def metric(answer: str, example: Example) -> MetricResult:
        given, ideal = normalize(answer), normalize(example.ideal)
        return MetricResult(float(given == ideal), {"known label": float(given in known or given == ideal)})

    return metric


def token_f1(answer: str, example: Example) -> MetricResult:
    """The F1 score over words, with repeated words counted; order does not matter.

    Source: Rajpurkar et al. (2016), "SQuAD: 100,000+ Questions for Machine Comprehension of Text", the official
    script's normalization: lower case, no punctuation, no English articles. Unlike it, numbers keep their points and
    signs, and scripts without spaces have words (see `words`). If a text has no words left, the score is 1 if both have
    none, else 0 (as in SQuAD 2.0).
    """
    given, ideal = (
        [word for word in words(text, joined=True) if word not in _ARTICLES] for text in (answer, example.ideal)
    )
    if not given or not ideal:
        return MetricResult(float(given == ideal))
    common = (Counter(given) & Counter(ideal)).total()
    return MetricResult(2 * common / (len(given) + len(ideal)))


class _Tokenizer:
    """The tokenizer that rouge-score calls."""

    def tokenize(self, text: str) -> list[str]:
        return words(text[:MAX_CHARACTERS], joined=False)[:MAX_WORDS]


_rouge = RougeScorer(["rougeL"], tokenizer=_Tokenizer())


def rouge_l(answer: str, example: Example) -> MetricResult:
    """ROUGE-L: the F measure of the longest common subsequence of words, without stemming, by rouge-score.

    Unlike its own tokenizer, which only reads a-z and 0-9, ours reads every script and keeps the signs of numbers (see
    `words`). An ideal answer without words is Unscorable. Texts are cut off after 20,000 characters or 5,000 words.
    Source: Lin (2004), "ROUGE: A Package for Automatic Evaluation of Summaries".
    """
    if not words(example.ideal[:MAX_CHARACTERS], joined=False):
        raise Unscorable("rouge_l compares words, and the ideal answer has none; use chrf.")
    score = _rouge.score(example.ideal, answer)["rougeL"]
    return MetricResult(_within(score.fmeasure))


def chrf(answer: str, example: Example) -> MetricResult:
    """chrF2: the F2 measure of common character n-grams up to 6, by sacrebleu, divided by 100; for any language.

    Curly quotes and apostrophes equal straight ones, and a space between digits counts (1 1/2 is not 11/2). Texts are
    cut off after 20,000 characters.
    Source: Popović (2015), "chrF: character n-gram F-score for automatic MT evaluation".
    """
    given, ideal = (_GAP.sub("·", as_typed(text)[:MAX_CHARACTERS]) for text in (answer, example.ideal))
    score = sentence_chrf(given, [ideal]).score
    return MetricResult(_within(score / 100))


def _within(value: float) -> float:
    """Clip rounding errors of a library to [0, 1]."""
    return min(1.0, max(0.0, float(value)))
