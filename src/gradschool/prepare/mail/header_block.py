"""Headers of an older mail in the text of a mail: by their names in many languages, and by their structure in any."""

import re
from collections.abc import Collection, Sequence

from gradschool.prepare.mail.lines import Line
from gradschool.prepare.mail.notes_header import notes_end
from gradschool.prepare.mail.patterns import patterns
from gradschool.prepare.mail.structure import has_address, has_date, names_someone

HEADER = re.compile(r"[\s>*|]{0,4}\**([^\W\d_][^\d:：*|<>@]{0,30}?)\**\s{0,2}[:：]\**\s*(.*)")
RULE = re.compile(r"\s*[_\-=*~#]{5,}\s*")
# "-----Alkuperäinen viesti-----"
ANNOUNCEMENT = re.compile(r"\s*[-_=*]{3,}\s*[\"'“„«]?[^\W\d_].{0,120}?\s*[-_=*]{3,}\s*")
KEY_NAMES = ("from", "sent", "to", "subject")
MAX_HEADERS = 12  # lines that headers above an older mail may take
MIN_LABELS = 4  # of headers in an unknown language; one less below a rule


def header_name(text: str) -> str:
    """Which header a line is ("from", "sent", "to", "cc", "subject"), by its name in a known language; or empty."""
    found = HEADER.match(text)
    return patterns().headers.get(" ".join(found[1].split()).casefold(), "") if found else ""


def is_header_line(text: str) -> bool:
    """Whether a line is one of the main headers of a mail."""
    return header_name(text) in KEY_NAMES


def headers_end(lines: Sequence[Line], start: int, people: Collection[str] = (), names: Collection[str] = ()) -> int:
    """The end of a block of mail headers that begins at `start`; 0 if none does.

    `people` are words of the names and addresses of the mail's correspondents, `names` of its sender.
    """
    if start >= len(lines):
        return 0
    return _known_end(lines, start) or _structural_end(lines, start, people) or notes_end(lines, start, people, names)


def _known_end(lines: Sequence[Line], start: int) -> int:
    if not is_header_line(lines[start].text):
        return 0
    seen: dict[str, str] = {}
    end = at = start
    while at < min(len(lines), start + MAX_HEADERS):
        name = header_name(lines[at].text)
        text = lines[at].text.strip()
        if name:
            seen.setdefault(name, text)
            end = at + 1
        elif text and at == end and seen and len(seen) < 5 and not text.endswith((".", "!", "?")) and at > start:
            # A long list of recipients continues on the next line.
            if not (at + 1 < len(lines) and header_name(lines[at + 1].text)):
                break
            end = at + 1
        elif text or (seen.keys() >= {"from", "subject"}) or at > end + 1:
            break
        at += 1
    found = set(KEY_NAMES) & seen.keys()
    enough = len(found) >= 3 or (len(found) == 2 and "from" in found and "@" in seen["from"])
    sure = "subject" in found or any("@" in text for text in seen.values())
    return end if "from" in found and enough and sure else 0


def _structural_end(lines: Sequence[Line], start: int, people: Collection[str]) -> int:
    """The end of labelled lines with a person and a date, below a rule or to a correspondent, in any language."""
    values: list[str] = []
    at = start
    while at < min(len(lines), start + MAX_HEADERS) and (found := HEADER.match(lines[at].text)):
        values.append(found[2])
        at += 1
        # A long list of recipients continues on the next line.
        if at + 1 < len(lines) and not HEADER.match(lines[at].text) and HEADER.match(lines[at + 1].text):
            at += bool(lines[at].text.strip()) and len(values) > 1
    if len(values) < MIN_LABELS - 1:
        return 0
    hints = {line.hint for line in lines[start:at]}
    above = next((line.text for line in reversed(lines[:start]) if line.text.strip()), "")
    ruled = hints == {"ruled"} or bool(RULE.fullmatch(above) or ANNOUNCEMENT.fullmatch(above))
    many = len(values) >= MIN_LABELS
    dated = any(map(has_date, values))
    addressed = any(map(has_address, values))
    correspondent = any(names_someone(value, people) for value in values[:2])
    if hints == {"ruled"}:
        sure = (many and (dated or addressed)) or (dated and addressed)
    elif hints == {"label"} and many and has_address(values[0]):
        sure = dated
    else:
        sure = dated and (addressed or correspondent) and (ruled or (many and correspondent))
    return at if sure else 0
