"""When two texts are the same text: case, spacing, punctuation and currency signs aside."""

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


def fold(text: str) -> str:
    """A text in lower case, with punctuation turned into spaces and spaces into one; a text of nothing else stays.

    >>> fold("Where's my card?!")
    'where s my card'
    """
    lower = unicodedata.normalize("NFKC", text).casefold()
    return " ".join(PUNCTUATION.sub(" ", lower).split()) or lower.strip()


def words(text: str) -> list[str]:
    """The words of a text, folded."""
    return WORD.findall(fold(text))


def folded_question(example: Example) -> str:
    """All that is asked in an example, folded: two examples with the same one ask the same."""
    return "\n".join(f"{message.role}: {fold(message.content)}" for message in example.question)
