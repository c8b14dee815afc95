"""The tokens by which the metric `style` reads a text: words and signs, or characters where there are no spaces."""

from collections import Counter
from collections.abc import Sequence

import regex

from gradschool.data.normalize import SPACELESS

TOKEN = regex.compile(rf"{SPACELESS.pattern}|(?:(?!{SPACELESS.pattern})\w)+(?:['’]\w+)?|[^\w\s]|\n\n")


def frequent_tokens(texts: Sequence[str], number: int) -> frozenset[str]:
    """The most frequent tokens in lower case: mostly function words, in any language."""
    counts: Counter[str] = Counter()
    for text in texts:
        counts.update(TOKEN.findall(text.lower()))
    return frozenset(word for word, _ in counts.most_common(number))
