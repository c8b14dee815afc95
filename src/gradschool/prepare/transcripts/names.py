"""Who sent a dated message: the text between the stamp and a colon, which may be part of the name."""

import re
from collections import Counter
from collections.abc import Collection, Sequence

from gradschool.prepare.agents import key
from gradschool.prepare.dialogue import Dialogue, Turn
from gradschool.prepare.sessions import by_pauses
from gradschool.prepare.transcripts.notices import is_notice
from gradschool.records import Source

SPEAKER = re.compile(r"(?:<(?P<nick>[^<>\n]{1,60})>|(?P<name>\S[^\n]{0,119}?)\s?(?::(?=\s|$)|：))")
COLON = re.compile(r"\s?[:：]")
FROM_TO = re.compile(
    r"(?:from|von|de|da|van|från|fra|od|от|来自)\s++"
    r"(?P<name>\S.*?)(?:(?<!\s)\s++(?:to|an|à|a|para|naar|till|til|do|кому|到)\s++\S.*)?",
    re.IGNORECASE,
)
MAX_NAME = 120  # characters
MIN_ALIKE = 3  # messages that begin with the second part of a name
MAX_NOTICE = 8  # words of a notice that follows a name


def split_name(text: str, named: Collection[str] = ()) -> tuple[str, str]:
    """The speaker before the first colon, and the message; an empty speaker if there is none.

    A name that the user gives may have a colon of its own.
    """
    for found in COLON.finditer(text, 0, MAX_NAME) if named else ():
        if key(text[: found.start()]) in named:
            return " ".join(text[: found.start()].split()), text[found.end() :].strip()
    if not (speaker := SPEAKER.match(text)):
        return "", text
    return " ".join((speaker["nick"] or speaker["name"]).split()), text[speaker.end() :].strip()


def undirected(spoken: Sequence[tuple[str, str]], named: Collection[str] = ()) -> list[tuple[str, str]]:
    """The speakers without the words around them where all have them: "From Ann to Everyone", as Zoom writes.

    A name that the user gives stays as it is.
    """
    names = {speaker for speaker, _ in spoken if speaker}
    if len(names) < 2 or {*named} & {*map(key, names)} or not all(FROM_TO.fullmatch(name) for name in names):
        return list(spoken)
    bare = {name: found["name"] for name in names if (found := FROM_TO.fullmatch(name))}
    return [(bare.get(speaker, speaker), text) for speaker, text in spoken]


def with_colons(
    spoken: Sequence[tuple[str, str]], times: Sequence[float | None], named: Collection[str]
) -> list[tuple[str, str]]:
    """The speakers and messages, with names that have a colon of their own put together again ("Shop: North").

    The program shows such a name where it writes itself: "Shop: North: image omitted", "Shop: North changed the
    subject". Otherwise all messages of the speaker begin with the second part. If the speaker is who answers, it stays
    in the text, for "Status: …" may be how somebody answers; if not, it is left out, for no name may stay in a text.
    """
    texts: dict[str, list[str]] = {}
    for speaker, text in spoken:
        texts.setdefault(speaker, []).append(text)
    notices = [f"{speaker}: {text}" for speaker, text in spoken]
    asking = _asking(spoken, times)
    longer: dict[str, str] = {}
    for speaker, said in texts.items():
        labels = Counter(label for text in said if (label := text.partition(": ")[0]) != text)
        more, count = labels.most_common(1)[0] if labels else ("", 0)
        rest = [text for text in said if not text.startswith(f"{more}: ")]
        if not speaker or count < MIN_ALIKE or not all(_names_itself(text, more) for text in rest):
            continue
        shown = any(is_notice(text[len(more) + 2 :]) for text in said if text not in rest)
        mentions = re.compile(rf"{re.escape(f'{speaker}: {more}')}(?!\w|: )")
        asks = (bool(named) or speaker in asking) and key(speaker) not in named
        if shown or asks or any(map(mentions.search, notices)):
            longer[speaker] = more
    return [_put_together(speaker, text, longer.get(speaker, "")) for speaker, text in spoken]


def _put_together(speaker: str, text: str, more: str) -> tuple[str, str]:
    """A speaker whose name goes on after its colon, and the message; no speaker if it is a notice about them."""
    if not more:
        return speaker, text
    if text.startswith(f"{more}: "):
        return f"{speaker}: {more}", text[len(more) + 2 :]
    return "", f"{speaker}: {text}"


def _asking(spoken: Sequence[tuple[str, str]], times: Sequence[float | None]) -> set[str]:
    """Who begins at least half of the parts between pauses in which they speak."""
    turns = tuple(Turn(name, text, at=at) for (name, text), at in zip(spoken, times, strict=True) if name)
    parts = list(by_pauses(Dialogue("", turns, Source("", 1), chat=True)))
    begun = Counter(part[0].speaker for part in parts)
    present = Counter(name for part in parts for name in {turn.speaker for turn in part})
    return {name for name, count in begun.items() if 2 * count >= present[name]}


def _names_itself(text: str, more: str) -> bool:
    """Whether a text is what follows the first part of a name in a notice: "North changed the subject"."""
    return text.startswith(f"{more} ") and len(text.split()) <= MAX_NOTICE + len(more.split())
