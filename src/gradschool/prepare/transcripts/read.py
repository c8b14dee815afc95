"""Read conversations in a text file: dated messages of a messenger, or turns that begin with the name of a speaker."""

import re
from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from gradschool.data.encoding import open_text, repair
from gradschool.data.formats import plain
from gradschool.prepare.agents import key
from gradschool.prepare.dialogue import Dialogue, Turn, iso
from gradschool.prepare.sessions import by_pauses
from gradschool.prepare.transcripts.labels import label_of, labelled, speakers_of
from gradschool.prepare.transcripts.notices import is_notice, is_notice_name, written
from gradschool.prepare.transcripts.stamps import MARKS, Stamp, stamp_at_end, stamp_of, times_of
from gradschool.records import Source

SEPARATOR = re.compile(
    r"\s*(?:[-=*_#]{3,}.*|(?:#{1,6}\s*)?(?:conversation|chat|ticket|dialogue|session)\s+#?\d++\s*+:?\s*+)", re.I
)
RULE = re.compile(r"\s*[=─━]{10,}\s*")  # at the end of a message of DiscordChatExporter
BLOCK = re.compile(r"\{(?:Attachments|Embed|Reactions|Stickers|Inline Embed)\}", re.I)
SPEAKER = re.compile(r"(?:<(?P<nick>[^<>\n]{1,60})>|(?P<name>\S[^\n]{0,119}?)\s?(?::(?=\s|$)|：))")
COLON = re.compile(r"\s?[:：]")
MAX_NAME, MAX_HEADING = 120, 80  # characters of a name, and of a line that has only a name
MIN_DATED, MIN_TURNS = 2, 4  # messages, and turns, from which a text is a conversation
MARKED = re.compile("[:：]\\s?\u200e(?!\\[)")
MAX_NOTICE = 8  # words of a notice that is recognised because it repeats
MAX_SAME_NOTICE = 2  # times that the beginning of a notice occurs, if a name and a colon are in it
MAX_HEADER = 12  # lines before the first message
MAX_PASTED = 20  # times as many lines as the messages of a chat that are part of them, pasted from another chat
MAX_MARKED = 0.8  # of the messages, above which a mark of direction says nothing
DAY = 86_400.0
MIN_SHARE, MIN_SHARE_TIMES = 0.02, 0.3  # of the lines, which begin with a date, or with a time alone


@dataclass(frozen=True, slots=True)
class _Message:
    """A message with its stamp: the line, what stands after the stamp, who wrote it, and the text with lines below."""

    line: int
    stamp: Stamp
    head: str
    name: str
    text: str
    alone: bool = False  # whether the name stands alone before its stamp
    marked: bool = False  # whether a mark of direction begins the text, as where WhatsApp writes it itself
    below: tuple[str, ...] = ()
    dropped: int = 0  # lines below that are no part of the message


def is_transcript(lines: Sequence[str]) -> bool:
    """Whether the first lines of a text are a conversation."""
    cleaned = [MARKS.sub("", line).strip() for line in lines]
    if _dated_messages(cleaned):
        return True
    filled = [line for line in cleaned if line]
    found = labelled(cleaned)
    speakers = speakers_of(found).names
    turns = [plain(one.name) for one in found if plain(one.name) in speakers]
    if len(turns) < MIN_TURNS or not 2 <= len(set(turns)) <= 0.75 * len(turns):
        return False
    return len(found) > 0.6 * len(filled)


def has_turns_of(agents: Sequence[str], path: Path, name: str) -> bool:
    """Whether lines of a text file begin with the name of an agent, so that it is a conversation that does not look so.

    Raises DataError if the file is no text.
    """
    with open_text(path, name) as file:
        lines = [MARKS.sub("", line).strip() for line in file]
    named = frozenset(map(key, agents))
    return sum(plain(one.name) in named for one in labelled(lines)) >= MIN_DATED


def read_transcript(path: Path, name: str, agents: Sequence[str] = ()) -> Iterator[Dialogue]:
    """The conversations of a text file, in which the user names the agents; raises DataError if it cannot be read."""
    with open_text(path, name) as file:
        raw = [repair(line)[0] for line in file]
    cleaned = [MARKS.sub("", line).strip() for line in raw]
    named = frozenset(map(key, agents))
    if dated := _dated_messages(cleaned, named):
        marked = [replace(one, marked=bool(MARKED.search(raw[one.line - 1]))) for one in dated]
        before = sum(map(bool, cleaned[: dated[0].line - 1]))
        yield _dated(marked, name, before, named)
        return
    yield from _labelled(cleaned, name, named)


def _dated_messages(lines: Sequence[str], named: Collection[str] = ()) -> list[_Message]:
    """The messages of a text whose lines begin with a date or a time and a speaker; empty if it is no such text.

    They are written in one style, the first that occurs: a line in another style is part of the message above it, in
    which somebody pasted it. A style that continues the chat from some line on, with the same speakers, counts too.
    """
    filled = sum(map(bool, lines))
    for time_only in (False, True):
        starts = _starts(lines, named, time_only=time_only)
        counts = Counter(start.stamp.style for start in starts)
        for style, count in counts.items():
            if count * MAX_PASTED < max(counts.values()):
                continue
            dated = _messages(lines, _of_style(starts, style))
            if _is_chat(dated, lines, filled, time_only=time_only):
                return dated
    return []


def _is_chat(dated: Sequence[_Message], lines: Sequence[str], filled: int, *, time_only: bool) -> bool:
    if len(dated) < MIN_DATED or sum(map(bool, lines[: dated[0].line - 1])) > MAX_HEADER:
        return False
    spoken = sum(bool(one.name) for one in dated)
    usual = len(dated) >= (MIN_SHARE_TIMES if time_only else MIN_SHARE) * filled
    enough = len(dated) >= MIN_TURNS or 3 * len(dated) > filled
    if spoken >= MIN_DATED and 3 * spoken >= len(dated):
        return usual and enough
    names = {one.head for one in dated}
    again = not time_only or 2 <= len(names) <= len(dated) / 2  # else it is a timetable
    return usual and enough and again and _headings(dated)


def _starts(lines: Sequence[str], named: Collection[str], *, time_only: bool) -> list[_Message]:
    """The lines with a stamp, alone."""
    found: list[_Message] = []
    for number, line in enumerate(lines, 1):
        if stamp := stamp_of(line, time_only=time_only):
            head = line[stamp.end :]
            found.append(_Message(number, stamp, head, *_split(head, named)))
        elif not time_only and (ended := stamp_at_end(line)):
            found.append(_Message(number, ended[1], "", ended[0], "", alone=True))
    return found


def _of_style(starts: Sequence[_Message], style: str) -> list[_Message]:
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


def _messages(lines: Sequence[str], starts: Sequence[_Message]) -> list[_Message]:
    """The messages that begin at these lines, each with the lines below it."""
    ends = [start.line - 1 for start in starts[1:]] + [len(lines)]
    found: list[_Message] = []
    for start, end in zip(starts, ends, strict=True):
        below, dropped = _below(lines[start.line : end])
        text = "\n".join([start.text, *below]).strip()
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


def _split(text: str, named: Collection[str] = ()) -> tuple[str, str]:
    """The speaker before the first colon, and the message; an empty speaker if there is none.

    A name that the user gives may have a colon of its own.
    """
    for found in COLON.finditer(text, 0, MAX_NAME) if named else ():
        if key(text[: found.start()]) in named:
            return " ".join(text[: found.start()].split()), text[found.end() :].strip()
    if not (speaker := SPEAKER.match(text)):
        return "", text
    return " ".join((speaker["nick"] or speaker["name"]).split()), text[speaker.end() :].strip()


def _headings(dated: Sequence[_Message]) -> bool:
    """Whether the stamped lines have only a name, and the message is below them."""
    heads = [one for one in dated if not one.alone]
    below = sum(any(one.below) for one in heads)
    return bool(heads) and 2 * below > len(heads) and all(len(one.head) <= MAX_HEADING for one in heads)


def _dated(dated: Sequence[_Message], name: str, before: int, named: Collection[str]) -> Dialogue:
    """The conversation of dated messages; a line without a date belongs to the message above it."""
    headed = _headings(dated) and sum(bool(one.name) for one in dated if not one.alone) * 2 < len(dated)
    spoken = [
        (one.head.strip(), "\n".join(one.below).strip()) if headed and not one.alone else (one.name, one.text)
        for one in dated
    ]
    times = times_of([one.stamp for one in dated])
    spoken = spoken if headed else _with_colons(spoken, times, named)
    counts = Counter(speaker for speaker, _ in spoken)
    own = _own_words([one.marked for one in dated], spoken)
    turns: list[Turn] = []
    dropped = sum(one.dropped for one in dated)
    left_out = Counter({"lines before the first message": before, "lines of attachments and reactions": dropped})
    for one, (speaker, text), at, is_own in zip(dated, spoken, times, own, strict=True):
        rare = counts[speaker] <= MAX_SAME_NOTICE
        others = {other for other, count in counts.items() if rare and count > counts[speaker]}
        if not speaker or is_notice_name(speaker, others - {speaker}):
            left_out["notices"] += 1
        elif is_own and (said := written(text)):
            turns.append(Turn(speaker, said, at=at, line=one.line))
        else:
            left_out["messages without text of their sender"] += 1
    days = any(one.stamp.numbers for one in dated)
    date = iso(turns[-1].at) if turns and days else ""
    return Dialogue("", tuple(turns), Source(name, dated[0].line), date, chat=True, left_out=+left_out)


def _own_words(marked: Sequence[bool], spoken: Sequence[tuple[str, str]]) -> list[bool]:
    """Whether each message may be its sender's: a marked text that repeats, or all texts of a speaker, are not.

    Where nearly every message is marked, as in languages that are written from right to left, the mark says nothing.
    """
    if sum(marked) > MAX_MARKED * len(marked):
        return [True] * len(marked)
    repeats = Counter(text for mark, (_, text) in zip(marked, spoken, strict=True) if mark)
    theirs = {speaker for mark, (speaker, _) in zip(marked, spoken, strict=True) if not mark}
    return [
        not mark or (speaker in theirs and (repeats[text] < 2 or len(text.split()) > MAX_NOTICE))
        for mark, (speaker, text) in zip(marked, spoken, strict=True)
    ]


def _with_colons(
    spoken: Sequence[tuple[str, str]], times: Sequence[float | None], named: Collection[str]
) -> list[tuple[str, str]]:
    """The speakers and messages, with names that have a colon of their own put together again ("Shop: North").

    The program shows such a name where it writes itself: "Shop: North: image omitted", "Shop: North changed the
    subject". Otherwise all messages of the speaker begin with the second part. If the speaker is who answers, it stays
    in the text, for "Status: …" may be how somebody answers; if not, it is left out, for no name may stay in a text.
    """
    texts: dict[str, list[str]] = {}
    for speaker, text in spoken:
        texts.setdefault(speaker, []).append(text)
    notices = [f"{speaker}: {text}" for speaker, text in spoken]
    asking = _asking(spoken, times)
    longer: dict[str, str] = {}
    for speaker, said in texts.items():
        labels = Counter(label for text in said if (label := text.partition(": ")[0]) != text)
        more, count = labels.most_common(1)[0] if labels else ("", 0)
        rest = [text for text in said if not text.startswith(f"{more}: ")]
        if not speaker or count < MIN_TURNS - 1 or not all(_names_itself(text, more) for text in rest):
            continue
        shown = any(is_notice(text[len(more) + 2 :]) for text in said if text not in rest)
        mentions = re.compile(rf"{re.escape(f'{speaker}: {more}')}(?!\w|: )")
        asks = (bool(named) or speaker in asking) and key(speaker) not in named
        if shown or asks or any(map(mentions.search, notices)):
            longer[speaker] = more
    return [
        (f"{speaker}: {longer[speaker]}", text[len(longer[speaker]) + 2 :])
        if speaker in longer and text.startswith(f"{longer[speaker]}: ")
        else (speaker, text)
        for speaker, text in spoken
    ]


def _asking(spoken: Sequence[tuple[str, str]], times: Sequence[float | None]) -> set[str]:
    """Who begins at least half of the parts between pauses in which they speak."""
    turns = tuple(Turn(name, text, at=at) for (name, text), at in zip(spoken, times, strict=True) if name)
    parts = list(by_pauses(Dialogue("", turns, Source("", 1), chat=True)))
    begun = Counter(part[0].speaker for part in parts)
    present = Counter(name for part in parts for name in {turn.speaker for turn in part})
    return {name for name, count in begun.items() if 2 * count >= present[name]}


def _names_itself(text: str, more: str) -> bool:
    """Whether a text is what follows the first part of a name in a notice: "North changed the subject"."""
    return text.startswith(f"{more} ") and len(text.split()) <= MAX_NOTICE + len(more.split())


def _labelled(lines: Sequence[str], name: str, named: Collection[str] = ()) -> Iterator[Dialogue]:
    """The conversations of a text without dates; a rule or a heading separates conversations."""
    blank = ["" if SEPARATOR.fullmatch(line) and not label_of(line) else line for line in lines]
    found = {one.line: one for one in labelled(blank)}
    speakers = speakers_of(list(found.values()), named)
    turns: list[Turn] = []
    before = 0
    apart = False
    for number, line in enumerate(lines):
        one = found.get(number)
        if line and not blank[number]:
            if turns:
                yield _undated(turns, name, before, speakers.doubtful)
                before = 0
            turns = []
        elif one and plain(one.name) in speakers.names:
            turns.append(Turn(one.name, one.text, apart=apart, line=number + 1))
        elif turns and (line or turns[-1].text):
            turns[-1] = replace(turns[-1], text=f"{turns[-1].text}\n{line}")
        else:
            before += bool(line)
        apart = not line
    if turns or before:
        yield _undated(turns, name, before, speakers.doubtful)


def _undated(turns: Sequence[Turn], name: str, before: int, doubtful: tuple[str, ...]) -> Dialogue:
    kept = tuple(replace(turn, text=turn.text.strip()) for turn in turns if turn.text.strip())
    left_out = Counter({"lines before the first speaker": before, "turns without text": len(turns) - len(kept)})
    line = turns[0].line if turns else 1
    return Dialogue("", kept, Source(name, line), chat=True, left_out=+left_out, doubtful=doubtful)
