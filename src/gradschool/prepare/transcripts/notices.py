"""Lines that a messenger writes in place of a message: left-out media, deleted messages, calls, changes of a group."""

import re
import tomllib
from functools import lru_cache
from pathlib import Path

PLACEHOLDER = re.compile(r"<[^<>\n]{2,60}>")  # "<Media omitted>" in any language
ATTACHED = re.compile(r"<[^<>:\n]{2,30}:\s?[^<>\n]*\.\w{2,5}>|\S[^\n/]{0,120}\.\w{2,5} \([^()\n]{3,40}\)")
REACTIONS = re.compile(r"(?<!\s)\s*+\(- [^()\n]{1,200}: \S{1,12} -\)$")  # "(- Ann: 👍 -)", as signal-export writes them
EDITED = re.compile(r"(?<!\s)\s*+<[^<>\n]{5,60}>$")  # "<This message was edited>"
OPENING, CLOSING = "“«„‘", "”»“’"
MAX_WORDS = 12  # of a notice


@lru_cache(maxsize=1)
def _phrases() -> frozenset[str]:
    with (Path(__file__).parent / "notices.toml").open("rb") as file:
        read: dict[str, list[str]] = tomllib.load(file)
    return frozenset(_key(phrase) for phrases in read.values() for phrase in phrases)


def _key(text: str) -> str:
    return re.sub(r"[\W_]+", " ", text.casefold()).strip()


def is_notice(text: str) -> bool:
    """Whether a message has nothing that its sender wrote.

    >>> is_notice("<Médias omis>"), is_notice("image omitted"), is_notice("the image is omitted here")
    (True, True, False)
    """
    text = text.strip()
    if PLACEHOLDER.fullmatch(text) or ATTACHED.fullmatch(text):
        return True
    return len(text.split()) <= MAX_WORDS and _key(text) in _phrases()


def written(text: str) -> str:
    """The part of a message that its sender wrote: a caption without its attachment, no mark of an edit; or nothing."""
    lines = [line for line in text.split("\n") if not (ATTACHED.fullmatch(line.strip()))]
    text = REACTIONS.sub("", "\n".join(lines).strip())
    edit = EDITED.search(text)
    if edit and edit.start() and _key(edit[0]) in _phrases():
        text = text[: edit.start()].strip()
    return "" if is_notice(text) else text


def is_notice_name(name: str, others: set[str]) -> bool:
    """Whether what stands before a colon is the beginning of a notice, not a name.

    It is if it opens a quote and does not close it ('Ann changed the subject to “Boats'), or if it is the name of
    another speaker and several words more.
    """
    if name.count('"') % 2 or any(name.count(a) > name.count(b) for a, b in zip(OPENING, CLOSING, strict=True)):
        return True
    words = name.split()
    return any(name.startswith(f"{other} ") and len(words) - len(other.split()) > 2 for other in others if other)
