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
    """Names of such scripts, each with its pseudonym."""

    def __init__(self) -> None:
        self._pseudonyms: dict[str, str] = {}
        self._any: re.Pattern[str] | None = None

    def __bool__(self) -> bool:
        """Whether any name is known."""
        return bool(self._pseudonyms)

    def add(self, name: str, pseudonym: str) -> None:
        """Add a name as it is written; the first pseudonym of a name stays."""
        if len(name) >= MIN_LENGTH and name not in self._pseudonyms:
            self._pseudonyms[name] = pseudonym
            self._any = None

    def add_words(self, words: Sequence[str], given: str, family: str) -> None:
        """Add a name without spaces, and each of its words; does nothing for other scripts."""
        if not all(map(JOINED.match, words)):
            return
        self.add("".join(words), f"{given} {family}")
        for number, word in enumerate(words):
            self.add(word, given if number else family)  # the family name is first

    def find(self, text: str) -> Iterator[tuple[int, int, str]]:
        """Start, end and pseudonym of each name in a text, the longest first where several begin."""
        if not self._pseudonyms:
            return
        if self._any is None:
            longest_first = sorted(self._pseudonyms, key=len, reverse=True)
            self._any = re.compile("|".join(map(re.escape, longest_first)))
        for found in self._any.finditer(text):
            yield found.start(), found.end(), self._pseudonyms[found[0]]
