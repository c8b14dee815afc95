"""Read conversations in a text file: dated messages of a messenger, or turns that begin with the name of a speaker."""

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from gradschool.data.encoding import open_text, repair
from gradschool.data.formats import plain
from gradschool.prepare.dialogue import Dialogue, Turn, iso
from gradschool.prepare.transcripts.labels import label_of, labelled, speakers_of
from gradschool.prepare.transcripts.notices import is_notice_name, written
from gradschool.prepare.transcripts.stamps import MARKS, Stamp, stamp_at_end, stamp_of, times_of
from gradschool.records import Source

SEPARATOR = re.compile(
    r"\s*(?:[-=*_#]{3,}.*|(?:#{1,6}\s*)?(?:conversation|chat|ticket|dialogue|session)\s+#?\d++\s*+:?\s*+)", re.I
)
RULE = re.compile(r"\s*[=─━]{10,}\s*")  # at the end of a message of DiscordChatExporter
BLOCK = re.compile(r"\{(?:Attachments|Embed|Reactions|Stickers|Inline Embed)\}", re.I)
SPEAKER = re.compile(
    r"(?:<(?P<nick>[^<>\n]{1,60})>|(?P<name>\S[^\n]{0,119}?)\s?[:：](?=\s|$)|(?P<wide>\S[^\n：]{0,60})：)"
)
MIN_DATED, MIN_TURNS = 2, 4  # messages, and turns, from which a text is a conversation
MARKED = re.compile("[:：]\\s?\u200e(?!\\[)")
MAX_NOTICE = 8  # words of a notice that is recognised because it repeats
MAX_SAME_NOTICE = 2  # times that the beginning of a notice occurs, if a name and a colon are in it
MAX_HEADER = 12  # lines before the first message
MIN_SHARE, MIN_SHARE_TIMES = 0.02, 0.3  # of the lines, which begin with a date, or with a time alone


@dataclass(frozen=True, slots=True)
class _Message:
    """A message with its stamp: the line, what stands after the stamp, and the lines below."""

    line: int
    stamp: Stamp
    text: str
    name: str = ""
    marked: bool = False  # whether a mark of direction begins the text, as where WhatsApp writes it itself


def is_transcript(lines: Sequence[str]) -> bool:
    """Whether the first lines of a text are a conversation."""
    cleaned = [MARKS.sub("", line).strip() for line in lines]
    if _dated_messages(cleaned):
        return True
    filled = [line for line in cleaned if line]
    found = labelled(cleaned)
    speakers = speakers_of(found)
    turns = [plain(one.name) for one in found if plain(one.name) in speakers]
    if len(turns) < MIN_TURNS or not 2 <= len(set(turns)) <= 0.75 * len(turns):
        return False
    return len(found) > 0.6 * len(filled)


def read_transcript(path: Path, name: str) -> Iterator[Dialogue]:
    """The conversations of a text file; raises DataError if it cannot be read."""
    with open_text(path, name) as file:
        raw = [repair(line)[0] for line in file]
    cleaned = [MARKS.sub("", line).strip() for line in raw]
    if dated := _dated_messages(cleaned):
        yield _dated([replace(one, marked=bool(MARKED.search(raw[one.line - 1]))) for one in dated], name)
        return
    yield from _labelled(cleaned, name)


def _dated_messages(lines: Sequence[str]) -> list[_Message]:
    """The messages of a text whose lines begin with a date or a time and a speaker; empty if it is no such text."""
    filled = sum(map(bool, lines))
    for time_only in (False, True):
        dated = _messages(lines, time_only=time_only)
        if len(dated) < MIN_DATED or sum(map(bool, lines[: dated[0].line - 1])) > MAX_HEADER:
            continue
        spoken = sum(bool(one.name or _split(one.text)[0]) for one in dated)
        usual = len(dated) >= (MIN_SHARE_TIMES if time_only else MIN_SHARE) * filled
        enough = len(dated) >= MIN_TURNS or 3 * len(dated) > filled
        named = spoken >= MIN_DATED and 3 * spoken >= len(dated)
        if usual and enough and (named or (not time_only and _headings(dated))):
            return dated
    return []


def _messages(lines: Sequence[str], *, time_only: bool) -> list[_Message]:
    """The lines with a stamp, each with the lines below it."""
    starts: list[tuple[int, Stamp, str, str]] = []
    for number, line in enumerate(lines):
        if stamp := stamp_of(line, time_only=time_only):
            starts.append((number, stamp, line[stamp.end :], ""))
        elif not time_only and (ended := stamp_at_end(line)):
            starts.append((number, ended[1], "", ended[0]))
    found: list[_Message] = []
    for place, (number, stamp, text, speaker) in enumerate(starts):
        until = starts[place + 1][0] if place + 1 < len(starts) else len(lines)
        below = _below(lines[number + 1 : until])
        found.append(_Message(number + 1, stamp, "\n".join([text, *below]).rstrip(), speaker))
    return found


def _below(lines: Sequence[str]) -> list[str]:
    """The lines that belong to the message above them, without attachments, reactions, and a rule at the end."""
    kept: list[str] = []
    skipping = False
    for line in lines:
        if RULE.fullmatch(line):
            break
        if BLOCK.fullmatch(line):
            skipping = True
        elif not line:
            skipping = False
        if not skipping:
            kept.append(line)
    return kept


def _split(text: str) -> tuple[str, str]:
    """The speaker before the first colon, and the message; an empty speaker if there is none."""
    found = SPEAKER.match(text)
    if not found:
        return "", text
    return " ".join((found["nick"] or found["name"] or found["wide"]).split()), text[found.end() :].strip()


def _headings(dated: Sequence[_Message]) -> bool:
    """Whether the stamped lines have only a name, and the message is below them."""
    named = [one for one in dated if not one.name]
    below = sum("\n" in one.text for one in named)
    return bool(named) and 2 * below > len(named) and all(len(one.text.partition("\n")[0]) <= 80 for one in named)


def _dated(dated: Sequence[_Message], name: str) -> Dialogue:
    """The conversation of dated messages; a line without a date belongs to the message above it."""
    headed = _headings(dated) and sum(bool(_split(one.text)[0]) for one in dated) * 2 < len(dated)
    spoken: list[tuple[str, str]] = []
    for one in dated:
        first, _, rest = one.text.partition("\n")
        spoken.append(
            (one.name, one.text.strip()) if one.name else (first.strip(), rest) if headed else _split(one.text)
        )
    spoken = _with_colons(spoken)
    counts = Counter(speaker for speaker, _ in spoken)
    own = _own_words([one.marked for one in dated], spoken)
    times = times_of([one.stamp for one in dated])
    turns: list[Turn] = []
    left_out: Counter[str] = Counter()
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
    return Dialogue("", tuple(turns), Source(name, dated[0].line), date, chat=True, left_out=left_out)


def _own_words(marked: Sequence[bool], spoken: Sequence[tuple[str, str]]) -> list[bool]:
    """Whether each message may be its sender's: a marked text that repeats, or all texts of a speaker, are not."""
    repeats = Counter(text for mark, (_, text) in zip(marked, spoken, strict=True) if mark)
    theirs = {speaker for mark, (speaker, _) in zip(marked, spoken, strict=True) if not mark}
    return [
        not mark or (speaker in theirs and (repeats[text] < 2 or len(text.split()) > MAX_NOTICE))
        for mark, (speaker, text) in zip(marked, spoken, strict=True)
    ]


def _with_colons(spoken: Sequence[tuple[str, str]]) -> list[tuple[str, str]]:
    """The speakers and messages, with names that have a colon of their own put together again ("Shop: North")."""
    texts: dict[str, list[str]] = {}
    for speaker, text in spoken:
        texts.setdefault(speaker, []).append(text)
    longer: dict[str, str] = {}
    for speaker, said in texts.items():
        more, found, _ = said[0].partition(": ")
        if speaker and found and len(said) >= 3 and all(text.startswith(f"{more}: ") for text in said):
            longer[speaker] = more
    return [
        (f"{speaker}: {longer[speaker]}", text[len(longer[speaker]) + 2 :]) if speaker in longer else (speaker, text)
        for speaker, text in spoken
    ]


def _labelled(lines: Sequence[str], name: str) -> Iterator[Dialogue]:
    """The conversations of a text without dates; a rule or a heading separates conversations."""
    blank = ["" if SEPARATOR.fullmatch(line) and not label_of(line) else line for line in lines]
    found = {one.line: one for one in labelled(blank)}
    speakers = speakers_of(list(found.values()))
    turns: list[Turn] = []
    apart = False
    for number, line in enumerate(lines):
        one = found.get(number)
        if line and not blank[number]:
            if turns:
                yield _undated(turns, name)
            turns = []
        elif one and plain(one.name) in speakers:
            turns.append(Turn(one.name, one.text, apart=apart, line=number + 1))
        elif turns and (line or turns[-1].text):
            turns[-1] = replace(turns[-1], text=f"{turns[-1].text}\n{line}")
        apart = not line
    if turns:
        yield _undated(turns, name)


def _undated(turns: Sequence[Turn], name: str) -> Dialogue:
    kept = tuple(replace(turn, text=turn.text.strip()) for turn in turns if turn.text.strip())
    return Dialogue("", kept, Source(name, turns[0].line), chat=True)
