"""What a line of a mail holds in any language: a date, an address, a correspondent, a sentence."""

import re
import unicodedata
from collections.abc import Collection, Iterable

ADDRESS = re.compile(r"(?<![^\s<>()\[\]:;,\"'@])[^\s<>()\[\]:;,\"'@]+@[^\s<>()\[\]:;,\"'@]+\.[^\s<>()\[\]:;,\"'.@]{2,}")
DATE = re.compile(
    r"(?<!\d)(?:(?:19|20)\d\d|25[5-9]\d|14[0-4]\d)(?!\d)|(?<!\d)\d{1,2}[./-]\s?\d{1,2}[./-]\s?\d{2}(?!\d)"
)
TIME = re.compile(r"(?<!\d)\d{1,2}\s?[:.h]\s?\d{2}(?!\d)")
DIRECTIONS = re.compile("[\u200b-\u200f\u202a-\u202e\u2066-\u2069\ufeff]")  # marks of right-to-left text
# The end of a sentence inside a line; not after a short word, which may be an abbreviation or an initial.
BREAK = re.compile(r"[^\W\d_]{4}[.!?…][\"”»)]?\s+(?=[\"“„«(]?[^\W\d_])|[!?]\s+\S|[。！？]\s*\S")
WORD = re.compile(r"[^\W_]{2,}")


def visible(text: str) -> str:
    """A line without direction marks, with ASCII digits."""
    text = DIRECTIONS.sub("", text).strip()
    if text.isascii():
        return text
    return "".join(str(unicodedata.digit(one)) if one.isdigit() and not one.isascii() else one for one in text)


def has_address(text: str) -> bool:
    """Whether a text has a mail address."""
    return "@" in text and ADDRESS.search(text) is not None


def has_date(text: str) -> bool:
    """Whether a text has a date with its year: of the common, Buddhist or Persian calendar."""
    return DATE.search(visible(text)) is not None


def has_time(text: str) -> bool:
    """Whether a text has a time of day."""
    return TIME.search(visible(text)) is not None


def names_someone(text: str, people: Collection[str]) -> bool:
    """Whether a text has a word of `people`: names and addresses in lower case."""
    return any(word.casefold() in people for word in WORD.findall(text)) or any(
        found.casefold() in people for found in ADDRESS.findall(text)
    )


def name_parts(people: Iterable[tuple[str, str]]) -> frozenset[str]:
    """The words of names, and the addresses, for `names_someone`."""
    found: set[str] = set()
    for name, address in people:
        found |= {word.casefold() for word in WORD.findall(name)}
        found |= {address} - {""}
    return frozenset(found)
