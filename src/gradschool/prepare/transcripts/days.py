"""Chats with the day in a line of its own, above its messages, which have only a time: as KakaoTalk and LINE export."""

import re
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace

from gradschool.prepare.agents import key
from gradschool.prepare.transcripts.names import split_name
from gradschool.prepare.transcripts.notices import is_event
from gradschool.prepare.transcripts.stamps import AFTER, CLOCK, ENGLISH, NAMED, NUMBERS, Stamp, numbers_of, read_stamp

RULES = r"(?:[-=—–─*]{2,}\s*)?"
# "Fri, 01/05/2024", "2024/01/05(金)", "--------------- 2024년 3월 11일 월요일 ---------------"
DAY = re.compile(
    rf"{RULES}(?:[^\d\s:\[\]]{{1,20}}\s)?(?:{NUMBERS}|{NAMED})(?:[,.]?\s?[(（]?[^\d\s:()（）]{{1,16}}[)）]?){{0,2}}"
    rf"(?:,?\s(?:at\s)?(?:[^\d\s:]{{1,4}}\s?)?{CLOCK}(?:\s?[AaPp][Mm])?)?\s*{RULES}"
)
SIGNED = ("bracketed", "columns")  # styles of stamps
RULE = 5  # signs at both ends of a line that is between rules
REIWA = re.compile(r"R(?P<year>\d{1,2})(?=[./])")  # a year of the Japanese calendar
FIRST_REIWA = 2018
# KakaoTalk on a computer: "[Ann] [오후 3:12] text", "[Ann] [3:12 PM] text".
BRACKETED = re.compile(rf"\[(?P<name>.{{1,60}}?)\] \[(?P<between>[^\d\s\[\]:]{{1,6}}\s)?{CLOCK}{AFTER}\](?:\s|$)")
# LINE on a phone: "15:12⇥Ann⇥text", and "15:12⇥⇥Ann left the group".
COLUMNS = re.compile(rf"(?P<between>[^\d\s\[\]:]{{1,4}}\s?)?{CLOCK}{ENGLISH}\t+")
MIN_ALIKE, USUAL = 3, 0.6  # messages with one first word, and the part of them, that go on with the rest of a name


def day_of(line: str) -> tuple[int, ...]:
    """The numbers of the date in a line that has nothing else but its weekday and time; empty for another line."""
    era = REIWA.match(line)
    found = DAY.fullmatch(line if era is None else f"{FIRST_REIWA + int(era['year'])}{line[era.end() :]}")
    numbers = found and numbers_of({name: value for name, value in found.groupdict().items() if value is not None})
    return numbers or ()


def days_above(lines: Sequence[str], starts: Sequence[tuple[int, Stamp]]) -> dict[int, tuple[int, ...]]:
    """The lines with a day alone, by number, given the lines at which messages start, and their stamps.

    They are written as the first of them is. Below is a message, or an event before it; if its stamp has a date, it is
    that day. Other lines with a date are part of a message, unless they are between dashes.
    """
    stamps = dict(starts)
    found: dict[int, tuple[int, ...]] = {}
    style = ""
    for number, line in enumerate(lines, 1):
        if number in stamps or not (numbers := day_of(line)):
            continue
        first = next((below for below in range(number + 1, len(lines) + 1) if _is_said(lines[below - 1])), 0)
        written = _style(line)
        above = (first in stamps and stamps[first].numbers in ((), numbers)) or _is_ruled(line)
        if above and written == (style or written):
            found[number] = numbers
            style = written
    return found


def _is_said(line: str) -> bool:
    return bool(line) and not is_event(line)


def _is_ruled(line: str) -> bool:
    return line[:RULE] == line[-RULE:] == line[:1] * RULE


def _style(line: str) -> str:
    """What does not change between the days of one chat: signs and spaces."""
    return re.sub(r"[^\s./,:()（）=*—–─-]+", "x", line)


def on_their_days(starts: Sequence[tuple[int, Stamp]], days: Mapping[int, tuple[int, ...]]) -> list[Stamp]:
    """The stamps of messages with the date of the day above them."""
    dated: list[Stamp] = []
    above = sorted(days)
    at = 0
    for line, stamp in starts:
        while at < len(above) and above[at] < line:
            at += 1
        dated.append(replace(stamp, numbers=days[above[at - 1]] if at else ()))
    return dated


def timed(line: str, named: Collection[str] = ()) -> tuple[Stamp, str, str] | None:
    """The time, the speaker and the text of a message that KakaoTalk or LINE writes with signs between them."""
    if (found := BRACKETED.match(line)) and (stamp := read_stamp(found, found.end())):
        return replace(stamp, style=SIGNED[0]), found["name"].strip(), line[found.end() :]
    if (found := COLUMNS.match(line)) and (stamp := read_stamp(found, found.end())):
        stamp, rest = replace(stamp, style=SIGNED[1]), line[found.end() :]
        if "\t\t" in found[0]:
            return stamp, "", rest
        name, tab, text = rest.partition("\t")
        return (stamp, name.strip(), text) if tab else (stamp, *split_name(rest, named))
    return None


def speakers_before(heads: Sequence[str], named: Collection[str] = ()) -> list[tuple[str, str]]:
    """The speaker and the text of messages with nothing but a space between them, as LINE writes on a computer.

    A speaker is the first word of several messages, and the words after it that nearly all of these have. A first word
    that occurs once belongs to a notice.
    """
    words = [head.split(" ") for head in heads]
    groups: dict[str, list[list[str]]] = {}
    for one in words:
        groups.setdefault(one[0], []).append(one)
    names = {first: _name_of(group) for first, group in groups.items()}
    split: list[tuple[str, str]] = []
    for one in words:
        called = (" ".join(one[:count]) for count in range(1, len(one)) if key(" ".join(one[:count])) in named)
        line = " ".join(one)
        name = next(called, "") or (names[one[0]] if line.startswith(f"{names[one[0]]} ") else "")
        split.append((name, line[len(name) :].strip()))
    return split


def _name_of(messages: Sequence[Sequence[str]]) -> str:
    """The name with which messages begin, given their words, of which the first one is the same; or empty."""
    name = messages[0][:1] if len(messages) > 1 else []
    while name:
        after = Counter(words[len(name)] for words in messages if len(words) > len(name) + 1)
        more, count = after.most_common(1)[0] if after else ("", 0)
        if count < max(MIN_ALIKE, USUAL * len(messages)):
            break
        name = [*name, more]
    return " ".join(name)


def unquoted(text: str) -> str:
    """A text of several lines without the quotes that LINE puts around it."""
    quoted = "\n" in text and len(text) > 1 and text[0] == text[-1] == '"'
    return text[1:-1].replace('""', '"').strip() if quoted else text
