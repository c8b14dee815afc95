"""The date and time at the beginning of a chat message, in the spellings of many programs and languages."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from itertools import pairwise

from gradschool.data import dates

# Characters without width that set the direction of writing: they say nothing about a message.
MARKS = re.compile("[\u200b\u200e\u200f\u061c\u202a-\u202e\u2066-\u2069\ufeff]")
NUMBERS = (
    r"(?P<n1>\d{1,4})\.?\s?[./\-年년]\s?(?P<n2>\d{1,2})\.?\s?[./\-月월]\s?(?P<n3>\d{1,4})(?:\s?[日일.])?(?:\s?г\.?)?"
)
NAMED = (
    r"(?:(?P<d1>\d{1,2})[\s.\-/]+(?P<m1>[^\W\d_]{3,10})\.?[\s.\-/,]+(?P<y1>\d{4}|\d{2})"
    r"|(?P<m2>[^\W\d_]{3,10})\.?\s(?P<d2>\d{1,2}),?\s(?P<y2>\d{4}))"
)
CLOCK = r"(?P<hour>\d{1,2})[:.時시](?P<minute>\d{2})(?:[:.](?P<second>\d{2})(?:[.,]\d+)?)?"
AFTER = r"(?P<after>\s?[^\d\[\]\n:<>]{0,14}?)"
DAY_TIME = rf"(?:{NUMBERS}|{NAMED})(?P<between>[^\d\[\]\n]{{1,18}}?){CLOCK}"
ENGLISH = r"(?P<after>(?:\s?[AaPp]\.?\s?[Mm]\.?|Z|\s?UTC)?)(?!\s?[AaPp][Mm]$)"
STAMPS = tuple(
    map(
        re.compile,
        (
            rf"\s?\[\s?{DAY_TIME}{AFTER}\s?\](?:\s?[-–—](?=\s))?\s?",  # [01.05.24, 09:10:11] Name: text
            rf"\s?\[\s?{CLOCK}{AFTER},\s?{NUMBERS}\s?\]\s?",  # [9:10 AM, 5/1/2024] Name: text
            rf"\s?\[\s?{NUMBERS}\s?\]\s?\[\s?{CLOCK}{AFTER}\s?\]\s?",  # [ 5/1/24 ][ 9:10 AM ] Name: text
            rf"\s?{CLOCK}{AFTER},?\s{NUMBERS}\s[-–—]\s",  # 09:10, 5/1/2024 - Name: text
            rf"\s?{DAY_TIME}{AFTER}\s[-–—]\s",  # 5/1/24, 9:10 AM - Name: text
            rf"\s?{DAY_TIME}{ENGLISH}[,:]?\s+(?=\S)",  # 2024-05-01 09:10 Name: text
        ),
    )
)
TIMES = tuple(
    map(
        re.compile,
        (
            rf"\s?[\[(]\s?{CLOCK}{AFTER}\s?[\])](?:\s?[-–—](?=\s))?\s?",  # [09:10] Name: text
            rf"\s?{CLOCK}{ENGLISH}(?:\s?[-–—](?=\s))?\s+(?=\S)",  # 09:10 Name: text
        ),
    )
)
# "Name, [01.05.24 09:10]" and "Name — 05/01/2024 9:10 AM", with the text below: what Telegram and Discord copy.
# The same groups again, with other names.
AGAIN = DAY_TIME.replace("(?P<", "(?P<_")
AT_END = re.compile(
    rf"(?P<name>\S.{{0,80}}?)"
    rf"(?:,\s*\[\s?{DAY_TIME}{AFTER}\s?\]:?|\s[-–—]\s{AGAIN}(?P<_after>\s?[AaPp][Mm])?)$"
)
AFTERNOON = frozenset(
    ("pm", "p", "午後", "下午", "晚上", "中午", "오후", "م", "μμ", "ch", "ptg", "nm", "em", "du", "ip", "अपराह्न")
)
MORNING = frozenset(
    ("am", "a", "午前", "上午", "凌晨", "早上", "오전", "ص", "πμ", "sa", "pg", "vm", "fm", "de", "ap", "पूर्वाह्न")
)
MONTHS = {words.split()[0]: number for number, words in enumerate(dates.MONTHS, 1)}
ORDERS = ("day month year", "month day year", "year month day")
BUDDHIST, PERSIAN = 543, 621  # years by which these calendars differ


@dataclass(frozen=True, slots=True)
class Stamp:
    """The numbers of a date as written (empty if there is only a time), its month by name, and seconds of the day."""

    numbers: tuple[int, ...]
    seconds: int
    end: int  # where the message begins
    style: str = ""  # how it is written: the same for all messages that one program exported at one time


def stamp_of(line: str, *, time_only: bool = False) -> Stamp | None:
    """The stamp at the beginning of a line without direction marks."""
    for number, pattern in enumerate(TIMES if time_only else STAMPS):
        if (found := pattern.match(line)) and (stamp := read_stamp(found, found.end())):
            return replace(stamp, style=f"{number} {_style(found, time_only=time_only)}")
    return None


def stamp_at_end(line: str) -> tuple[str, Stamp] | None:
    """The name and the stamp of a line that has nothing else."""
    found = AT_END.fullmatch(line.strip())
    if found and (stamp := read_stamp(found, len(line))):
        return found["name"].strip(), replace(stamp, style=f"below {_style(found)}")
    return None


def _style(found: re.Match[str], *, time_only: bool = False) -> str:
    """What does not change between the stamps of one export: signs, words, and the digits of a year."""
    named = {name.lstrip("_"): value or "" for name, value in found.groupdict().items() if value is not None}
    words = bool(re.search(r"[^\W\d_]", named.get("between", "") + named.get("after", "")))
    if time_only:  # hours and seconds are not always written
        return str(words)
    first = next((key for key in ("n1", "_n1") if found.groupdict().get(key)), "")
    sign = found.string[found.end(first) : found.start(f"{first[:-1]}2")].strip() if first else "by name"
    long_year = any(len(named.get(part, "")) > 2 for part in ("n1", "n3", "y1", "y2"))
    return f"{sign} {long_year} {'second' in named} {words}"


def read_stamp(found: re.Match[str], end: int) -> Stamp | None:
    """The stamp in the groups of a match; None if they are no date or time. The message begins at `end`."""
    named = {name.lstrip("_"): value for name, value in found.groupdict().items() if value is not None}
    hour, minute, second = (int(named.get(part, "0")) for part in ("hour", "minute", "second"))
    if hour > 24 or minute > 59 or second > 60:
        return None
    words = {re.sub(r"[\W\d_]", "", word) for part in ("between", "after") for word in _words(named.get(part, ""))}
    late, early = bool(words & AFTERNOON), bool(words & MORNING)
    if late and hour < 12:
        hour += 12
    elif early and hour == 12:
        hour = 0
    numbers = numbers_of(named)
    return None if numbers is None else Stamp(numbers, hour * 3600 + minute * 60 + second, end)


def numbers_of(named: Mapping[str, str]) -> tuple[int, ...] | None:
    """The numbers of a date, given its groups by their names; empty if it has none, None if they are no date."""
    if "n1" in named:
        numbers = tuple(int(named[part]) for part in ("n1", "n2", "n3"))
        return None if sorted(number > 31 for number in numbers)[1] or numbers[1] > 31 else numbers
    if "m1" not in named and "m2" not in named:
        return ()
    month = MONTHS.get((named.get("m1") or named["m2"])[:3].casefold())
    return (int(named.get("d1") or named["d2"]), month, int(named.get("y1") or named["y2"]), 0) if month else None


def _words(text: str) -> list[str]:
    """The words of a text, with "a. m." and "π.μ." as one."""
    return [*text.casefold().split(), re.sub(r"[\s.,،]", "", text.casefold())]


def times_of(stamps: Sequence[Stamp]) -> list[float | None]:
    """The time of each stamp, in seconds since 1970, in the order of day, month and year that fits them best.

    That is the order in which time runs on, and in which the chat takes the least time. A time without a date counts
    from day 0, and begins a new day when it is earlier than the one before it.
    """
    if not any(stamp.numbers for stamp in stamps):
        day, times, before = 0, [], 0
        for stamp in stamps:
            day, before = day + (stamp.seconds < before), stamp.seconds
            times.append(float(day * 86_400 + stamp.seconds))
        return list(times)
    readings = [[_time(stamp, order) for stamp in stamps] for order in ORDERS]
    return min(readings, key=_misfit)


def _misfit(times: Sequence[float | None]) -> tuple[int, int, float]:
    """How badly an order of day, month and year fits: impossible dates, steps back in time, and time taken."""
    known = [time for time in times if time is not None]
    back = sum(later < earlier - 86_400 for earlier, later in pairwise(known))
    return len(times) - len(known), min(back, len(known) - 1 - back), max(known, default=0) - min(known, default=0)


def _time(stamp: Stamp, order: str) -> float | None:
    if not stamp.numbers:
        return None
    if len(stamp.numbers) == 4:
        day, month, year, _ = stamp.numbers
    elif order == "year month day":
        year, month, day = stamp.numbers
    else:
        day, month, year = stamp.numbers if order == "day month year" else (stamp.numbers[i] for i in (1, 0, 2))
    year += 2000 if year < 100 else 0
    year += -BUDDHIST if year > 2400 else (PERSIAN if 1300 < year < 1500 else 0)
    try:
        return datetime(year, month, day, tzinfo=UTC).timestamp() + stamp.seconds
    except ValueError:
        return None
