"""The tokens by which the metric `style` reads a text: words and signs, or characters where there are no spaces."""

from collections import Counter
from collections.abc import Sequence
from functools import lru_cache

import regex

from gradschool.data.normalize import SPACELESS

TOKEN = regex.compile(rf"{SPACELESS.pattern}|(?:(?!{SPACELESS.pattern})\w)+(?:['’]\w+)?|[^\w\s]|\n\n")


@lru_cache(maxsize=4096)  # models of a style read each text several times
def tokens_of(text: str) -> tuple[str, ...]:
    """The tokens of a text: words, signs, and empty lines."""
    return tuple(TOKEN.findall(text))


def frequent_tokens(texts: Sequence[str], number: int) -> frozenset[str]:
    """The most frequent tokens in lower case: mostly function words, in any language."""
    counts: Counter[str] = Counter()
    for text in texts:
        counts.update(tokens_of(text.lower()))
    return frozenset(word for word, _ in counts.most_common(number))
