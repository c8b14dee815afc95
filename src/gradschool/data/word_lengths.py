"""How long a text is in words, whatever its script: without spaces between words, some characters count as one."""

import re

import regex

# The average word has about so many characters, each with its marks. A document that is divided by its number of spaces
# would stay whole in these scripts.
_PAIRS = r"\p{Han}\p{Hiragana}\p{Katakana}\u30fc\p{Bopomofo}"
_FOURS = r"\p{Thai}\p{Lao}\p{Khmer}\p{Myanmar}\p{Tibetan}\p{Tai_Le}\p{New_Tai_Lue}\p{Tai_Tham}\p{Tai_Viet}"
PER_PAIR, PER_FOUR = 2, 4

PAIR = regex.compile(rf"[{_PAIRS}]")
FOUR = regex.compile(rf"(?=[{_FOURS}])\X")
# Of other scripts, up to 24 characters: a long run without spaces (base64, a path) is not one word.
UNIT = regex.compile(rf"[{_PAIRS}]{{1,{PER_PAIR}}}|(?:{FOUR.pattern}){{1,{PER_FOUR}}}|[^\s{_PAIRS}{_FOURS}]{{1,24}}")

ASCII_UNIT = re.compile(r"\S{1,24}")  # the same for ASCII, four times as fast


def count_words(text: str) -> int:
    """The number of words.

    >>> count_words("two words"), count_words("退货期限"), count_words("ภายในสามสิบวัน")
    (2, 2, 3)
    """
    return sum(1 for _ in (ASCII_UNIT if text.isascii() else UNIT).finditer(text))
