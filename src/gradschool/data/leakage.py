"""Find leakage between the parts of a split, or from documents: equal, near-equal and long common wording."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from gradschool.data.near_duplicates import near_texts, question_text
from gradschool.data.normalize import normalize, normalized_question
from gradschool.data.shingles import Hashes, ngram_hashes
from gradschool.records import Example

NGRAM = 13  # words of an n-gram that two texts rarely share by chance (Brown et al. 2020, appendix C)
MAX_HOLDERS = 10  # training texts; an n-gram in more of them is a stock phrase
MIN_ANSWER = 8  # words; shorter answers are labels and names

LeakKind = Literal["same question", "same answer", "nearly the same question", "long common wording"]


@dataclass(frozen=True, slots=True)
class Leak:
    """A held-out example and the training example (or document) it leaks from; `overlap` is the shared fraction."""

    kind: LeakKind
    id: str
    other: str
    overlap: float = 1.0


def find_leaks(train: Sequence[Example], held_out: Sequence[Example], threshold: float = 0.8) -> list[Leak]:
    """Find leaks from training examples into held-out examples, at most one of each kind per held-out example.

    Normalized questions are compared for equality and by the Jaccard similarity of their word 5-grams; normalized
    answers of eight words or more for equality and by common 13-grams. Wording that more than ten training examples
    share is a label or a stock phrase, not a leak.
    """
    found = [*_same(train, held_out), *_near(train, held_out, threshold)]
    found += _common_wording([(example.id, example.ideal) for example in train], held_out)
    return found


def find_document_leaks(documents: Iterable[tuple[str, str]], held_out: Sequence[Example]) -> list[Leak]:
    """Find held-out answers that share a 13-gram with a document; `documents` are (name, text).

    This is expected if the job answers from the documents, and leakage if it trains on them.
    """
    return _common_wording(documents, held_out)


def _same(train: Sequence[Example], held_out: Sequence[Example]) -> Iterator[Leak]:
    questions: dict[str, str] = {}
    answers: dict[str, str] = {}
    counts: Counter[str] = Counter()
    for example in train:
        questions.setdefault(normalized_question(example), example.id)
        answers.setdefault(answer := normalize(example.ideal), example.id)
        counts[answer] += 1
    for example in held_out:
        if other := questions.get(normalized_question(example)):
            yield Leak("same question", example.id, other)
        answer = normalize(example.ideal)
        if len(answer.split()) >= MIN_ANSWER and counts[answer] <= MAX_HOLDERS and (other := answers.get(answer)):
            yield Leak("same answer", example.id, other)


def _near(train: Sequence[Example], held_out: Sequence[Example], threshold: float) -> Iterator[Leak]:
    both = [*train, *held_out]
    questions = [question_text(example) for example in both]
    folded = [normalized_question(example) for example in both]
    for cluster in near_texts(lambda: questions, questions.__getitem__, threshold):
        sources = [number for number in cluster if number < len(train)]
        for number in cluster:
            other = next((one for one in sources if folded[one] != folded[number]), None)
            if number >= len(train) and other is not None:
                yield Leak("nearly the same question", both[number].id, both[other].id)


def _common_wording(train: Iterable[tuple[str, str]], held_out: Sequence[Example]) -> list[Leak]:
    long = [example for example in held_out if len(example.ideal.split()) >= NGRAM]
    runs = [np.unique(one) for one in ngram_hashes((normalize(example.ideal) for example in long), NGRAM)]
    held = np.unique(np.concatenate(runs)) if runs else np.zeros(0, dtype=np.uint64)
    holders: defaultdict[int, list[str]] = defaultdict(list)
    for name, hashes in _named_ngrams(train) if len(held) else ():
        places = np.minimum(held.searchsorted(hashes), len(held) - 1)
        for run in set(hashes[held[places] == hashes].tolist()):
            if len(holders[run]) <= MAX_HOLDERS:
                holders[run].append(name)
    found = []
    for example, own in zip(long, runs, strict=True):
        shared = [holders[run] for run in own.tolist() if 0 < len(holders.get(run, ())) <= MAX_HOLDERS]
        if shared:
            found.append(Leak("long common wording", example.id, shared[0][0], len(shared) / len(own)))
    return found


def _named_ngrams(texts: Iterable[tuple[str, str]]) -> Iterator[tuple[str, Hashes]]:
    names: list[str] = []

    def contents() -> Iterator[str]:
        for name, text in texts:
            names.append(name)
            yield normalize(text)

    for number, hashes in enumerate(ngram_hashes(contents(), NGRAM)):
        yield names[number], hashes
