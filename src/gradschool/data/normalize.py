"""Normalize texts for comparison: without case, punctuation, currency signs and differences of spacing."""

import re
import unicodedata

import regex

from gradschool.records import Example

# Characters that carry meaning stay: "5 - 3", "5 * 3" and "5 / 3" are three questions, and so are "1.5" and "15".
PUNCTUATION = regex.compile(r"(?V1)[\p{P}\p{Sc}\p{Cf}`´--[*/\\%&@\#\-]]|-(?!\d)")

# In scripts without spaces between words, each character counts as a word.
WORD = regex.compile(
    r"(?V1)[\p{Han}\p{Hiragana}\p{Katakana}\p{Thai}\p{Lao}\p{Khmer}\p{Myanmar}]"
    r"|[^\s\p{Han}\p{Hiragana}\p{Katakana}\p{Thai}\p{Lao}\p{Khmer}\p{Myanmar}]+"
)


SPACELESS = regex.compile(r"(?V1)[\p{Han}\p{Hiragana}\p{Katakana}\p{Thai}\p{Lao}\p{Khmer}\p{Myanmar}]")
# A fast path for ASCII, ten times as fast as the general one.
ASCII_PUNCTUATION = {code: " " for code in range(128) if chr(code) != "-" and PUNCTUATION.fullmatch(chr(code))}
HYPHEN = re.compile(r"-(?![0-9])")


def normalize(text: str) -> str:
    """A text in lower case, with punctuation and runs of spaces as one space; text that is only punctuation stays.

    >>> normalize("Where's my card?!")
    'where s my card'
    """
    if text.isascii():
        lower = text.lower()
        plain = lower.translate(ASCII_PUNCTUATION)
        if "-" in plain:
            plain = HYPHEN.sub(" ", plain)
        return " ".join(plain.split()) or lower.strip()
    lower = unicodedata.normalize("NFKC", text).casefold()
    return " ".join(PUNCTUATION.sub(" ", lower).split()) or lower.strip()


def words(text: str) -> list[str]:
    """The normalized words of a text."""
    return normalized_words(normalize(text))


def normalized_words(normalized: str) -> list[str]:
    """The words of a text that is already normalized."""
    if normalized.isascii() or not SPACELESS.search(normalized):
        return normalized.split()
    return WORD.findall(normalized)


def normalized_question(example: Example) -> str:
    """The normalized question of an example with its roles; equal for examples that ask the same."""
    return "\n".join(f"{message.role}: {normalize(message.content)}" for message in example.question)
