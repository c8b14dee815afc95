"""Lines that a messenger writes in place of a message: left-out media, deleted messages, calls, changes of a group."""

import re
import tomllib
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

PLACEHOLDER = re.compile(r"<[^<>\n]{2,60}>")  # "<Media omitted>" in any language
ATTACHED = re.compile(r"<[^<>:\n]{2,30}:\s?[^<>\n]*\.\w{2,5}>|\S[^\n/]{0,120}\.\w{2,5} \([^()\n]{3,40}\)")
REACTIONS = re.compile(r"(?<!\s)\s*+\(- [^()\n]{1,200}: \S{1,12} -\)$")  # "(- Ann: 👍 -)", as signal-export writes them
EDITED = re.compile(r"(?<!\s)\s*+(?:<[^<>\n]{5,60}>|\([^()\n]{3,20}\))$")  # "<This message was edited>", "(edited)"
# "location: https://maps.google.com/?q=1.5,2.5": the point that the program links; a link to a shop may be an answer.
POINT = re.compile(
    r"(?:[^\n:]{1,40}:\s*)?https?://(?:maps\.google\.\w+/(?:maps)?|(?:www\.)?google\.\w+/maps|maps\.apple\.com/)"
    r"[^\s?]*\?(?:q|ll|query)=-?\d+(?:\.\d+)?,-?\d+(?:\.\d+)?\S*"
)
MAP = re.compile(r"(?P<word>[^\n:]{2,30}?)\s?:\s*https?://\S+")
POLL = re.compile(r"(?P<word>[^\n:]{2,30}?)\s?:[ \t]*\n(?P<rest>.+)", re.DOTALL)
OPTION = re.compile(r"(?P<word>[^\n:]{2,20}?)\s?: .+\(\d+ [^()\n]{2,20}\)")  # "OPTION: red (3 votes)"
LENGTH = re.compile(r"(?:\s(?:\d+ [^\W\d_]{1,12}|(?:at|um|à|a las|alle|às|om|o|в|klo|kl) \d+(?: \d+)?))+$")
# "☎ 通話時間 1:23", "[Sticker]", "[File] plan.pdf", "파일: plan.pdf", "사진 3장": what LINE and KakaoTalk write.
CALL = re.compile(r"☎[^\n]{0,40}")
BRACKETED = re.compile(r"\[[^\W\d_][^\[\]\d\n]{0,20}\](?: [^\n]{1,120}\.\w{2,5})?")
FILE = re.compile(r"(?P<word>[^\W\d_]{2,12})\s?: [^\n]{1,120}\.\w{2,5}")
COUNT = re.compile(r"^\d{1,3} | \d{1,3}\s?[장枚张張]?$")
OPENING, CLOSING = "“«„‘", "”»“’"
MAX_CHARACTERS = 150  # of a notice


@dataclass(frozen=True, slots=True)
class _Phrases:
    """What programs write, each as a key: whole messages, their beginnings, ends of calls, and parts of notices."""

    whole: frozenset[str]
    begun: tuple[str, ...]  # "this message was deleted by admin", with a name after it
    events: tuple[str, ...]  # "left this chatroom", with a name before it
    ends: tuple[str, ...]
    edits: frozenset[str]
    locations: frozenset[str]
    polls: frozenset[str]
    files: frozenset[str]


@lru_cache(maxsize=1)
def _phrases() -> _Phrases:
    with (Path(__file__).parent / "notices.toml").open("rb") as file:
        read: dict[str, dict[str, list[str]]] = tomllib.load(file)
    every = [phrase for phrases in read["instead"].values() for phrase in phrases]
    parts = {name: frozenset(map(_key, phrases)) for name, phrases in read["parts"].items()}
    return _Phrases(
        frozenset(_key(phrase) for phrase in every if "*" not in phrase),
        tuple(_key(phrase) for phrase in every if phrase.endswith("*")),
        tuple(_key(phrase) for phrase in read["parts"]["events"]),
        tuple(parts["ends"]),
        parts["edits"],
        parts["locations"],
        parts["polls"],
        parts["files"],
    )


def _key(text: str) -> str:
    return re.sub(r"[\W_]+", " ", text.casefold()).strip()


def is_notice(text: str) -> bool:
    """Whether a message has nothing that its sender wrote.

    >>> is_notice("<Médias omis>"), is_notice("image omitted"), is_notice("the image is omitted here")
    (True, True, False)
    """
    text = text.strip()
    if any(pattern.fullmatch(text) for pattern in (PLACEHOLDER, ATTACHED, POINT, CALL, BRACKETED)):
        return True
    known = _phrases()
    if (file := FILE.fullmatch(text)) and _key(file["word"]) in known.files:
        return True
    if (place := MAP.fullmatch(text)) and _key(place["word"]) in known.locations:
        return True
    if (poll := POLL.fullmatch(text)) and (_key(poll["word"]) in known.polls or _has_votes(poll)):
        return True
    return is_event(text) or (len(text) <= MAX_CHARACTERS and "?" not in text and _is_phrase(_key(text), known))


def is_event(line: str) -> bool:
    """Whether a line is what the program writes of somebody: who came, left or took a message back.

    >>> is_event("김세진님이 나갔습니다."), is_event("Ann left this chatroom."), is_event("Ann left this morning.")
    (True, True, False)
    """
    said = _key(line) if len(line) <= MAX_CHARACTERS and "?" not in line else ""
    return bool(said) and any(said.endswith(event) and len(said) > len(event) for event in _phrases().events)


def _has_votes(poll: re.Match[str]) -> bool:
    """Whether every line below the question of a poll is an option with its votes."""
    options = [OPTION.fullmatch(line) for line in poll["rest"].split("\n")[1:]]
    return poll["word"].isupper() and bool(options) and all(option and option["word"].isupper() for option in options)


def _is_phrase(key: str, known: _Phrases) -> bool:
    """Whether a key is that of a whole message, with a name, a length or time of a call, or its end after it."""
    if {key, LENGTH.sub("", key), COUNT.sub("", key)} & known.whole:
        return True
    ended = next((key[: -len(end)].strip() for end in known.ends if key.endswith(f" {end}")), "")
    if ended in known.whole and ended:
        return True
    return any(key.startswith(f"{begun} ") and len(key.split()) - len(begun.split()) <= 4 for begun in known.begun)


def written(text: str) -> str:
    """The part of a message that its sender wrote: a caption without its attachment, no mark of an edit; or nothing."""
    lines = [line for line in text.split("\n") if not (ATTACHED.fullmatch(line.strip()))]
    text = REACTIONS.sub("", "\n".join(lines).strip())
    edit = EDITED.search(text)
    if edit and edit.start() and (_key(edit[0]) in _phrases().whole or _key(edit[0]) in _phrases().edits):
        text = text[: edit.start()].strip()
    return "" if is_notice(text) else text


def is_notice_name(name: str, others: set[str]) -> bool:
    """Whether the text before a colon is the beginning of a notice, not a name.

    It is if it opens a quote and does not close it ('Ann changed the subject to “Boats'), or if it is the name of
    another speaker and several words more.
    """
    if name.count('"') % 2 or any(name.count(a) > name.count(b) for a, b in zip(OPENING, CLOSING, strict=True)):
        return True
    words = name.split()
    return any(name.startswith(f"{other} ") and len(words) - len(other.split()) > 2 for other in others if other)
