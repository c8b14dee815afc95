"""The form in which texts and questions are searched: one Unicode form, without case, with broken words joined."""

import re
import unicodedata

from gradschool.data.broken_words import join_broken_words
from gradschool.data.normalize import MARKS, compose

# Accents of Greek, which texts in capitals leave out, and the dots of the Russian ё.
OTHER_ACCENTS = re.compile("(?<=[\u03b1-\u03c9])[\u0300-\u036f]+|(?<=\u0435)\u0308")
# "l'école", "dell'anno", and "İzmir'de": the word is also one without what the apostrophe joins to it.
JOINED = re.compile(
    r"(?<=\b[cdjlmnst])['’](?=[^\W\d_]{2})|(?<=\bqu)['’](?=[^\W\d_]{2})|(?<=[aeou]ll)['’](?=[^\W\d_]{2})"
    r"|(?<=[^\W\d_]{3})['’](?=(?!(?:s|t|d|m|re|ve|ll|em|n)\b)[^\W\d_]{1,6}\b)"
)
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


def respelled(text: str) -> str:
    """A folded text without spellings that people also leave out: Greek accents, the Russian ё, joined articles.

    >>> respelled("ο μύλος, ёлка, l'école, izmir'de, don't")
    "ο μυλος, елка, l école, izmir de, don't"
    """
    text = JOINED.sub(" ", text)
    if text.isascii():
        return text
    return unicodedata.normalize("NFC", OTHER_ACCENTS.sub("", unicodedata.normalize("NFD", text)))
