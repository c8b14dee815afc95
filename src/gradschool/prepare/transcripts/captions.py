"""Captions of calls and films (WebVTT, SRT, SBV) as conversations: voice tags or labels say who speaks."""

import html
import re
from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace

from gradschool.data.formats import plain
from gradschool.prepare.dialogue import Dialogue, Turn
from gradschool.prepare.transcripts.labels import label_of, labelled, speakers_of
from gradschool.records import Source

_TIME = r"(?:(\d{1,3}):)?(\d{1,2}):(\d{2})[.,](\d{1,3})"
TIMING = re.compile(rf"\s*{_TIME}\s*(?:-->|,)\s*(?:\d{{1,3}}:)?\d{{1,2}}:\d{{2}}[.,]\d{{1,3}}(?:\s.*)?")
VOICE = re.compile(r"<v(?:\.[\w.-]+)?\s+([^<>]{1,80})>")
TAG = re.compile(r"</?[^<>]{0,80}>|\{\\[^{}]{0,40}\}")
CHANGE = re.compile(r"^(?:>>+|»|&gt;&gt;)\s*")
BRACKETED = re.compile(r"^[\[(]([^\[\]()\d]{1,40})[\])]\s*:?\s+(?=\S)")  # [Jo] Good morning.
SOUND = re.compile(r"[\[(♪♫#*][^\n]*[\])♪♫#*]|[♪♫]+")
MIN_TIMINGS = 2
NO_SPEAKERS = (
    "captions that do not say who speaks; write the name and a colon before each turn, or save the text without the "
    "times to read it as a document"
)


@dataclass(frozen=True, slots=True)
class Cue:
    """One caption: its line in the file, when it begins in seconds, and its lines with the voice of each, if any."""

    line: int
    at: float
    spoken: tuple[tuple[str, str], ...]
    changes: bool = False  # whether a mark says that another person speaks


def is_captions(lines: Sequence[str]) -> bool:
    """Whether the first lines of a text are captions."""
    timings = sum(bool(TIMING.fullmatch(line)) for line in lines)
    vtt = bool(lines) and lines[0].lstrip("\ufeff").startswith("WEBVTT")
    return timings >= (1 if vtt else MIN_TIMINGS) and (vtt or timings * 8 > sum(map(bool, lines)))


def has_speakers(lines: Sequence[str], named: Collection[str] = ()) -> bool:
    """Whether captions say who speaks; the user may name speakers (normalized)."""
    return len({turn.speaker for turn in captions(lines, "", named).turns}) > 1


def captions(lines: Sequence[str], name: str, named: Collection[str] = ()) -> Dialogue:
    """The conversation of captions: the captions of one speaker that follow one another are one turn."""
    cues = cues_of(lines)
    if not any(voice for cue in cues for voice, _ in cue.spoken):
        cues = _labelled(cues, named)
    left_out: Counter[str] = Counter()
    turns: list[Turn] = []
    said = ""
    for cue in cues:
        for voice, text in cue.spoken:
            if SOUND.fullmatch(text):
                left_out["sounds and music"] += 1
            elif not voice and (not turns or cue.changes):
                left_out["captions without a speaker"] += 1
                turns = turns if not cue.changes else [*turns, Turn("", "", at=cue.at, line=cue.line)]
            elif turns and (not voice or voice == turns[-1].speaker):
                if text == said:  # captions that roll repeat their last line
                    continue
                turns[-1] = replace(turns[-1], text=f"{turns[-1].text} {text}".strip())
            else:
                turns.append(Turn(voice, text, at=cue.at, line=cue.line))
            said = text
    spoken = tuple(turn for turn in turns if turn.text and turn.speaker)
    return Dialogue("", spoken, Source(name, spoken[0].line if spoken else 1), chat=True, left_out=+left_out)


def cues_of(lines: Sequence[str]) -> list[Cue]:
    """The captions of a text; comments, styles and numbers are not part of them."""
    timings = [(number, found) for number, line in enumerate(lines) if (found := TIMING.fullmatch(line))]
    ends = [*(number for number, _ in timings[1:]), None]
    cues: list[Cue] = []
    for (start, timing), following in zip(timings, ends, strict=False):
        body = list(lines[start + 1 : following])
        blank = next((number for number, line in enumerate(body) if not line.strip()), len(body))
        hour, minute, second, part = timing.group(1, 2, 3, 4)
        at = int(hour or 0) * 3600 + int(minute) * 60 + int(second) + float(f"0.{part}")
        cues.append(Cue(start + 1, at, tuple(_spoken(body[:blank])), any(map(CHANGE.match, body[:blank]))))
    return cues


def _spoken(body: Sequence[str]) -> list[tuple[str, str]]:
    """The lines of a caption with their voices; a line without a voice goes on with the one above it."""
    found: list[tuple[str, str]] = []
    voice = ""
    for line in body:
        parts = VOICE.split(line)
        for number, part in enumerate(parts):
            if number % 2:
                voice = " ".join(html.unescape(part).split())
            elif text := " ".join(CHANGE.sub("", html.unescape(TAG.sub("", part)).strip()).split()):
                found.append((voice, text))
    return found


def _labelled(cues: Sequence[Cue], named: Collection[str]) -> list[Cue]:
    """Captions without voices, with the speakers that labels such as "Jo:" or "[Jo]" name."""
    lines = [BRACKETED.sub(r"\1: ", text, count=1) for cue in cues for _, text in cue.spoken]
    speakers = speakers_of(labelled(lines), named).names
    found: list[Cue] = []
    for cue in cues:
        spoken: list[tuple[str, str]] = []
        for _, text in cue.spoken:
            label = label_of(BRACKETED.sub(r"\1: ", text, count=1))
            is_speaker = label is not None and plain(label[0]) in speakers and len(speakers) > 1
            spoken.append(label if label and is_speaker else ("", text))
        found.append(replace(cue, spoken=tuple(spoken)))
    return found
