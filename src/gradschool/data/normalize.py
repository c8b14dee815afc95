"""When two texts are the same text: case, spacing, punctuation and currency signs aside."""

import re
import unicodedata

import regex

from gradschool.records import Example

# Signs that carry meaning stay: "5 - 3", "5 * 3" and "5 / 3" are three questions, and so are "1.5" and "15".
PUNCTUATION = regex.compile(r"(?V1)[\p{P}\p{Sc}\p{Cf}`´--[*/\\%&@\#\-]]|-(?!\d)")

# Scripts that put no spaces between words: there each character counts as one.
WORD = regex.compile(
    r"(?V1)[\p{Han}\p{Hiragana}\p{Katakana}\p{Thai}\p{Lao}\p{Khmer}\p{Myanmar}]"
    r"|[^\s\p{Han}\p{Hiragana}\p{Katakana}\p{Thai}\p{Lao}\p{Khmer}\p{Myanmar}]+"
)


SPACELESS = regex.compile(r"(?V1)[\p{Han}\p{Hiragana}\p{Katakana}\p{Thai}\p{Lao}\p{Khmer}\p{Myanmar}]")
# Most texts are ASCII, and then the same is done ten times as fast.
ASCII_PUNCTUATION = {code: " " for code in range(128) if chr(code) != "-" and PUNCTUATION.fullmatch(chr(code))}
HYPHEN = re.compile(r"-(?![0-9])")


def normalize(text: str) -> str:
    """A text in lower case, with punctuation turned into spaces and spaces into one; a text of nothing else stays.

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
    """The words of a text, folded."""
    return normalized_words(normalize(text))


def normalized_words(folded: str) -> list[str]:
    """The words of a text that is folded already."""
    if folded.isascii() or not SPACELESS.search(folded):
        return folded.split()
    return WORD.findall(folded)


def normalized_question(example: Example) -> str:
    """All that is asked in an example, folded: two examples with the same one ask the same."""
    return "\n".join(f"{message.role}: {normalize(message.content)}" for message in example.question)
