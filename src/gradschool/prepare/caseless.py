"""Names in scripts that are written without spaces between words: Chinese, Japanese, Korean and Thai."""

import re
from collections.abc import Iterator, Sequence

# Han, kana, Hangul, Thai, Lao, Khmer, Burmese: a name may touch the words around it.
JOINED = re.compile(r"[\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uac00-\ud7af\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff]")
MIN_LENGTH = 2  # characters; a single one is a word more often than a name


def has_case(word: str) -> bool:
    """Whether a word has letters with a capital form."""
    return word.upper() != word.lower()


class Caseless:
    """Names of such scripts, each with the number of its person."""

    def __init__(self) -> None:
        self._persons: dict[str, int] = {}
        self._any: re.Pattern[str] | None = None

    def add(self, words: Sequence[str], person: int) -> None:
        """Add the words of a name, and the name without spaces."""
        for name in (*words, "".join(words)):
            if len(name) >= MIN_LENGTH and JOINED.search(name) and name not in self._persons:
                self._persons[name] = person
                self._any = None

    def find(self, text: str) -> Iterator[tuple[int, int, int]]:
        """Start, end and person of each name in a text, the longest first where several begin."""
        if not self._persons or not JOINED.search(text):
            return
        if self._any is None:
            longest_first = sorted(self._persons, key=len, reverse=True)
            self._any = re.compile("|".join(map(re.escape, longest_first)))
        for found in self._any.finditer(text):
            yield found.start(), found.end(), self._persons[found[0]]
