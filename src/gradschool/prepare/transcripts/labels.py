"""Which labels at the beginning of lines are speakers, in a transcript without dates: by structure, not by their looks.

In "Price: 20 euros" a label precedes a colon as in "Anna: hello". A speaker begins a paragraph, or has the turn
without which a paragraph would have one speaker alone; in a transcript without paragraphs, it is followed by the same
speaker that it follows, or the others would talk to themselves. Where several labels could answer, and none names a
role, they are doubtful: the user is asked for the agent.
"""

import re
from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from itertools import pairwise

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
MIN_FIELD = 3  # times that a label occurs before it can be a field of a form
ALIKE = 0.8  # of the places of a label, that another one has too, so that the two cannot be distinguished


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


@dataclass(frozen=True, slots=True)
class Speakers:
    """The labels that are speakers, by normalized name; `doubtful` are those between which the structure cannot decide.

    Each of them would answer the same paragraphs: "Note" and "Bo" do, if every "Jo: …" is followed by both.
    """

    names: frozenset[str]
    doubtful: tuple[str, ...] = ()


def speakers_of(found: Sequence[Labelled], named: Collection[str] = ()) -> Speakers:
    """The labels that are speakers; those in `named` (normalized) always are."""
    order = [plain(one.name) for one in found]
    counts = Counter(order)
    # "Model: K2" may be part of a message, although "model" names a role: a speaker is not rare.
    roles = Counter(stem for name in order if (stem := _stem(name)) in ROLES)  # "customer_3" is a customer
    usual = MIN_FREQUENT * max(roles.values(), default=0)
    speakers = {name for name in counts if roles[_stem(name)] >= max(usual, 1)} | set(order[:1])
    speakers |= counts.keys() & set(named)
    choice = _Choice(found)
    starters = Counter(plain(one.name) for one in found if one.first)
    if sum(starters.values()) < 3:
        return choice.result(_surrounded(order, counts, choice.answered(order, speakers)), named)
    often = {name for name, count in starters.items() if 2 * count >= counts[name]}
    speakers |= {name for name in often if counts[name] > 1}
    # Who begins every second paragraph answers the others: another label in all paragraphs is a field, or answers.
    in_turn = _in_turn([plain(one.name) for one in found if one.first])
    if in_turn and not in_turn & set(named):
        choice.doubt_between(in_turn)
    speakers |= in_turn
    answering = set[str]() if in_turn or often & set(named) else choice.completed(found, speakers | often) - often
    answering = set(_surrounded(_in_paragraphs(found), counts, speakers | often | answering)) - often
    # Who speaks once begins a paragraph that a speaker completes, or has a turn between two turns of one speaker.
    completed = {one.paragraph for one in found if plain(one.name) in answering}
    asking = {plain(one.name) for one in found if one.first and one.paragraph in completed} & often
    once = often & _surrounded(order, Counter(often), speakers | answering)
    return choice.result(frozenset(speakers | answering | asking | once), named)


def _stem(name: str) -> str:
    """A normalized label without a number at its end: "customer" of "customer_3"."""
    short = name.rstrip("0123456789")
    return short.rstrip("_#") if short not in ("", name) else name


class _Choice:
    """The choice of the label that answers, where several could, and the labels between which it could not decide."""

    def __init__(self, found: Sequence[Labelled]) -> None:
        self.shown = {plain(one.name): one.name for one in reversed(found)}
        texts: dict[str, list[str]] = {}
        for one in found:
            texts.setdefault(plain(one.name), []).append(one.text)
        self.counts = Counter({name: len(said) for name, said in texts.items()})
        self.paragraphs = Counter(name for name, _ in {(plain(one.name), one.paragraph) for one in found})
        # "Address: Main Street 1", always the same, is a field of a form.
        self.fields = {
            name for name, said in texts.items() if len(said) >= MIN_FIELD and len(set(said)) <= len(said) / 4
        }
        self.doubtful: list[str] = []

    def titled(self, name: str) -> bool:
        """Whether a label is a name with a word for who answers: "Agent Bo", "Support (Ana)"."""
        words = re.findall(r"[^\W_]+", self.shown[name])
        roles = [word for word in words if ROLES.get(plain(word)) == "assistant"]
        return len(roles) == 1 and 1 < len(words) <= 4 and not any(word.islower() for word in words)

    def of(self, parts: Sequence[Sequence[str]], needed: float, speakers: Collection[str]) -> str:
        """The label that answers in at least `needed` of the parts of a text; empty if there is none."""
        anywhere = Counter(name for part in parts for name in set(part) if name not in speakers)
        first = Counter(next((name for name in part if name not in self.fields), part[0]) for part in parts if part)
        titled = [name for name, _ in anywhere.most_common() if self.titled(name)]
        for name in (*titled, *(name for name, _ in first.most_common())):
            count = anywhere[name] if name in titled else first[name]
            if count >= needed and 2 * count > self.paragraphs[name]:
                if name not in titled:
                    self._doubt(name, parts, anywhere, speakers)
                return name
        return ""

    def _doubt(
        self, name: str, parts: Sequence[Sequence[str]], anywhere: Counter[str], speakers: Collection[str]
    ) -> None:
        """Note the labels at the places of `name`, as frequent: each could be the one who answers."""
        mine = [set(part) for part in parts if name in part]
        rivals = [
            other
            for other in anywhere
            if other not in self.fields | {name} | set(speakers)
            and self.counts[other] >= MIN_FIELD
            and sum(other in part for part in mine) >= ALIKE * len(mine)
        ]
        self.doubtful += [name, *sorted(rivals)] if rivals else []

    def doubt_between(self, starters: frozenset[str]) -> None:
        """Note a label that could answer in all paragraphs, whose beginners could also answer each other."""
        needed = ALIKE * sum(self.paragraphs[name] for name in starters)
        within = [name for name, count in self.paragraphs.items() if name not in starters and count >= needed]
        if others := [name for name in within if name not in self.fields]:
            self.doubtful += [*sorted(others), *sorted(starters)]

    def answered(self, order: Sequence[str], speakers: set[str]) -> set[str]:
        """The speakers, at least two: a lone one, and the label that answers it most often."""
        if len({_stem(name) for name in speakers}) > 1:  # "Customer 1" and "Customer 2" do not answer
            return speakers
        parts: list[list[str]] = []
        for name in order:
            if name in speakers:
                parts.append([])
            elif parts:
                parts[-1].append(name)
        parts = [part for part in parts if part]
        after = Counter(part[0] for part in parts)
        chosen = self.of(parts, max(after.values(), default=0), speakers)
        return speakers | ({chosen} if chosen else {name for name, _ in after.most_common(1)})

    def completed(self, found: Sequence[Labelled], speakers: set[str]) -> set[str]:
        """The speakers, and the labels without which who begins a paragraph would have no answer at its end."""
        paragraphs: dict[int, list[str]] = {}
        for one in found:
            paragraphs.setdefault(one.paragraph, []).append(plain(one.name))
        while True:
            rests = [rest for said in paragraphs.values() if (rest := _unanswered(said, speakers)) is not None]
            # Where paragraphs without an answer are usual, a label at the end of a few of them is none.
            needed = MIN_COVERED if len(speakers) < 2 else max(MIN_COVERED, len(rests) / 2)
            chosen = self.of([rest for rest in rests if rest], needed, speakers)
            if not chosen:
                return speakers
            speakers = speakers | {chosen}

    def result(self, speakers: frozenset[str], named: Collection[str]) -> Speakers:
        """The speakers; a label that the user names settles which one answers."""
        settled = bool(speakers & set(named))
        doubtful = () if settled else tuple(dict.fromkeys(self.shown[name] for name in self.doubtful))
        return Speakers(speakers, doubtful)


def _in_turn(order: Sequence[str]) -> frozenset[str]:
    """Those who begin paragraphs, if one of them begins every second one; else empty."""
    halves = (order[0::2], order[1::2])
    answered = any(len(set(half)) == 1 and half[0] not in other for half, other in (halves, halves[::-1]) if half)
    return frozenset(order) if answered and len(order) >= 2 * MIN_COVERED else frozenset()


def _unanswered(said: Sequence[str], speakers: set[str]) -> list[str] | None:
    """The labels after the last speaker of a paragraph, if that is the speaker who begins it; else None."""
    places = [place for place, name in enumerate(said) if name in speakers]
    if places and said[places[-1]] != said[places[0]]:
        return None
    return list(said[places[-1] + 1 if places else 0 :])


def _in_paragraphs(found: Sequence[Labelled]) -> list[str]:
    """The labels in order, with an empty one between paragraphs."""
    order: list[str] = []
    for before, one in pairwise((None, *found)):
        order += [""] if before and one and before.paragraph != one.paragraph else []
        order += [plain(one.name)] if one else []
    return order


def _surrounded(order: Sequence[str], counts: Counter[str], speakers: set[str]) -> frozenset[str]:
    """The speakers, and the labels that are often between two turns of one speaker, directly before the second."""
    gaps: list[list[str]] = []
    before, gap = "", list[str]()
    for name in order:
        if name in speakers or not name:
            if gap and name and name == before and gap[-1] in counts:
                gaps.append(gap)
            before, gap = name, []
        else:
            gap.append(name)
    total = Counter(order)
    last = Counter(gap[-1] for gap in gaps)
    often = {name for name, count in last.items() if 3 * count >= total[name]}
    for name in [name for name in often if total[name] >= MIN_FIELD]:
        # "Zoe: … Note: …", "Yan: … Note: …": names that change, each followed by the same label, speak; it does not.
        seldom = [{one for one in gap if 3 * total[one] <= total[name]} for gap in gaps if gap[-1] == name]
        if sum(map(bool, seldom)) >= ALIKE * len(seldom):
            often = (often - {name}).union(*seldom)
    return frozenset(speakers | often)
