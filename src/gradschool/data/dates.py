"""Dates in usual forms as ISO 8601: 3.5.2024, 05/03/2024, 3 May 2024, seconds since 1970."""

import re
from collections.abc import Iterable
from datetime import UTC, datetime

NUMERIC = re.compile(r"(\d{1,2})([./-])(\d{1,2})\2(\d{4}|\d{2})(?:,?[ T](.+))?")
YEAR_FIRST = re.compile(r"(\d{4})[./](\d{1,2})[./](\d{1,2})(?:,?[ T](.+))?")
NAMED = ("%d %B %Y", "%d %b %Y", "%B %d %Y", "%b %d %Y", "%d-%b-%Y", "%d-%B-%Y", "%d-%b-%y")
NAMED_TIMES = ("", " %H:%M", " %H:%M:%S", " %I:%M %p", " %I:%M:%S %p")
MAIL = ("%a %d %b %Y %H:%M:%S %z", "%d %b %Y %H:%M:%S %z", "%a %b %d %H:%M:%S %Y")
TIMES = ("%H:%M", "%H:%M:%S", "%H:%M:%S.%f", "%I:%M %p", "%I:%M:%S %p", "%I:%M%p")


def iso_date(text: str, *, day_first: bool = True) -> str:
    """A date in ISO 8601; empty if the text is none. `day_first` reads 3/5/2024 as the third of May."""
    text = " ".join(text.split())
    if text.replace(".", "", 1).isascii() and text.replace(".", "", 1).isdigit():
        return _since_1970(text)
    try:
        return text if text and datetime.fromisoformat(text) else ""
    except ValueError:
        pass
    if found := YEAR_FIRST.fullmatch(text):
        return _joined(found[1], found[2], found[3], found[4])
    if found := NUMERIC.fullmatch(text):
        month_first = found[2] == "/" and not day_first
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
    if len(whole) not in (10, 13):
        return ""
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
    """A date with the English name of its month."""
    text = re.sub(r"(?<=\d)(st|nd|rd|th)\b", "", text.replace(",", "")).replace(".", "")
    for form in (*MAIL, *(date + time for date in NAMED for time in NAMED_TIMES)):
        try:
            return datetime.strptime(text, form).isoformat()
        except ValueError:
            continue
    return ""
