"""Pairs of characters, by which text is searched where spaces do not separate words: Chinese, Japanese, Thai, Korean.

A dictionary divides a question and a passage differently. It takes クレジットカード for one word, which カード does not
find. Pairs of neighbouring characters find both. Source: Nie and Ren, "Chinese information retrieval: using characters
or words?", Information Processing and Management 35, 1999.
"""

from itertools import pairwise

import regex

from gradschool.data.normalize import CHARACTER, SPACELESS

# Korean has spaces, but its words end in particles, which have no spaces before them.
CHARACTERS = regex.compile(rf"{CHARACTER.pattern}|\p{{Hangul}}")
_RUNS = regex.compile(rf"(?:{CHARACTERS.pattern})++")
_UNSPACED = regex.compile(rf"{SPACELESS.pattern}|\p{{Hangul}}")


def bigrams(text: str, *, single: bool) -> str:
    """The pairs of neighbouring characters of a folded text, with spaces between them; empty if no script needs them.

    With `single`, each character also stands alone, as for passages; without, as for questions, only a character
    that has no neighbour does.

    >>> bigrams("ab 東京都 c 京", single=False)
    '東京 京都 京'
    """
    if not _UNSPACED.search(text):
        return ""
    grams: list[str] = []
    for run in _RUNS.finditer(text):
        characters = CHARACTERS.findall(run[0])
        grams += map("".join, pairwise(characters))
        if single or len(characters) == 1:
            grams += characters
    return " ".join(grams)
