"""Headers of an older mail as Notes (Lotus, IBM, HCL) writes them: the writer, the date, and labels without colons."""

import re
from collections.abc import Collection, Sequence

from gradschool.prepare.mail.lines import Line
from gradschool.prepare.mail.patterns import patterns
from gradschool.prepare.mail.structure import BREAK, has_address, has_date, has_time, names_someone

UNITS = r"(?:/[\w.&'-][\w .&'-]{0,40}){1,6}"  # only Notes writes slashes directly after a name
# "Olav Berg/Yard/Fjord@FJORD": a name with its units and the domain.
NOTES_NAME = re.compile(
    rf"\W{{0,2}}(?P<name>[^\W\d_][^\d/<>@:;,]{{0,60}})(?:{UNITS}(?:@[\w.-]{{1,60}})?|@[\w-]{{1,60}}(?![\w.@-]))"
)
NAME = re.compile(r"[*\"']{0,2}[^\W\d_a-z][\w.'’-]{0,30}(?:[ ,]{1,2}[^\W\d_][\w.'’-]{0,30}){0,4}[*\"']{0,2}")
LABEL = re.compile(r"\s{0,40}\**([^\W\d_][^\d:：\t<>@]{0,24}?)\**(?:\s{0,3}[:：]\**|\t| {2}|$)(.*)")
# "Olav Berg ---07/03/2024 09:05:12---When do we meet": the history that Notes puts above the headers.
HISTORY = re.compile(r".{2,120}?-{3}\s?\d{1,4}[./-]\d{1,2}[./-]\d{1,4},?\s\d{1,2}[:.]\d\d.{0,20}-{3}.*")
SENTENCE = re.compile(r"[.!?…。]$")
# A line with nothing but a date: "Thu 07/03/2024 09:05 AM CET".
PLAIN_DATE = re.compile(
    r"(?:[^\W\d_]{1,12}[.,]{0,2}\s)?\d.{0,60}\d\)?(?:\s?(?:(?i:[ap]\.?m\.?|uhr|h)|[A-Z]{1,5})\)?){0,3}[*]{0,2}"
)
MAX_LENGTH, MAX_WORDS = 120, 9  # characters and words of the line with the writer or the date
MAX_HEADERS, MAX_LINES = 30, 60  # lines of all headers; with empty ones
MAX_ABOVE = 8  # lines above "To"
MIN_SENTENCE = 5  # words


def notes_end(lines: Sequence[Line], start: int, people: Collection[str], names: Collection[str] = ()) -> int:
    """The end of headers that begin with the writer at `start`, have a date, "To" and "Subject"; 0 if none does.

    Somebody in them is a correspondent, or has units or an address. At the top of a mail, they are its own letterhead
    if they name its sender (one of `names`).
    """
    if not _names_writer(lines[start].text.strip(), people):
        return 0
    filled = [at for at in range(start, min(len(lines), start + MAX_LINES)) if lines[at].text.strip()][:MAX_HEADERS]
    texts = [lines[at].text.strip() for at in filled]
    if not _dated_next(texts, people):
        return 0
    found: set[str] = set()
    certain = False
    for place, (at, text) in enumerate(zip(filled, texts, strict=True)):
        name, value = _label(text, people)
        found.add(name)
        certain = certain or _has_units(value or text) or names_someone(text, people)
        if (place > MAX_ABOVE and "to" not in found) or (not name and _is_sentence(text)):
            return 0
        if name == "subject" and "to" in found:
            below = at + 1 < len(lines) and lines[at + 1].text.strip()
            end = at + 2 if below and not value else at + 1
            return end if certain and not _is_letterhead(lines, start, names) else 0
    return 0


def is_history(text: str) -> bool:
    """Whether a line is the summary that Notes puts above the headers of an older mail."""
    return "---" in text and HISTORY.fullmatch(text.strip()) is not None


def _names_writer(text: str, people: Collection[str]) -> bool:
    if not text or len(text) > MAX_LENGTH or len(text.split()) > MAX_WORDS or BREAK.search(text):
        return False
    return bool(
        NOTES_NAME.match(text) or NAME.fullmatch(text) or has_address(text) or _is_date(text)
        or names_someone(text, people)
    )  # fmt: skip


def _has_units(text: str) -> bool:
    """Whether a line begins with somebody's units or address."""
    return NOTES_NAME.match(text) is not None or has_address(text.partition(" ")[0])


def _dated_next(texts: Sequence[str], people: Collection[str]) -> bool:
    """Whether the date is on the first line or the next one, or below "Sent by: …"; somewhere below "From"."""
    if _label(texts[0], people)[0] == "from":
        return any(map(_is_date, texts[1:MAX_ABOVE]))
    known = _has_units(texts[0]) or names_someone(texts[0], people)
    if _is_date(texts[0]):
        return known or PLAIN_DATE.fullmatch(texts[0]) is not None
    plain = [PLAIN_DATE.fullmatch(text) is not None and _is_date(text, timed=not known) for text in texts[1:3]]
    return plain[:1] == [True] or (plain[1:] == [True] and _has_units(texts[0]) and ":" in texts[1])


def _is_date(text: str, *, timed: bool = True) -> bool:
    few = len(text) <= MAX_LENGTH and len(text.split()) <= MAX_WORDS
    return few and has_date(text) and (has_time(text) or not timed)


def _is_sentence(text: str) -> bool:
    return len(text.split()) >= MIN_SENTENCE and SENTENCE.search(text) is not None


def _is_letterhead(lines: Sequence[Line], start: int, names: Collection[str]) -> bool:
    """Whether headers at the top of a mail name its own sender."""
    first = next((at for at, line in enumerate(lines) if line.text.strip()), start)
    return first == start and names_someone(lines[start].text, {name.casefold() for name in names})


def _label(text: str, people: Collection[str]) -> tuple[str, str]:
    """Which header a line is by its label, with or without a colon, and its value on the same line; or empty.

    One blank may separate both, before a person or a subject.
    """
    if (found := LABEL.fullmatch(text)) and (known := _known(found[1])):
        return known, found[2].strip()
    label, _, value = text.partition(" ")
    known = _known(label)
    person = _has_units(value) or names_someone(value, people) or NAME.fullmatch(value) is not None
    return (known, value.strip()) if known == "subject" or (known and person) else ("", "")


def _known(label: str) -> str:
    return patterns().headers.get(" ".join(label.split()).casefold(), "")
