"""Names that a message itself gives: of its reader, of its writer, and of those who get a copy."""

import re
from collections.abc import Iterator
from functools import lru_cache

from gradschool.prepare.mail.patterns import patterns
from gradschool.prepare.mail.signature import MAX_CLOSING, is_entry
from gradschool.prepare.people import name_words, word_lists

UPPER = r"[^\W\d_a-zß-öø-ÿа-яёα-ωά-ώ]"  # a capital, or a letter of a script without capitals
SMALL = r"(?:van|von|de|der|den|da|di|del|la|le|al|el|bin)[ \t]+"
NAME = rf"{UPPER}(?:\.|[\w'’-]*)(?:[ \t]+(?:{SMALL})*{UPPER}[\w'’.-]*){{0,3}}"
BLANKS = r"(?<![ \t])[ \t]++"  # all blanks between two words, never the rest of them: linear time
AND = r"&|and|und|et|y|e|en|och|og|ja|i|и"
JOINED = rf"(?:(?:{BLANKS})?[,&+/][ \t]*+|{BLANKS}(?:{AND})[ \t]++)"
REST = (
    r"(?:the|your|all|every\w{3,4}|team|colleagues|co|company|crew|family|friends|others|alle|das|die|kollegen|familie"
    r"|l['’]équipe|toute?s?|tous|todos|equipo|tutti|colleghi|allen|het|collega['’]?s)"
)
# After "Denise" and "Tom": a sign, a place of work, or "and team"; after "Walker": "family".
END = rf"(?=[ \t]*(?:[,.!:;?…，、！：。–—\-()]|$)|{BLANKS}(?:(?:at|from|von|@)[ \t]|(?:{AND})[ \t]++{REST}\b|family\b))"
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
# "Hi Denise just checking": no sign between the name and the sentence; not "Dear Garden lovers," or "Hi Garden lovers".
CASUAL = re.compile(
    r"\W{0,3}(?i:hi|hello|hey|hiya|dear|hallo|hoi|hej|hei|hola|bonjour|salut|ciao|moin|liebe|lieber|cher|chère)"
    rf"[ \t]++(?P<name>{UPPER}[\w'’-]++)[ \t]++(?P<next>[^\W\d_][\w'’-]*+)"
)
# Typed without capitals: a whole line, or the words after "cheers,".
LOWER = r"(?![\d_])\w[\w’'-]++"
LOWER_GREETED = re.compile(
    rf"\W{{0,3}}(?P<names>{LOWER}(?:[ \t]{LOWER})?(?:[ \t]*(?:[,&+/]|\b(?:{AND})\b)[ \t]*{LOWER})*)[ \t]*[,.!:;)\-–—]*"
)
LOWER_ALONE = re.compile(rf"(?P<name>{LOWER})[ \t]*(?:,|[!.]?$)")
LOWER_SIGNED = re.compile(rf"[ \t,.!;:–—-]*(?P<name>{LOWER})[ \t]*[.!]?(?:[ \t]x{{1,4}})?")
ALONE = re.compile(rf"(?P<name>{NAME})[ \t]*+[,，]")  # "Denise," above an empty line
COPIES = (
    r"(?:b?c\.?c\.?|cc['’]?d|(?:copy|copied|copies) to|kopie (?:an|aan)|copie à|copia (?:a|para)|cópia para|kopia till"
    r"|kopi til|z\.\s?k\.|attn\.?|fao)[ \t]?[:：]?|(?:copy|copies|kopie|copie|copia|cópia|kopia|kopi)[ \t]?[:：]"
)
COPIED = re.compile(
    rf"(?:^|\n)\W{{0,3}}(?i:{COPIES})[ \t]+(?P<line>[^\n]{{1,300}})"
    rf"|(?<!\d )\b(?i:cc(?:['’]?(?:d|ed|ing))?(?: in)?|(?:copying|copied|looping|looped) in)[ \t]+(?P<name>{NAME})"
)
FOR_OTHERS = re.compile(r"^(?i:p\.?\s?p\.?|i\.\s?a\.|i\.\s?v\.|im auftrag(?: von)?|on behalf of|for|für|pour)\s+")
KISSES = re.compile(r"(?<=\w) x{1,4}$", re.IGNORECASE)
MIN_WORDS = 5  # of a message that ends with a line of its own for the name
MAX_TAIL = 8  # last lines that are searched for a signature
MAX_NAMES = 6  # of one greeting
MAX_ALONE = 3  # words of a name that is a line of its own
MAX_BLOCK = 5  # lines of a last paragraph that begins with the writer's name


def called(text: str) -> tuple[str, ...]:
    """The names of those whom a message greets, who sign or introduce themselves, and who get a copy.

    >>> called("Dear Denise, thank you.\\n\\nKind regards\\nOlav Berg\\ncc Mira at Quay Supplies")
    ('Denise', 'Mira', 'Olav Berg')
    """
    return tuple(dict.fromkeys((*addressed(text), *signed(text))))


def addressed(text: str) -> Iterator[str]:
    """The names of those to whom a message is: whom it greets or thanks at its end, and who get a copy."""
    yield from _greeted(text)
    yield from _leave(text)[0]
    yield from copied(text)


def copied(text: str) -> Iterator[str]:
    """The names of those who get a copy of a message, by its text: "cc Denise at Harbour Mutual"."""
    for found in COPIED.finditer(text):
        for name in re.split(rf"{JOINED}|;[ \t]*+", found["line"] or found["name"])[:MAX_NAMES]:
            yield from _person(name)


def _greeted(text: str) -> Iterator[str]:
    lines = [one for one in text.split("\n") if one.strip()][:2]
    for line in lines:
        found = _greeting().match(line) or HONORED.match(line)
        if found:
            for name in re.split(JOINED, found["names"])[:MAX_NAMES]:
                yield from _person(_ungreeted(name))
            return
        if lower := list(_lower_greeted(line)):
            yield from lower
            return
        casual = CASUAL.match(line)
        if casual:
            sentence = line[casual.end() :].strip()
            if sentence and not sentence.endswith((",", "，", ":", "!")) and not _is_role(casual["next"]):
                yield from _person(casual["name"])
            return
    alone = ALONE.fullmatch(lines[0].strip()) if lines else None
    if alone and len(alone["name"].split()) <= MAX_ALONE and text.lstrip()[alone.end() :].lstrip(" \t")[:2] == "\n\n":
        yield from _person(alone["name"])


def _lower_greeted(line: str) -> Iterator[str]:
    """The names in a greeting that are typed without capitals: "hi anna,", "hey anna & tom", "Hi anna, thanks"."""
    first, _, rest = line.strip().partition(" ")
    lists = word_lists()
    if first.strip(",.").casefold() not in {*lists["greetings"], *lists["before"]}:
        return
    rest = _ungreeted(rest)
    alone = LOWER_ALONE.match(rest)
    found = LOWER_GREETED.fullmatch(rest) if line.islower() else None
    for name in re.split(JOINED, found["names"])[:MAX_NAMES] if found else [alone["name"]] if alone else []:
        words = name.split()
        if not {*words} & (_not_names() | _small_words()) and name.islower():
            yield " ".join(word.title() for word in words)


def signed(text: str) -> Iterator[str]:
    """The names with which the writer of a message signs, or introduces themselves."""
    for introduction in _introduced().finditer(text):
        yield from _person(introduction["names"] or introduction["here"])
    lines = [line for line in text.split("\n") if line.strip()]
    signers, closed = _leave(text)[1:]
    yield from signers
    if not closed and len(lines) > 1 and len(text.split()) >= MIN_WORDS:
        if _stands_apart(text, lines):
            yield from _person(lines[-1])
        yield from _heads_block(text)


def _leave(text: str) -> tuple[list[str], list[str], bool]:
    """The names of reader and writer at the closing formula of a message, and whether it has one.

    "Thanks Jorin!" above "Sam" is to Jorin.
    """
    tail = [line for line in text.split("\n") if line.strip()][-MAX_TAIL:]
    for at in range(len(tail) - 1, -1, -1):
        last = re.split(r"(?<=[.!?])\s+", tail[at].strip())[-1]
        found = patterns().closing.fullmatch(last)
        if not found or len(last.split()) > MAX_CLOSING:
            continue
        after = "".join(tail[at + 1 : at + 2])
        named = _signers(found["name"]) or _lower_signed(found["name"], apart="," in found["rest"])
        below = _signers(after) or (_lower_signed(after, apart=True) if at + 2 >= len(tail) else [])
        if named and below and (" " not in below[0] or found["name"].strip().endswith(("!", "."))):
            return named, below, True
        if named or not found["name"].strip():
            return [], named or below, True
    return [], [], False


def _signers(text: str) -> list[str]:
    """The names in the place of a signature: "Olav and Mira"; not those of a place of work."""
    if patterns().app.fullmatch(text.strip()):
        return []  # "Sent from my phone"
    return [name for part in re.split(rf"{BLANKS}(?:{AND})[ \t]++", text)[:MAX_NAMES] for name in _person(part)]


def _lower_signed(text: str, *, apart: bool) -> list[str]:
    """The name without a capital in the place of a signature, if it is `apart` from the closing formula."""
    found = LOWER_SIGNED.fullmatch(text) if apart and text.islower() else None
    return [found["name"].title()] if found and found["name"] not in _not_names() | _small_words() else []


def _heads_block(text: str) -> Iterator[str]:
    """The name above contact details in a last paragraph."""
    block = text.rstrip().rpartition("\n\n")[2].split("\n")
    if 1 < len(block) <= MAX_BLOCK and any(is_entry(line) or _is_firm(line) for line in block[1:]):
        yield from _person(block[0])


def _is_role(word: str) -> bool:
    """Whether a word after a name makes it that of a firm or an office: "Amazon support", "Prime Minister"."""
    known = word.casefold()
    return known in word_lists()["firms"] or (len(word) > 2 and word[:1].isupper() and known in _not_names())


def _is_firm(line: str) -> bool:
    return any(word.casefold().strip(".,") in word_lists()["firms"] for word in line.split()[:MAX_CLOSING])


def _stands_apart(text: str, lines: list[str]) -> bool:
    """Whether the last line is a paragraph of its own, or follows the end of a sentence."""
    before = text.rstrip()[: -len(lines[-1].strip())]
    return before.endswith("\n\n") or lines[-2].rstrip().endswith((".", "!", "?", "…", "。", ","))


def _person(text: str) -> Iterator[str]:
    """The name in a line that has nothing else but a place of work; nothing if it is not a name."""
    text = FOR_OTHERS.sub("", LEADING.sub("", text.strip()))
    name = KISSES.sub("", re.sub(r"[\W_]++$", "", PLACE.sub("", text)))
    if not re.fullmatch(NAME, name) or name.casefold() in _not_names():
        return
    words = name_words(name)
    if any(len(word) > 1 for word in words) and not any(word.casefold() in _not_names() for word in words):
        yield " ".join(words)


def _ungreeted(name: str) -> str:
    """A name without a greeting of its own: "lieber Tom" in "Liebe Anna, lieber Tom"."""
    before = word_lists()["before"]
    while len(parts := name.split(maxsplit=1)) == 2 and parts[0].strip(".").casefold() in before:
        name = parts[1]
    return name.strip()


@lru_cache(maxsize=1)
def _not_names() -> frozenset[str]:
    """Words in the place of a name that are no names: roles, groups, parts of the day."""
    lists = word_lists()
    return frozenset((*lists["not_names"], *lists["before"], *lists["firms"], *lists["greetings"], *lists["farewells"]))


@lru_cache(maxsize=1)
def _small_words() -> frozenset[str]:
    """Words in the place of a name without a capital that are no names."""
    return frozenset(word_lists()["small_words"])


@lru_cache(maxsize=1)
def _greeting() -> re.Pattern[str]:
    lists = word_lists()
    words = "|".join(re.escape(word) for word in sorted((*lists["greetings"], *lists["before"]), key=len, reverse=True))
    titles = "|".join(re.escape(word) for word in sorted(lists["titles"], key=len, reverse=True))
    more = rf"(?:{JOINED}(?:(?i:{words})[ \t]+)*(?:(?i:{titles})\.?[ \t]+)*{NAME}){{0,4}}"
    one = rf"(?:(?i:{titles})\.?[ \t]+(?:(?:and|und|&|et|y|e|en)[ \t]+)?)*{NAME}"
    return re.compile(rf"\W{{0,3}}(?:(?i:{words})\.?[:：]?[ \t,，]+)+(?P<names>{one}{more}){END}")


@lru_cache(maxsize=1)
def _introduced() -> re.Pattern[str]:
    return re.compile(f"(?i:{INTRODUCED})".replace(NAME, f"(?-i:{NAME})"))
