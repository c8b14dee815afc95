"""The dated messages of a text: lines that begin with a stamp of the text's style, each with the lines below it."""

import re
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace

from gradschool.prepare.transcripts.days import SIGNED, days_above, on_their_days, speakers_before, timed, unquoted
from gradschool.prepare.transcripts.labels import label_of
from gradschool.prepare.transcripts.names import split_name
from gradschool.prepare.transcripts.notices import is_event
from gradschool.prepare.transcripts.stamps import Stamp, stamp_at_end, stamp_of, times_of

RULE = re.compile(r"\s*[=─━]{10,}\s*")  # at the end of a message of DiscordChatExporter
BLOCK = re.compile(r"\{(?:Attachments|Embed|Reactions|Stickers|Inline Embed)\}", re.I)
MAX_HEADING = 80  # characters of a line that has only a name
MAX_HEADER = 12  # lines before the first message
MAX_PASTED = 20  # times as many lines as the messages of a chat that are part of them, pasted from another chat
DAY = 86_400.0
MAX_DAY = 31
MIN_SHARE, MIN_SHARE_TIMES = 0.02, 0.3  # of the lines, which begin with a date, or with a time alone
MIN_DATED, MIN_TURNS = 2, 4  # messages, and turns, from which a text is a conversation


@dataclass(frozen=True, slots=True)
class DatedMessage:
    """A message with its stamp: the line, the rest of it, who wrote it, and the text with lines below."""

    line: int
    stamp: Stamp
    head: str
    name: str
    text: str
    alone: bool = False  # whether the line has only the name and its stamp
    marked: bool = False  # whether a mark of direction begins the text, as where WhatsApp writes it itself
    below: tuple[str, ...] = ()
    dropped: int = 0  # lines below that are no part of the message


def dated_messages(lines: Sequence[str], named: Collection[str] = ()) -> list[DatedMessage]:
    """The messages of a text whose lines begin with a date or a time and a speaker; empty if it is no such text.

    They are written in one style, the first that occurs: a line in another style is part of the message above it, in
    which somebody pasted it. A style that continues the chat from some line on, with the same speakers, counts too.
    A line with a day alone dates the times below it.
    """
    filled = sum(map(bool, lines))
    for time_only in (False, True):
        starts = _starts(lines, named, time_only=time_only)
        days = days_above(lines, [(start.line, start.stamp) for start in starts])
        if time_only and days:
            starts = _on_days(starts, days, named)
        counts = Counter(start.stamp.style for start in starts)
        for style, count in counts.items():
            if count * MAX_PASTED < max(counts.values()):
                continue
            dated = _messages(lines, _of_style(starts, style), days)
            if _is_chat(dated, lines, filled, time_only=time_only and not days):
                return dated
    return []


def _is_chat(dated: Sequence[DatedMessage], lines: Sequence[str], filled: int, *, time_only: bool) -> bool:
    if len(dated) < MIN_DATED or sum(map(bool, lines[: dated[0].line - 1])) > MAX_HEADER:
        return False
    if _is_pasted(dated[0], lines):
        return False
    spoken = sum(bool(one.name) for one in dated)
    usual = len(dated) >= (MIN_SHARE_TIMES if time_only else MIN_SHARE) * filled
    enough = len(dated) >= MIN_TURNS or 3 * len(dated) > filled
    if spoken >= MIN_DATED and 3 * spoken >= len(dated):
        return usual and enough
    names = {one.head for one in dated}
    again = not time_only or 2 <= len(names) <= len(dated) / 2  # else it is a timetable
    return usual and enough and again and has_headings(dated)


def _is_pasted(first: DatedMessage, lines: Sequence[str]) -> bool:
    """Whether a speaker without dates, who has turns in all of the text, speaks before the first message."""
    before = {label[0] for line in lines[: first.line - 1] if (label := label_of(line))}
    again = Counter(label[0] for line in lines[first.line :] if before and (label := label_of(line)))
    return any(again[name] >= MIN_DATED for name in before)


def _starts(lines: Sequence[str], named: Collection[str], *, time_only: bool) -> list[DatedMessage]:
    """The lines with a stamp, alone."""
    found: list[DatedMessage] = []
    for number, line in enumerate(lines, 1):
        if time_only and (read := timed(line, named)):
            found.append(DatedMessage(number, read[0], line, *read[1:]))
        elif stamp := stamp_of(line, time_only=time_only):
            head = line[stamp.end :]
            found.append(DatedMessage(number, stamp, head, *split_name(head, named)))
        elif not time_only and (ended := stamp_at_end(line)):
            found.append(DatedMessage(number, ended[1], "", ended[0], "", alone=True))
    return found


def _on_days(
    starts: Sequence[DatedMessage], days: Mapping[int, tuple[int, ...]], named: Collection[str]
) -> list[DatedMessage]:
    """The messages on their days; with the first words of the line as speakers, if no sign ends the speakers."""
    stamps = on_their_days([(start.line, start.stamp) for start in starts], days)
    dated = [replace(start, stamp=stamp) for start, stamp in zip(starts, stamps, strict=True)]
    again = Counter(start.name for start in starts if start.name)
    usual = 2 * sum(count for count in again.values() if count > 1) >= len(starts)
    year_first = all(numbers[0] > MAX_DAY for numbers in days.values())  # as LINE writes
    if usual or not year_first or any(start.stamp.style in SIGNED for start in starts):
        return dated
    spoken = speakers_before([start.head for start in starts], named)
    if len({name for name, _ in spoken if name}) < MIN_DATED:
        return dated
    return [replace(one, name=name, text=text) for one, (name, text) in zip(dated, spoken, strict=True)]


def _of_style(starts: Sequence[DatedMessage], style: str) -> list[DatedMessage]:
    """The messages of a style, and those of a style that takes its place for good."""
    mine = [start for start in starts if start.stamp.style == style]
    speakers = {start.name for start in mine if start.name}
    after = [start for start in starts if start.line > mine[-1].line and start.name]
    for other in dict.fromkeys(start.stamp.style for start in after):
        more = [start for start in after if start.stamp.style == other]
        if len(more) < MIN_TURNS or len(speakers & {start.name for start in more}) < 2:
            continue
        last, first = times_of([one.stamp for one in mine])[-1], times_of([one.stamp for one in more])[0]
        if last is not None and first is not None and first >= last - DAY:
            return mine + _of_style([start for start in starts if start.line >= more[0].line], other)
    return mine


def _messages(lines: Sequence[str], starts: Sequence[DatedMessage], days: Collection[int] = ()) -> list[DatedMessage]:
    """The messages that begin at these lines, each with the lines below it, but not those with a day or an event."""
    ends = [start.line - 1 for start in starts[1:]] + [len(lines)]
    found: list[DatedMessage] = []
    for start, end in zip(starts, ends, strict=True):
        numbered = enumerate(lines[start.line : end], start.line + 1)
        below, dropped = _below([line for number, line in numbered if number not in days and not is_event(line)])
        text = unquoted("\n".join([start.text, *below]).strip())
        found.append(replace(start, text=text, below=tuple(below), dropped=dropped))
    return found


def _below(lines: Sequence[str]) -> tuple[list[str], int]:
    """The lines that belong to the message above them, and the number of others: attachments, reactions, the end."""
    kept: list[str] = []
    skipping = ended = False
    for line in lines:
        ended = ended or bool(RULE.fullmatch(line))
        if ended:
            continue
        if BLOCK.fullmatch(line):
            skipping = True
        elif not line:
            skipping = False
        if not skipping:
            kept.append(line)
    return kept, sum(map(bool, lines)) - sum(map(bool, kept))


def has_headings(dated: Sequence[DatedMessage]) -> bool:
    """Whether the stamped lines have only a name, and the message is below them."""
    heads = [one for one in dated if not one.alone]
    below = sum(any(one.below) for one in heads)
    return bool(heads) and 2 * below > len(heads) and all(len(one.head) <= MAX_HEADING for one in heads)
