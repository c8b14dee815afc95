"""Which labels at the beginning of lines are speakers, in a transcript without dates: by structure, not by their looks.

In "Price: 20 euros" a label stands before a colon as in "Anna: hello". A speaker begins a paragraph, or has the turn
without which a paragraph would have one speaker alone; in a transcript without paragraphs, it is followed by the same
speaker that it follows, or the others would talk to themselves.
"""

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise, zip_longest

from gradschool.data.formats import ROLES, plain

MAX_LABEL, MAX_WORDS = 60, 7  # characters and words of a label
LABEL = re.compile(
    rf"(?:[*_]{{1,2}}|#{{1,4}} |- )?(?P<name>[^\s:：<>|][^:：\n|]{{0,{MAX_LABEL}}}?)"
    r"\s?(?:\((?:\d[^()\n]{0,24})\)|\[(?:\d[^\[\]\n]{0,24})\])?[*_]{0,2}\s?(?:[:：][*_]{1,2}\s*|:(?:\s+|$)|：\s*)"
)
NICK = re.compile(r"<[ @+~&%]?(?P<name>[^<>\s][^<>]{0,40})>\s")  # as in logs of IRC
SENTENCE = re.compile(r"[.!?;。！？](?:\s|$)")
ABBREVIATED = re.compile(r"\b[^\W\d_]{1,4}\.(?:\s|$)")  # "Dr. Keller", "Mr. B."
MIN_FREQUENT = 0.5  # of the turns of the most frequent role, from which another role is a speaker for sure
MIN_COVERED = 2  # paragraphs that a label must complete


@dataclass(frozen=True, slots=True)
class Labelled:
    """A line that begins with a label: its place among the lines, and the number of its paragraph."""

    line: int
    name: str
    text: str
    paragraph: int
    first: bool  # whether it begins the paragraph


def label_of(line: str) -> tuple[str, str] | None:
    """The label at the beginning of a line, and the rest of the line.

    >>> label_of("🌻 Ana (Köln): is it open?"), label_of("see https://example.org")
    (('🌻 Ana (Köln)', 'is it open?'), None)
    """
    if nick := NICK.match(line):
        return nick["name"].strip(), line[nick.end() :].strip()
    found = LABEL.match(line)
    if not found:
        return None
    name = found["name"].strip(" *_")
    if not name or len(name.split()) > MAX_WORDS or SENTENCE.search(ABBREVIATED.sub("", name)):
        return None
    return name, line[found.end() :].strip()


def labelled(lines: Sequence[str]) -> list[Labelled]:
    """All lines with a label; empty lines separate paragraphs."""
    found: list[Labelled] = []
    paragraph, fresh = 0, True
    for number, line in enumerate(lines):
        if not line:
            paragraph, fresh = paragraph + (not fresh), True
            continue
        if label := label_of(line):
            found.append(Labelled(number, *label, paragraph, fresh))
        fresh = False
    return found


def speakers_of(found: Sequence[Labelled]) -> frozenset[str]:
    """The labels that are speakers, by normalized name."""
    order = [plain(one.name) for one in found]
    counts = Counter(order)
    # "Model: K2" may be part of a message, although "model" names a role: a speaker is not rare.
    known = {name: count for name, count in counts.items() if name in ROLES}
    usual = MIN_FREQUENT * max(known.values(), default=0)
    speakers = {name for name, count in known.items() if count >= usual} | set(order[:1])
    starters = Counter(plain(one.name) for one in found if one.first)
    if sum(starters.values()) < 3:
        return _surrounded(order, counts, _answered(order, speakers))
    often = {name for name, count in starters.items() if 2 * count >= counts[name]}
    speakers |= {name for name in often if counts[name] > 1}
    answering = _completed(found, speakers | often) - often
    answering = set(_surrounded(_in_paragraphs(found), counts, speakers | often | answering)) - often
    # Who speaks once begins a paragraph that a speaker completes, or stands between two turns of one speaker.
    completed = {one.paragraph for one in found if plain(one.name) in answering}
    asking = {plain(one.name) for one in found if one.first and one.paragraph in completed} & often
    return frozenset(speakers | answering | asking | (often & _surrounded(order, Counter(often), speakers | answering)))


def _completed(found: Sequence[Labelled], speakers: set[str]) -> set[str]:
    """The speakers, and the labels without which the one who begins a paragraph would have no answer at its end."""
    paragraphs: dict[int, list[str]] = {}
    for one in found:
        paragraphs.setdefault(one.paragraph, []).append(plain(one.name))
    usual = Counter(name for said in paragraphs.values() for name in set(said))
    while True:
        rests = [rest for said in paragraphs.values() if (rest := _unanswered(said, speakers)) is not None]
        answers = Counter(rest[0] for rest in rests if rest)
        # Where paragraphs without an answer are usual, a label at the end of a few of them is none.
        needed = MIN_COVERED if len(speakers) < 2 else max(MIN_COVERED, len(rests) / 2)
        fit = [name for name, count in answers.most_common() if count >= needed and 2 * count > usual[name]]
        if not fit:
            return speakers
        speakers = speakers | {fit[0]}


def _unanswered(said: Sequence[str], speakers: set[str]) -> list[str] | None:
    """The labels after the last speaker of a paragraph, if that is the speaker who begins it; else None."""
    places = [place for place, name in enumerate(said) if name in speakers]
    if places and said[places[-1]] != said[places[0]]:
        return None
    return list(said[places[-1] + 1 if places else 0 :])


def _answered(order: Sequence[str], speakers: set[str]) -> set[str]:
    """The speakers, at least two: a lone one, and the label that follows it most often."""
    if len(speakers) > 1:
        return speakers
    after = Counter(b for a, b in pairwise(order) if a in speakers and b not in speakers)
    return speakers | {name for name, _ in after.most_common(1)}


def _in_paragraphs(found: Sequence[Labelled]) -> list[str]:
    """The labels in order, with an empty one between paragraphs."""
    order: list[str] = []
    for before, one in pairwise((None, *found)):
        order += [""] if before and one and before.paragraph != one.paragraph else []
        order += [plain(one.name)] if one else []
    return order


def _surrounded(order: Sequence[str], counts: Counter[str], speakers: set[str]) -> frozenset[str]:
    """The speakers, and the labels that often stand between two turns of one speaker, directly before the second."""
    between: Counter[str] = Counter()
    before = ""
    for name, after in zip_longest(order, order[1:], fillvalue=""):
        if name in speakers or not name:
            before = name
        elif name in counts:
            between[name] += after == before != ""
    total = Counter(order)
    return frozenset(speakers | {name for name, count in between.items() if count and 3 * count >= total[name]})
