"""The form in which texts and questions are searched: one Unicode form, without case, with broken words joined."""

import re
import unicodedata

from gradschool.data.broken_words import join_broken_words
from gradschool.data.normalize import compose

# Accents that have no letter of their own, and signs of vowels that Arabic and Hebrew texts may leave out.
MARKS = re.compile("[\u0300-\u036f\u0591-\u05bd\u05bf-\u05c7\u0640\u064b-\u065f\u0670]")

ACCENTED = re.compile("(?<=[a-z])[\u0300-\u036f]+")


def folded(text: str) -> str:
    """A text as the index reads it; equal for composed and decomposed, half-width and full-width letters, and cases."""
    text = join_broken_words(text, both=True)
    text = text.casefold() if text.isascii() else unicodedata.normalize("NFKC", compose(text)).casefold()
    return MARKS.sub("", text)


def without_accents(text: str) -> str:
    """A folded text without the accents of Latin letters, so that "ruckgabe" finds "Rückgabe".

    The index removes accents too, but after it has stemmed, and stems differ with an accent.

    >>> without_accents("rückgabe, café, ёлка")
    'ruckgabe, cafe, ёлка'
    """
    if text.isascii():
        return text
    return unicodedata.normalize("NFC", ACCENTED.sub("", unicodedata.normalize("NFD", text)))
