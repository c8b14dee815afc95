"""What stands on both sides of a split, or in the documents too: exactly, nearly, or in long runs of the same words."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from gradschool.data.near_duplicates import near_texts, question_text
from gradschool.data.normalize import normalize, normalized_question
from gradschool.data.shingles import Hashes, ngram_hashes
from gradschool.records import Example

LONG_RUN = 13  # words in a row that two texts rarely share by chance (Brown et al. 2020, appendix C)
STOCK = 10  # texts to learn from that hold a run, from which it is a stock phrase and says nothing
MIN_ANSWER = 8  # words of an answer that is told by its wording; shorter ones are labels and names

LeakKind = Literal["same question", "same answer", "nearly the same question", "long common wording"]


@dataclass(frozen=True, slots=True)
class Leak:
    """An example that is kept from learning, and where its like is learnt from; `share` of its answer's long runs."""

    kind: LeakKind
    id: str
    other: str
    share: float = 1.0


def find_leaks(learnt: Sequence[Example], held_out: Sequence[Example], threshold: float = 0.8) -> list[Leak]:
    """Everything that leaks from examples learnt from into examples kept from learning, at most one of each kind each.

    Questions are compared folded, and by the Jaccard similarity of their word 5-grams; answers of eight words or more
    folded, and by runs of 13 words. What more than ten examples to learn from share is a label or a stock phrase.
    """
    found = [*_same(learnt, held_out), *_near(learnt, held_out, threshold)]
    found += _long_runs([(example.id, example.ideal) for example in learnt], held_out)
    return found


def find_document_leaks(documents: Iterable[tuple[str, str]], held_out: Sequence[Example]) -> list[Leak]:
    """Answers kept from learning whose wording stands in a document, by long runs; `documents` are (name, text).

    For a job that grounds its answers this is as it should be; for one that trains on the documents it is not.
    """
    return _long_runs(documents, held_out)


def _same(learnt: Sequence[Example], held_out: Sequence[Example]) -> Iterator[Leak]:
    questions: dict[str, str] = {}
    answers: dict[str, str] = {}
    counts: Counter[str] = Counter()
    for example in learnt:
        questions.setdefault(normalized_question(example), example.id)
        answers.setdefault(answer := normalize(example.ideal), example.id)
        counts[answer] += 1
    for example in held_out:
        if other := questions.get(normalized_question(example)):
            yield Leak("same question", example.id, other)
        answer = normalize(example.ideal)
        if len(answer.split()) >= MIN_ANSWER and counts[answer] <= STOCK and (other := answers.get(answer)):
            yield Leak("same answer", example.id, other)


def _near(learnt: Sequence[Example], held_out: Sequence[Example], threshold: float) -> Iterator[Leak]:
    both = [*learnt, *held_out]
    questions = [question_text(example) for example in both]
    folded = [normalized_question(example) for example in both]
    for cluster in near_texts(lambda: questions, questions.__getitem__, threshold):
        sources = [number for number in cluster if number < len(learnt)]
        for number in cluster:
            other = next((one for one in sources if folded[one] != folded[number]), None)
            if number >= len(learnt) and other is not None:
                yield Leak("nearly the same question", both[number].id, both[other].id)


def _long_runs(learnt: Iterable[tuple[str, str]], held_out: Sequence[Example]) -> list[Leak]:
    long = [example for example in held_out if len(example.ideal.split()) >= LONG_RUN]
    runs = [np.unique(one) for one in ngram_hashes((normalize(example.ideal) for example in long), LONG_RUN)]
    wanted = np.unique(np.concatenate(runs)) if runs else np.zeros(0, dtype=np.uint64)
    holders: defaultdict[int, list[str]] = defaultdict(list)
    for name, hashes in _named_runs(learnt) if len(wanted) else ():
        places = np.minimum(wanted.searchsorted(hashes), len(wanted) - 1)
        for run in set(hashes[wanted[places] == hashes].tolist()):
            if len(holders[run]) <= STOCK:
                holders[run].append(name)
    found = []
    for example, own in zip(long, runs, strict=True):
        shared = [holders[run] for run in own.tolist() if 0 < len(holders.get(run, ())) <= STOCK]
        if shared:
            found.append(Leak("long common wording", example.id, shared[0][0], len(shared) / len(own)))
    return found


def _named_runs(texts: Iterable[tuple[str, str]]) -> Iterator[tuple[str, Hashes]]:
    names: list[str] = []

    def contents() -> Iterator[str]:
        for name, text in texts:
            names.append(name)
            yield normalize(text)

    for number, hashes in enumerate(ngram_hashes(contents(), LONG_RUN)):
        yield names[number], hashes
