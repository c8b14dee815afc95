"""Find leakage between the parts of a split, or from documents: equal, near-equal and long common wording."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from gradschool.data.issues import Issue
from gradschool.data.near_duplicates import alike
from gradschool.data.normalize import normalize, normalized_question
from gradschool.data.shingles import Hashes, ngram_hashes
from gradschool.records import Example

NGRAM = 13  # words of an n-gram that two texts rarely share by chance (Brown et al. 2020, appendix C)
MAX_HOLDERS = 10  # training texts; an n-gram in more of them is a stock phrase
MIN_ANSWER = 8  # words; shorter answers are labels and names
MOSTLY = 0.5  # fraction of the n-grams of an answer from which it is reported

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

    Normalized questions are compared for equality and as in `near_duplicates`; normalized answers of eight words or
    more for equality and by common 13-grams. Wording that more than ten training examples share is a label or a stock
    phrase, not a leak.
    """
    return [*_same_question(train, held_out), *_near(train, held_out, threshold), *find_answer_leaks(train, held_out)]


def find_answer_leaks(train: Sequence[Example], held_out: Sequence[Example]) -> list[Leak]:
    """The leaks of `find_leaks` in answers; a split that keeps near-duplicates together has no others."""
    answers = [(example.id, example.ideal) for example in train]
    return [*_same_answer(train, held_out), *_common_wording(answers, held_out)]


def answer_issues(train: Sequence[Example], test: Sequence[Example]) -> list[Issue]:
    """Report test answers that occur in training examples, word for word or for the most part."""
    found = find_answer_leaks(train, test)
    same = [leak for leak in found if leak.kind == "same answer"]
    known = {leak.id for leak in same}
    partly = [leak for leak in found if leak.id not in known and leak.overlap >= MOSTLY]
    issues = []
    for leaks, how in ((same, "word for word"), (partly, "for the most part")):
        if leaks:
            by_id = {example.id: example for example in (*train, *test)}
            here, there = by_id[leaks[0].id], by_id[leaks[0].other]
            text = (
                f"{len(leaks)} of {len(test)} test answers occur {how} in training examples, so a specialist can have "
                f"them by heart; the first is {here.id}, as {there.id} ({there.source}). If they have one source, name "
                "it with data.group_column; on new answers, expect a lower score"
            )
            issues.append(Issue("answers in train", here.source, "kept", text, here.id))
    return issues


def find_document_leaks(documents: Iterable[tuple[str, str]], held_out: Sequence[Example]) -> list[Leak]:
    """Find held-out answers that share a 13-gram with a document; `documents` are (name, text).

    This is expected if the job answers from the documents, and leakage if it trains on them.
    """
    return _common_wording(documents, held_out)


def _same_question(train: Sequence[Example], held_out: Sequence[Example]) -> Iterator[Leak]:
    questions: dict[str, str] = {}
    for example in train:
        questions.setdefault(normalized_question(example), example.id)
    for example in held_out:
        if other := questions.get(normalized_question(example)):
            yield Leak("same question", example.id, other)


def _same_answer(train: Sequence[Example], held_out: Sequence[Example]) -> Iterator[Leak]:
    answers: dict[str, str] = {}
    counts: Counter[str] = Counter()
    for example in train:
        answers.setdefault(answer := normalize(example.ideal), example.id)
        counts[answer] += 1
    for example in held_out:
        answer = normalize(example.ideal)
        if len(answer.split()) >= MIN_ANSWER and counts[answer] <= MAX_HOLDERS and (other := answers.get(answer)):
            yield Leak("same answer", example.id, other)


def _near(train: Sequence[Example], held_out: Sequence[Example], threshold: float) -> Iterator[Leak]:
    both = [*train, *held_out]
    folded = [normalized_question(example) for example in both]
    for cluster in alike(both, threshold):
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
