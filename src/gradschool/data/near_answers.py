"""Which answers are the same: short ones that are equal but for a few words around them, long ones that are nearly so.

A signature, a greeting or a corrected comma makes another text of a long answer, but not another answer. What two
questions ask differently and their answers say differently is another answer: "the capital of Chad", "of Cuba".
"""

import json
import re
from collections.abc import Mapping, Sequence
from contextlib import suppress
from functools import cached_property

import numpy as np
import numpy.typing as npt

from gradschool.data.char_grams import char_grams
from gradschool.data.normalize import normalize, normalized_words
from gradschool.data.shingles import BLOCK, jaccard
from gradschool.json_text import parse_json

MAX_LABEL = 100  # characters of an answer whose case and punctuation do not count
MIN_LONG = 60  # characters of an answer that may differ a little; shorter ones are labels, values and names
MIN_WORDS, MAX_ADDED = 3, 3  # words of a short answer that another one repeats, and words that the other one adds
NEARLY = 0.8  # Jaccard similarity of the character grams of two such answers
DIGIT = re.compile(r"\d")
LENGTHS = 0.7  # of the shorter one to the longer one; with less they are not that similar

Pairs = npt.NDArray[np.int64]  # of positions, of shape (pairs, 2)
Chosen = npt.NDArray[np.bool_]


class Answers:
    """The answers to normalized questions, numbered: equal ones have one number.

    `others` are further right answers to each question, if there are any.
    """

    def __init__(self, answers: Sequence[str], questions: Sequence[str], others: Sequence[Sequence[str]] = ()) -> None:
        self.texts, self._questions, self.others = answers, questions, others
        self._contained: dict[tuple[int, int], bool] = {}
        numbers: dict[str, int] = {}
        self.numbers = np.array([numbers.setdefault(_key(one), len(numbers)) for one in answers], dtype=np.int64)
        self._repeats = np.bincount(self.numbers)[self.numbers] > 1

    @cached_property
    def _lengths(self) -> npt.NDArray[np.int64]:
        """The number of characters of each."""
        return np.array(list(map(len, self.texts)), dtype=np.int64)

    @property
    def are_long(self) -> bool:
        """Whether two of the answers are long enough to be nearly the same."""
        return bool(np.count_nonzero(self._lengths >= MIN_LONG) > 1)

    def same(self, pairs: Pairs) -> Chosen:
        """Which pairs have one answer, or nearly so; of several right answers, one in common is enough."""
        same: Chosen = np.asarray(self.numbers[pairs[:, 0]] == self.numbers[pairs[:, 1]])
        for place in np.flatnonzero(~same).tolist() if any(self.others) else ():
            one, other = pairs[place].tolist()
            same[place] = not self._right(one).isdisjoint(self._right(other))
        shorter, longer = (find(self._lengths[pairs], axis=1) for find in (np.min, np.max))
        classes = self._repeats[pairs].all(axis=1)
        for place in np.flatnonzero(~same & ~classes & (shorter < MIN_LONG) & (longer <= MAX_LABEL)).tolist():
            same[place] = self._repeats_words(*pairs[place].tolist())
        places = np.flatnonzero(~same & (shorter >= MIN_LONG) & (shorter >= LENGTHS * longer))
        for start in range(0, len(places), BLOCK):
            block = places[start : start + BLOCK]
            same[block] = self._nearly_same(pairs[block])
        return same

    def _right(self, number: int) -> set[str]:
        """The keys of all right answers to a question."""
        return {_key(answer) for answer in (self.texts[number], *self.others[number])}

    def _repeats_words(self, one: int, other: int) -> bool:
        """Whether one of two short answers is the other one with a few words before or after it: "…, please"."""
        first, second = sorted((int(self.numbers[one]), int(self.numbers[other])))
        if (first, second) not in self._contained:
            self._contained[first, second] = _adds_words(normalize(self.texts[one]), normalize(self.texts[other]))
        return self._contained[first, second]

    def _nearly_same(self, pairs: Pairs) -> Chosen:
        """Which pairs of long answers have the same content and a large Jaccard similarity."""
        numbers = np.unique(pairs).tolist()
        texts = [normalize(self.texts[number]) for number in numbers]
        words = {number: set(normalized_words(text)) for number, text in zip(numbers, texts, strict=True)}
        alike = [place for place, pair in enumerate(pairs.tolist()) if self._same_content(pair[0], pair[1], words)]
        sets = dict(zip(numbers, char_grams(texts).sets(), strict=True)) if alike else {}
        same = np.zeros(len(pairs), dtype=np.bool_)
        for place in alike:
            one, other = pairs[place].tolist()
            same[place] = jaccard(sets[one], sets[other]) >= NEARLY
        return same

    def _same_content(self, one: int, other: int, words: Mapping[int, set[str]]) -> bool:
        """Whether answers do not differ by a number or by a word that only one of the questions has."""
        differing = words[one] ^ words[other]
        if any(map(DIGIT.search, differing)):
            return False
        asked, again = (set(normalized_words(self._questions[number])) for number in (one, other))
        return differing.isdisjoint(asked ^ again)

    def two_classes(self, pairs: Pairs) -> Chosen:
        """Which pairs have different answers that both occur again: then these are classes."""
        classes: Chosen = np.asarray(self._repeats[pairs].all(axis=1))
        classes[classes] = ~self.same(pairs[classes])
        return classes


def _adds_words(one: str, other: str) -> bool:
    """Whether one of two normalized texts is in the other one, which has a few more words and no more numbers."""
    mine, yours = sorted((normalized_words(one), normalized_words(other)), key=len)
    if len(mine) < MIN_WORDS or len(yours) > len(mine) + MAX_ADDED:
        return False
    starts = (yours[: len(mine)] == mine, yours[-len(mine) :] == mine)
    added = yours[len(mine) :] if starts[0] else yours[: -len(mine)]
    return any(starts) and not any(map(DIGIT.search, added))


def _key(answer: str) -> str:
    """Equal for equal answers; long ones are equal only if they are copied, or the same JSON in another order."""
    if answer.lstrip().startswith(("{", "[")):
        with suppress(ValueError):
            answer = json.dumps(parse_json(answer), ensure_ascii=False, sort_keys=True)
    return normalize(answer) if len(answer) <= MAX_LABEL else answer.strip()
