"""Lines that introduce a quote: by their words in many languages, and by their structure in any."""

import re
from collections.abc import Callable, Collection, Sequence

from gradschool.prepare.mail.header_block import ANNOUNCEMENT
from gradschool.prepare.mail.lines import Kind, Line, is_quoted
from gradschool.prepare.mail.patterns import patterns
from gradschool.prepare.mail.structure import BREAK, has_address, has_date, has_time, names_someone, visible

MAX_LINES = 4  # that "On …, … wrote:" may be broken into
MAX_WORDS = 12  # of a line that says only that a quote follows
MAX_LENGTH = 300  # characters
MAX_GAP = 2  # empty lines between an attribution and its quote
COLON = (":", "：", "︰")
ENCLOSED = re.compile(r"[<(\[][^<>()\[\]\s]*@[^<>()\[\]\s]*[>)\]]")
SENTENCE_END = re.compile(r"[^\W\d_]{3}[.!?]$")
MAX_PLAIN = 5  # words of "Bert Hill wrote" without a colon


def worded(lines: Sequence[Line], kinds: Sequence[Kind], start: int) -> int:
    """The number of lines of an attribution in a known language that begins here; 0 if there is none."""
    joined = ""
    for length in range(1, MAX_LINES + 1):
        at = start + length - 1
        if at >= len(lines) or not _is_own(lines, kinds, at):
            return 0
        if SENTENCE_END.search(joined):
            return 0
        joined = f"{joined} {lines[at].text.strip()}".strip()
        if ends_with_colon(joined) and patterns().wrote.search(visible(joined)):
            return length
    return 0


def above_quotes(lines: Sequence[Line], kinds: Sequence[Kind], people: Collection[str]) -> dict[int, int]:
    """Attributions directly above a quote, in any language: the first line of each, and the number of its lines."""
    found: dict[int, int] = {}
    for quote in range(1, len(lines)):
        quoted = kinds[quote] == "quoted" or is_quoted(lines[quote])
        last = quote - 1
        while last >= 0 and not lines[last].text.strip() and quote - last <= MAX_GAP:
            last -= 1
        if quoted and last >= 0 and _is_own(lines, kinds, last):
            start = _start(lines, kinds, last, people)
            if start <= last:
                found[start] = last - start + 1
    return found


def _start(lines: Sequence[Line], kinds: Sequence[Kind], last: int, people: Collection[str]) -> int:
    """The first line of the attribution that ends at `last`; a later line if there is none."""
    first = last
    while first > 0 and last - first + 1 < MAX_LINES and _is_own(lines, kinds, first - 1):
        first -= 1
    tests: list[Callable[[str], bool]] = [is_complete, lambda text: is_attribution(text, people), is_lead_in]
    for test in tests:
        # A line that only says that something follows is never broken into several.
        for start in range(last, (last if test is is_lead_in else first) - 1, -1):
            joined = " ".join(line.text.strip() for line in lines[start : last + 1])
            if test(joined):
                return _whole(lines, first, start)
    return last + 1


def _whole(lines: Sequence[Line], first: int, start: int) -> int:
    """The start of a broken attribution: a line that begins with an address or in lower case continues the last one."""
    while start > first and (lines[start].text.lstrip()[:1] in "<([" or lines[start].text.lstrip()[:1].islower()):
        if lines[start - 1].text.rstrip().endswith((".", "!", "?", ":")):
            break
        start -= 1
    return start


def is_complete(text: str) -> bool:
    """Whether a line has the date and the address of an older mail, as mail programs write it above a quote.

    >>> is_complete("вт, 5 мар. 2024 г. в 10:12, Per Lind <per@example.org>:")
    True
    """
    if len(text) > MAX_LENGTH or BREAK.search(visible(text)):
        return False
    closed = ends_with_colon(text) or is_headline(text)
    return closed and has_address(text) and has_date(text)


def is_attribution(text: str, people: Collection[str]) -> bool:
    """Whether a line above a quote says who wrote it: with a date, an address, a known name, or a word for saying."""
    shown = visible(text)
    if len(text) > MAX_LENGTH or BREAK.search(shown):
        return False
    if patterns().wrote.search(shown) or ANNOUNCEMENT.fullmatch(shown):
        return True
    words = [word for word in (word.strip("*_,.…").casefold() for word in shown.rstrip(":：︰ ").split()) if word]
    if not words or not ends_with_colon(text):
        return 2 <= len(words) <= MAX_PLAIN and words[-1] in patterns().says and shown.endswith((words[-1], "...", "…"))
    if has_address(text) or (has_date(text) and has_time(text)):
        return True
    said = bool({words[0], *words[1:2], words[-1]} & patterns().says)
    return len(words) <= MAX_WORDS and (said or has_date(text) or names_someone(text, people))


def is_dated_attribution(text: str, people: Collection[str]) -> bool:
    """Whether a line has a colon at its end and the date of an older mail, and names its writer."""
    named = has_address(text) or names_someone(text, people)
    return ends_with_colon(text) and has_date(text) and (named or has_time(text)) and is_attribution(text, people)


def is_headline(text: str) -> bool:
    """Whether a line with a date and an address names the writer of a mail, rather than asks for something.

    Programs enclose the address and add the time; "Please pay the bill of 3.5.2024 to desk@example.org:" has neither.
    """
    return has_time(text) and ENCLOSED.search(visible(text)) is not None


def is_lead_in(text: str) -> bool:
    """Whether a line above a quote is short and ends with a colon, whatever its words."""
    shown = visible(text)
    return ends_with_colon(text) and len(shown.split()) <= MAX_WORDS and not BREAK.search(shown)


def ends_with_colon(text: str) -> bool:
    """Whether a line ends with a colon, of any script."""
    return visible(text).rstrip("*_ ").endswith(COLON)


def _is_own(lines: Sequence[Line], kinds: Sequence[Kind], at: int) -> bool:
    return kinds[at] == "own" and bool(lines[at].text.strip()) and not is_quoted(lines[at])
