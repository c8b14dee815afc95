"""Dates as people write them, as ISO 8601: 3.5.2024, 05/03/2024, 3 May 2024, 3 de mayo de 2024, seconds since 1970."""

import re
from collections.abc import Iterable
from datetime import UTC, datetime

# The beginnings of their names: English, German, French, Spanish, Italian, Portuguese, Dutch, Scandinavian languages,
# Polish, Russian and Turkish; the first three letters decide, or four.
MONTHS = (
    "jan ene gen sty янв oca", "feb fév fev lut фев şub", "mar mär maa maart мар", "apr avr abr kwi апр nis",
    "may mai mag mei maj мая май", "jun juin giu cze июн haz", "jul juil lug lip июл tem",
    "aug aoû aou ago sie авг ağu", "sep set wrz сен eyl", "oct okt out ott paź окт eki", "nov lis ноя kas",
    "dec dez déc dic des gru дек ara",
)  # fmt: skip
ISO = re.compile(r"\d{4}-\d\d-\d\d(?:[T ].+)?")
SECONDS = re.compile(r"(?:\d{10}|\d{13})(?:\.\d*)?", re.ASCII)
NUMERIC = re.compile(r"(\d{1,2})([./-])(\d{1,2})\2(\d{4}|\d{2})(?:,?[ T](.+))?")
YEAR_FIRST = re.compile(r"(\d{4})[./](\d{1,2})[./](\d{1,2})(?:,?[ T](.+))?")
MAIL = ("%a %d %b %Y %H:%M:%S %z", "%d %b %Y %H:%M:%S %z", "%a %b %d %H:%M:%S %Y")
TIMES = ("%H:%M", "%H:%M:%S", "%H:%M:%S.%f", "%I:%M %p", "%I:%M:%S %p", "%I:%M%p")

_NAME = r"[^\W\d_]{3,12}\.?"
_TIME = r"(?:[T,]?\s*\d{1,2}:\d{2}(?::\d{2}(?:\.\d+)?)?\s*(?:[ap]\.?m\.?)?\s*(?:Z|UTC|GMT|[+-]\d{2}:?\d{2})?)?"
NAMED = re.compile(
    rf"(?:(?P<y1>\d{{4}})[-/.](?P<m1>\d{{1,2}})[-/.](?P<d1>\d{{1,2}})"
    rf"|(?P<y2>\d{{4}})\s*[年년]\s*(?P<m2>\d{{1,2}})\s*[月월]\s*(?P<d2>\d{{1,2}})\s*[日일]"
    rf"|(?P<d3>\d{{1,2}})\.\s?(?P<m3>\d{{1,2}})\.\s?(?P<y3>\d{{4}})"
    rf"|(?P<d4>\d{{1,2}})(?:st|nd|rd|th|er|º|\.)?[ -](?:of |de |d['’])?(?P<m4>{_NAME})(?: de|,)?[ -](?P<y4>\d{{4}})"
    rf"|(?P<m5>{_NAME}) (?P<d5>\d{{1,2}})(?:st|nd|rd|th)?,? (?P<y5>\d{{4}})){_TIME}"
)


def iso_date(text: str, *, day_first: bool | None = None) -> str:
    """A date in ISO 8601; empty if the text is none.

    Read are ISO 8601, seconds or milliseconds since 1970, the dates of mail, numbers with points, slashes or hyphens,
    and dates with the name of the month in a dozen languages. `day_first` reads 3/5/2024 as the third of May; None
    reads only dates that cannot be both.
    """
    text = " ".join(text.split())
    if SECONDS.fullmatch(text):
        return _since_1970(text)
    try:
        return datetime.fromisoformat(text).isoformat() if text else ""
    except ValueError:
        pass
    if found := YEAR_FIRST.fullmatch(text):
        return _joined(found[1], found[2], found[3], found[4])
    if found := NUMERIC.fullmatch(text):
        if day_first is None and found[2] == "/" and found[1] != found[3] and max(int(found[1]), int(found[3])) <= 12:
            return ""
        month_first = found[2] == "/" and (int(found[3]) > 12 if day_first is None else not day_first)
        day, month = (found[3], found[1]) if month_first else (found[1], found[3])
        year = found[4] if len(found[4]) == 4 else f"20{found[4]}" if int(found[4]) < 70 else f"19{found[4]}"
        return _joined(year, month, day, found[5])
    return _named(text)


def day_first(dates: Iterable[str]) -> bool:
    """Whether dates with slashes have the day first; only a number above 12 in second place shows that they do not."""
    found = [match for date in dates if (match := NUMERIC.match(" ".join(date.split()))) and match[2] == "/"]
    return any(int(match[1]) > 12 for match in found) or not any(int(match[3]) > 12 for match in found)


def _since_1970(text: str) -> str:
    whole = text.partition(".")[0]
    return datetime.fromtimestamp(float(text) / (1000 if len(whole) == 13 else 1), UTC).isoformat()


def _joined(year: str, month: str, day: str, time: str | None) -> str:
    try:
        date = datetime(int(year), int(month), int(day))
    except ValueError:
        return ""
    for form in TIMES if time else ():
        try:
            clock = datetime.strptime((time or "").strip().upper(), form)
        except ValueError:
            continue
        return datetime.combine(date, clock.time()).isoformat()
    return "" if time else date.date().isoformat()


def _named(text: str) -> str:
    """A date with the name of its month, or of mail."""
    plain = text.replace(",", "")
    for form in MAIL:
        try:
            return datetime.strptime(plain, form).isoformat()
        except ValueError:
            continue
    found = NAMED.fullmatch(re.sub(r"^[^\W\d_]{2,12}\.?,\s+", "", text))  # without the day of the week
    return day_of(found) if found else ""


def day_of(found: re.Match[str]) -> str:
    """The date of a match of NAMED, with its time if it has one; empty if there is no such day or month."""
    place = next(number for number in "12345" if found[f"y{number}"])
    month = found[f"m{place}"]
    number = int(month) if month.isdecimal() else _month(month.casefold())
    try:
        return datetime(int(found[f"y{place}"]), number, int(found[f"d{place}"])).isoformat()
    except ValueError:
        return ""


def _month(name: str) -> int:
    return next((n for n, names in enumerate(MONTHS, 1) if any(name.startswith(one) for one in names.split())), 0)
