"""Find signatures, disclaimers, and footers of mailing lists and apps at the end of a mail."""

import re
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from functools import lru_cache
from itertools import islice

from gradschool.data.private import POSTCODE, shapes
from gradschool.prepare.mail.lines import Kind, Line
from gradschool.prepare.mail.patterns import patterns

DELIMITER = re.compile(r"\s{0,2}(?:--|—|––|__)\s*")
RULE = re.compile(r"\s*[_\-=*~#+.]{4,}\s*|\s*[-=*_]{3,}\s*")
TITLES = r"(?:dr|prof|mr|mrs|ms|herr|frau|m|mme|dott|ing|dipl|sr|sra|ir|drs|mag)\.?(?:-ing\.)?\s"
PARTICLE_WORDS = (
    *("von", "van", "de", "der", "den", "di", "da", "del", "la", "le", "du", "und", "and", "et", "y", "e", "en", "of"),
    *("the", "ter"),
)
PARTICLES = rf"(?:{'|'.join(PARTICLE_WORDS)})\s"
WORD = r"[^\W\d_][\w.'’-]*"
NAME = re.compile(
    rf"[*_~–—-]?\s?(?:{TITLES})*{WORD}(?:[ ,&+/]+(?:{PARTICLES})*{WORD}){{0,4}}"
    r"\s?(?:\([\w .'’-]{1,20}\))?[\s.,!*_~;:)x-]{0,6}",
    re.IGNORECASE,
)
TOWN = re.compile(r"\b(?:[A-Z]{1,2}-)?\d{4,5}\s?(?:[A-Z]{2}\s)?[A-ZÀ-Ž][a-zà-ž]+")
WINDOW = 24  # lines from the end that are searched for a closing formula
MAX_DELIMITED, MAX_SIGNATURE = 16, 14  # lines
MAX_CLOSING = 20  # words of a closing formula
PROSE_WORDS = 9  # words from which a line is a sentence rather than an entry
SHORT_WORDS = 6
MAX_NOTICE = 100  # lines of a disclaimer
MAX_FOOTERS = 50  # below one text
MIN_NOTICE, HINTS = 15, 3  # words of a disclaimer, and how many distinct hints it needs


def trim(lines: Sequence[Line], kinds: list[Kind], names: Sequence[str]) -> None:
    """Mark signatures and footers after the sender's last text, and after text before a quote."""
    for start, end in reversed(list(_runs(kinds))):
        end = _trim_footers(lines, kinds, start, end)
        end = _trim_delimited(lines, kinds, start, end)
        end = _trim_footers(lines, kinds, start, end)
        _trim_contact(lines, kinds, start, end, names)
        if any(kinds[at] == "own" and lines[at].text.strip() for at in range(start, end)):
            return


def _runs(kinds: Sequence[Kind]) -> Iterator[tuple[int, int]]:
    """Runs of the sender's own lines."""
    start = None
    for number in range(len(kinds) + 1):
        own = number < len(kinds) and kinds[number] == "own"
        if own and start is None:
            start = number
        elif not own and start is not None:
            yield start, number
            start = None


def _trim_footers(lines: Sequence[Line], kinds: list[Kind], start: int, end: int) -> int:
    """Mark footers and disclaimers at the end, paragraph by paragraph; returns the end of the rest."""
    known = patterns()
    for _ in range(MAX_FOOTERS):
        end = _filled_end(lines, start, end)
        first = _paragraph_start(lines, max(start, end - MAX_NOTICE), end)
        if end <= start:
            return end
        last = lines[end - 1].text.strip()
        footer = _list_footer(lines, start, end)
        paragraph = " ".join(line.text.strip() for line in lines[first:end])
        if footer is not None:
            kinds[footer:end] = ["list footer"] * (end - footer)
            end = footer
        elif _is_notice(paragraph):
            kinds[first:end] = ["disclaimer"] * (end - first)
            end = first
        elif known.app.fullmatch(last):
            kinds[end - 1] = "app footer"
            end -= 1
        elif RULE.fullmatch(last):
            kind: Kind = "disclaimer" if end < len(kinds) and kinds[end] != "own" else "signature"
            while end > start and RULE.fullmatch(lines[end - 1].text.strip()):
                kinds[end - 1] = kind
                end -= 1
        else:
            return end
    return end


def _list_footer(lines: Sequence[Line], start: int, end: int) -> int | None:
    """The start of a mailing list's footer at the end of the run, if there is one."""
    for number in range(max(start, end - 12), end):
        text = lines[number].text.strip()
        if not patterns().list_footer.search(text):
            continue
        first = number
        while first > start and (RULE.fullmatch(lines[first - 1].text) or DELIMITER.fullmatch(lines[first - 1].text)):
            first -= 1
        announced = first < number or _only_links(lines, number, end)
        if announced or number == start or not lines[number - 1].text.strip():
            return first
    return None


def _only_links(lines: Sequence[Line], start: int, end: int) -> bool:
    return all(not line.text.strip() or "http" in line.text or "@" in line.text for line in lines[start + 1 : end])


def _is_notice(paragraph: str) -> bool:
    known = patterns()
    text = paragraph.strip(" *_-=")
    if known.notice.search(text):
        return True
    hints = {found[0].casefold() for found in known.hint.finditer(text)}
    return len(hints) >= HINTS and len(text.split()) >= MIN_NOTICE


def _trim_delimited(lines: Sequence[Line], kinds: list[Kind], start: int, end: int) -> int:
    """Mark lines after "-- " as a signature, unless the text continues there."""
    delimiters = [at for at in range(start, end) if DELIMITER.fullmatch(lines[at].text)]
    postscripts = [at for at in range(start, end) if is_postscript(lines[at].text)] if delimiters else []
    for number in delimiters:
        place = bisect_right(postscripts, number)
        last = postscripts[place] if place < len(postscripts) else end
        # More lines than this are no signature, whatever they are.
        filled = (text for at in range(number + 1, last) if (text := lines[at].text).strip())
        below = [*islice(filled, max(MAX_DELIMITED, MAX_SIGNATURE) + 1)]
        exact = lines[number].text.strip() == "--"
        if not below or (exact and len(below) <= MAX_DELIMITED and not _is_text(below)) or _is_signature(below):
            kinds[number:last] = ["signature"] * (last - number)
            return number if last == end else end
    return end


def _is_text(below: Sequence[str]) -> bool:
    """Whether the lines after a delimiter are text: mostly sentences, without contact details."""
    prose = sum(_is_prose(line) for line in below)
    return prose > 2 and prose > len(below) / 2 and not any(patterns().contact.search(line) for line in below)


def _trim_contact(lines: Sequence[Line], kinds: list[Kind], start: int, end: int, names: Sequence[str]) -> None:
    """Mark a block of name, company and numbers, after the closing formula and the name or at the end."""
    end = _filled_end(lines, start, end)
    closing = _closing(lines, start, end, names)
    if closing is None:
        first = _block_without_closing(lines, start, end, names)
        if first is not None:
            kinds[first:end] = ["signature"] * (end - first)
        return
    first = _below_name(lines, closing, end, names)
    last = next((at for at in range(first, end) if is_postscript(lines[at].text)), end)
    below = [line.text for line in lines[first:last] if line.text.strip()]
    if below and _is_signature(below):
        kinds[first:last] = ["signature"] * (last - first)
    if last < end:
        _trim_contact(lines, kinds, last, end, names)


def _closing(lines: Sequence[Line], start: int, end: int, names: Sequence[str]) -> int | None:
    """The line with the closing formula: the last one in the window with something below, or else the last."""
    found = [at for at in range(max(start, end - WINDOW), end) if is_closing(lines[at].text)]
    for at in reversed(found):
        below = [line.text for line in lines[_below_name(lines, at, end, names) : end] if line.text.strip()]
        if not below or _is_signature(below) or any(map(is_postscript, below)):
            # The first of several consecutive formulas: "Thanks," "Best regards,".
            return at
    return None


def is_closing(text: str) -> bool:
    """Whether a line is a closing formula, with or without a name after it."""
    text = text.strip()
    found = patterns().closing.fullmatch(text)
    if not found or len(text.split()) > MAX_CLOSING:
        return False
    name = found["name"].strip()
    words_of = [word for word in re.split(r"[\s,&+/]+", name) if word[:1].isalpha()]
    called = all(word[:1].isupper() or word.casefold() in PARTICLE_WORDS for word in words_of)
    return not name or (bool(NAME.fullmatch(name)) and (called or len(words_of) == 1))


def _below_name(lines: Sequence[Line], closing: int, end: int, names: Sequence[str]) -> int:
    """The first line after the closing formula and the signing name."""
    found = patterns().closing.fullmatch(lines[closing].text.strip())
    named = found["name"].strip() if found else ""
    at = closing + 1
    while at < end and not lines[at].text.strip():
        at += 1
    signed = at < end and is_name(lines[at].text)
    if named and signed:
        signed = _signs_below(named, lines[at].text, names)
    return at + 1 if signed else closing + 1


def _signs_below(named: str, below: str, names: Sequence[str]) -> bool:
    """Whether a name below a closing formula with a name is the sender's: the formula then names the reader.

    "Thanks Jorin!" above "Sam", but not "Best, Sam" above "Fjord Boats".
    """
    known = {word.casefold() for word in names}
    first, second = ({word.strip(".").casefold() for word in re.findall(WORD, text)} for text in (named, below))
    if known & (first | second):
        return not known & first
    return len(second) == 1 or named.endswith(("!", "."))


def is_name(text: str) -> bool:
    """Whether a line is only a name."""
    text = text.strip()
    if (
        not text
        or len(text) > 45
        or patterns().contact.search(text)
        or patterns().company.search(text)
        or patterns().title.search(text)
    ):
        return False
    return bool(NAME.fullmatch(text))


def _block_without_closing(lines: Sequence[Line], start: int, end: int, names: Sequence[str]) -> int | None:
    """The start of last paragraphs that begin with the sender's name and have contact details."""
    known = {name.casefold() for name in names if len(name) > 1}
    for number in range(max(start, end - MAX_SIGNATURE), end):
        text = lines[number].text.strip()
        if (number > start and lines[number - 1].text.strip()) or not text:
            continue
        called = {word.strip(".,").casefold() for word in text.split()}
        named = bool(known & called) if known else is_name(text)
        below = [line.text for line in lines[number:end] if line.text.strip()]
        strong = sum(is_entry(line) for line in below)
        if named and len(below) >= 2 and strong and _is_signature(below) and number > start:
            # A first name alone is how the writer signs; a full name begins the block.
            return number + (len(text.split()) == 1)
    return None


def is_postscript(text: str) -> bool:
    """Whether a line begins an addition below a letter: "P.S."."""
    return patterns().postscript.match(text) is not None


def _is_signature(below: Sequence[str]) -> bool:
    """Whether lines are entries (numbers, addresses, a company, a title) rather than sentences."""
    if len(below) > MAX_SIGNATURE:
        return False
    entries = sum(is_entry(line) for line in below)
    prose = sum(_is_prose(line) for line in below)
    if entries:
        return prose <= entries
    return not prose and all(len(line.split()) <= SHORT_WORDS and line.strip()[-1:] not in ".?!" for line in below)


@lru_cache(maxsize=4096)  # each line of a signature is asked about several times
def is_entry(text: str) -> bool:
    """Whether a line is an entry of a signature: a number, an address, a company, a title."""
    known = patterns()
    return bool(
        known.contact.search(text)
        or _is_address(text)
        or known.company.search(text)
        or known.legal.search(text)
        or (known.title.search(text) and len(text.split()) <= 2 * SHORT_WORDS)
        or text.count("|") >= 1
        or text.count("·") + text.count("•") >= 2
    )


def _is_address(text: str) -> bool:
    return bool(shapes().address.search(text) or POSTCODE.search(text) or TOWN.search(text))


def _is_prose(text: str) -> bool:
    """Whether a line is a sentence: long, or a few words with a full stop."""
    number = len(text.split())
    ended = text.strip()[-1:] in ".!?"
    return not is_entry(text) and (number >= PROSE_WORDS or (ended and number >= 4))


def _filled_end(lines: Sequence[Line], start: int, end: int) -> int:
    while end > start and not lines[end - 1].text.strip():
        end -= 1
    return end


def _paragraph_start(lines: Sequence[Line], start: int, end: int) -> int:
    first = end
    while first > start and lines[first - 1].text.strip():
        first -= 1
    return first
