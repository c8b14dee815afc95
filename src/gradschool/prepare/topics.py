"""The words that show what a text is about: those that are more frequent in it than in all texts."""

import math
import re
from collections import Counter
from collections.abc import Iterator

WORD = re.compile(r"[^\W\d_]+(?:['’\-][^\W\d_]+)*")
# Scripts that put no space between words; pairs of characters are taken as words.
UNSPACED = re.compile(r"[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff]")
MIN_CASED, MIN_OTHER = 4, 2  # letters of a word, in scripts with and without capitals; shorter ones say little
MAX_WORDS = 1_000_000  # distinct; above, those that occurred once are forgotten
READ = 20_000  # characters of a text from which its topics are taken


class Topics:
    """Counts how often each word occurs in all texts; about 100 bytes a word."""

    def __init__(self) -> None:
        self._total = 0
        self._counts: Counter[str] = Counter()

    def add(self, text: str) -> None:
        """Count the words of a text."""
        words = [word.casefold() for word in _words(text)]
        self._total += len(words)
        self._counts.update(words)
        if len(self._counts) > MAX_WORDS:
            self._counts = Counter({word: count for word, count in self._counts.items() if count > 1})

    def of(self, text: str, most: int = 4) -> list[str]:
        """The words that are most overrepresented in a text, in their order; empty for a text without words.

        A word is ranked by its part of the Kullback-Leibler divergence of the text from all texts; ties, which a single
        text has throughout, by length.
        """
        spelled: dict[str, str] = {}
        times: Counter[str] = Counter()
        for word in _words(text):
            spelled.setdefault(word.casefold(), word)
            times[word.casefold()] += 1
        here, place = times.total(), {word: number for number, word in enumerate(spelled)}

        def rank(word: str) -> tuple[float, int, int]:
            expected = self._counts[word] * here / max(self._total, 1)
            return -times[word] * math.log(times[word] / (expected or 1)), -len(word), place[word]

        return [spelled[word] for word in sorted(sorted(spelled, key=rank)[:most], key=place.__getitem__)]


def _words(text: str) -> Iterator[str]:
    for match in WORD.finditer(text, 0, READ):
        word = match[0]
        if UNSPACED.search(word):
            yield from (word[at : at + 2] for at in range(0, len(word) - 1, 2))
        elif len(word) >= (MIN_CASED if word.lower() != word.upper() else MIN_OTHER):
            yield word
