"""Names that a message itself gives: of the reader in its greeting, of the writer in its signature or introduction."""

import re
from collections.abc import Iterator
from functools import lru_cache

from gradschool.prepare.mail.patterns import patterns
from gradschool.prepare.mail.signature import MAX_CLOSING
from gradschool.prepare.people import name_words, word_lists

UPPER = r"[^\W\d_a-zß-öø-ÿа-яёα-ωά-ώ]"  # a capital, or a letter of a script without capitals
NAME = rf"{UPPER}[\w'’-]*(?:[ \t]+(?:(?:van|von|de|der|den|da|di|del|la|le|al|el|bin)[ \t]+)*{UPPER}[\w'’.-]*){{0,3}}"
BLANKS = r"(?<![ \t])[ \t]++"  # all blanks between two words, never the rest of them: linear time
JOINED = rf"(?:(?:{BLANKS})?[,&+/][ \t]*+|{BLANKS}(?:and|und|et|y|e|en|och|og|ja|i|и)[ \t]++)"
END = r"(?=[ \t]*(?:[,.!:;?…，、！：。–—\-)]|$))"
HONORED = re.compile(r"\s*(?P<names>[^\W\d_]{1,8})\s?(?:様|さん|さま|殿|先生|님|씨|先生|女士|小姐)(?:[\s,、，:：。]|$)")
# "Denise at Harbour Mutual", "Denise (Harbour Mutual)", "Denise, Harbour Mutual": what follows is not a name.
PLACE = re.compile(
    r"(?<!\s)(?:\s++(?:at|from|of|for|with|bei|von|chez|de|à|en|da|di|bij|van|@|\||[-–—/])\s.*$|\s*+[,(|/].*$)"
)
LEADING = re.compile(r"^[\s\-–—~*/_>]+")
INTRODUCED = (
    r"\b(?:my name is|my name['’]s|ich heiße|ich heisse|mein name ist|je m['’]appelle|mon nom est|me llamo|mi nombre es"
    rf"|mi chiamo|il mio nome è|ik heet|mijn naam is|meu nome é)[ \t]+(?P<names>{NAME})"
    rf"|\b(?:this is|it['’]s|I am|I['’]m|here is|hier (?:ist|spricht))[ \t]+(?P<here>{NAME})"
    r"(?=[ \t]+(?:from|at|of|with|calling|here|von)\b)"
)
MIN_WORDS = 5  # of a message that ends with a line of its own for the name
MAX_TAIL = 8  # last lines that are searched for a signature
MAX_NAMES = 6  # of one greeting


def called(text: str) -> tuple[str, ...]:
    """The names in the greeting of a message, and those with which its writer signs or introduces themselves.

    >>> called("Dear Denise, thank you.\\n\\nKind regards\\nOlav Berg")
    ('Denise', 'Olav Berg')
    """
    return tuple(dict.fromkeys((*greeted(text), *signed(text))))


def greeted(text: str) -> Iterator[str]:
    """The names that a message greets."""
    for line in [one for one in text.split("\n") if one.strip()][:2]:
        found = _greeting().match(line) or HONORED.match(line)
        if found:
            for name in re.split(JOINED, found["names"])[:MAX_NAMES]:
                yield from _person(_ungreeted(name))
            return


def signed(text: str) -> Iterator[str]:
    """The names with which the writer of a message signs, or introduces themselves."""
    for introduction in _introduced().finditer(text):
        yield from _person(introduction["names"] or introduction["here"])
    lines = [line for line in text.split("\n") if line.strip()]
    tail = lines[-MAX_TAIL:]
    for at in range(len(tail) - 1, -1, -1):
        last = re.split(r"(?<=[.!?])\s+", tail[at].strip())[-1]
        found = patterns().closing.fullmatch(last)
        if not found or len(last.split()) > MAX_CLOSING:
            continue
        names = list(_person(found["name"] if found["name"].strip() else "".join(tail[at + 1 : at + 2])))
        if names or not found["name"].strip():
            yield from names
            return
    if len(lines) > 1 and len(text.split()) >= MIN_WORDS and _stands_apart(text, lines):
        yield from _person(lines[-1])


def _stands_apart(text: str, lines: list[str]) -> bool:
    """Whether the last line is a paragraph of its own, or follows the end of a sentence."""
    before = text.rstrip()[: -len(lines[-1].strip())]
    return before.endswith("\n\n") or lines[-2].rstrip().endswith((".", "!", "?", "…", "。", ","))


def _person(text: str) -> Iterator[str]:
    """The name in a line that has nothing else but a place of work; nothing if it is not a name."""
    text = LEADING.sub("", text.strip())
    name = PLACE.sub("", text).strip(" .,;:!*_~")
    if not re.fullmatch(NAME, name) or name.casefold() in _nobody():
        return
    words = name_words(name)
    if any(len(word) > 1 for word in words) and not any(word.casefold() in _nobody() for word in words):
        yield " ".join(words)


def _ungreeted(name: str) -> str:
    """A name without a greeting of its own: "lieber Tom" in "Liebe Anna, lieber Tom"."""
    before = word_lists()["before"]
    while len(parts := name.split(maxsplit=1)) == 2 and parts[0].strip(".").casefold() in before:
        name = parts[1]
    return name.strip()


@lru_cache(maxsize=1)
def _nobody() -> frozenset[str]:
    """Words in the place of a name that name nobody: roles, groups, parts of the day."""
    lists = word_lists()
    return frozenset((*lists["nobody"], *lists["before"], *lists["firms"], *lists["greetings"]))


@lru_cache(maxsize=1)
def _greeting() -> re.Pattern[str]:
    lists = word_lists()
    words = "|".join(re.escape(word) for word in sorted((*lists["greetings"], *lists["before"]), key=len, reverse=True))
    titles = "|".join(re.escape(word) for word in sorted(lists["titles"], key=len, reverse=True))
    more = rf"(?:{JOINED}(?:(?i:{words})[ \t]+)*(?:(?i:{titles})\.?[ \t]+)*{NAME}){{0,4}}"
    one = rf"(?:(?i:{titles})\.?[ \t]+(?:(?:and|und|&|et|y|e|en)[ \t]+)?)*{NAME}"
    return re.compile(rf"\W{{0,3}}(?:(?i:{words})\.?[ \t,，]+)+(?P<names>{one}{more}){END}")


@lru_cache(maxsize=1)
def _introduced() -> re.Pattern[str]:
    return re.compile(f"(?i:{INTRODUCED})".replace(NAME, f"(?-i:{NAME})"))
