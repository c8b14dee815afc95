"""Read conversations in a text file: dated messages of a messenger, or turns that begin with the name of a speaker."""

import re
from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from gradschool.data.encoding import open_text, repair
from gradschool.data.formats import plain
from gradschool.prepare.agents import key
from gradschool.prepare.dialogue import Dialogue, Turn, iso
from gradschool.prepare.transcripts.captions import captions, is_captions
from gradschool.prepare.transcripts.labels import label_of, labelled, speakers_of
from gradschool.prepare.transcripts.messages import MIN_DATED, MIN_TURNS, DatedMessage, dated_messages, has_headings
from gradschool.prepare.transcripts.names import undirected, with_colons
from gradschool.prepare.transcripts.notices import is_notice_name, written
from gradschool.prepare.transcripts.stamps import MARKS, times_of
from gradschool.records import Source

SEPARATOR = re.compile(
    r"\s*(?:[-=*_#]{3,}.*|(?:#{1,6}\s*)?(?:conversation|chat|ticket|dialogue|session)\s+#?\d++\s*+:?\s*+)", re.I
)
MARKED = re.compile("[:：]\\s?\u200e(?!\\[)")
MAX_NOTICE = 8  # words of a notice that is recognized because it repeats
MAX_SAME_NOTICE = 2  # times that the beginning of a notice occurs, if a name and a colon are in it
MAX_MARKED = 0.8  # of the messages, above which a mark of direction says nothing


def is_transcript(lines: Sequence[str]) -> bool:
    """Whether the first lines of a text are a conversation."""
    cleaned = [MARKS.sub("", line).strip() for line in lines]
    if dated_messages(cleaned):
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
    if is_captions(cleaned):
        yield captions(cleaned, name, named)
        return
    if dated := dated_messages(cleaned, named):
        marked = [replace(one, marked=bool(MARKED.search(raw[one.line - 1]))) for one in dated]
        before = sum(map(bool, cleaned[: dated[0].line - 1]))
        yield _dated(marked, name, before, named)
        return
    yield from _labelled(cleaned, name, named)


def _dated(dated: Sequence[DatedMessage], name: str, before: int, named: Collection[str]) -> Dialogue:
    """The conversation of dated messages; a line without a date belongs to the message above it."""
    headed = has_headings(dated) and sum(bool(one.name) for one in dated if not one.alone) * 2 < len(dated)
    spoken = [
        (one.head.strip(), "\n".join(one.below).strip()) if headed and not one.alone else (one.name, one.text)
        for one in dated
    ]
    times = times_of([one.stamp for one in dated])
    spoken = spoken if headed else with_colons(undirected(spoken, named), times, named)
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

    Nor is a marked text that begins the chat: WhatsApp writes there that messages are encrypted, in the name of the
    other person, in any language. Where nearly every message is marked, as in languages that are written from right to
    left, the mark says nothing.
    """
    if sum(marked) > MAX_MARKED * len(marked):
        return [True] * len(marked)
    repeats = Counter(text for mark, (_, text) in zip(marked, spoken, strict=True) if mark)
    theirs = {speaker for mark, (speaker, _) in zip(marked, spoken, strict=True) if not mark}
    return [
        not mark or (number > 0 and speaker in theirs and (repeats[text] < 2 or len(text.split()) > MAX_NOTICE))
        for number, (mark, (speaker, text)) in enumerate(zip(marked, spoken, strict=True))
    ]


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
