"""Classify the lines of a mail: written by its sender, quoted, forwarded, signature or footer."""

import re
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass

from gradschool.prepare.mail.attribution import (
    above_quotes,
    ends_with_colon,
    is_complete,
    is_dated_attribution,
    is_headline,
    worded,
)
from gradschool.prepare.mail.header_block import ANNOUNCEMENT, RULE, headers_end, is_header_line
from gradschool.prepare.mail.inline import InlineAnswers
from gradschool.prepare.mail.lines import Kind, Line, is_quoted, paragraphs, unquoted
from gradschool.prepare.mail.notes_header import is_history
from gradschool.prepare.mail.patterns import patterns
from gradschool.prepare.mail.signature import trim

FULL_DATE = re.compile(r"\d{4}|\d{1,2}[:h.]\d{2}|@")
MAX_GAP = 2  # empty lines between an announcement and the headers of an older mail
WRAPPED, LONG = 28, 60  # characters: a short line after a long quoted one is its wrapped end


@dataclass(frozen=True, slots=True)
class SplitMail:
    """The lines of a mail and the kind of each."""

    lines: tuple[Line, ...]
    kinds: tuple[Kind, ...]

    @property
    def own(self) -> str:
        """The sender's own text, in paragraphs."""
        return paragraphs([line.text if kind == "own" else "" for line, kind in self])

    @property
    def quoted(self) -> tuple[Line, ...]:
        """The quoted older mail, without its first level of quote characters."""
        return tuple(
            Line(line.text if line.hint == "quoted" else unquoted(line.text), "", line.emphasis)
            for line, kind in self
            if kind == "quoted" and not is_header_line(line.text)
        )

    @property
    def answers(self) -> InlineAnswers:
        """The sender's answers between quoted lines."""
        return InlineAnswers(self.lines, self.kinds)

    @property
    def inline(self) -> bool:
        """Whether the sender answers between quoted lines; a greeting above and a closing below are no answers."""
        return len(self.answers.starts) > 1

    @property
    def answer(self) -> str:
        """The sender's own text; answers between quoted lines have the paragraph that they answer above them."""
        return self.answers.with_questions() if self.inline else self.own

    def begins_with(self, kind: Kind) -> bool:
        """Whether the first line that is not empty is of a kind."""
        return next((this for line, this in self if line.text.strip()), "") == kind

    def removed(self, kind: Kind) -> str:
        """All lines of one kind, as text."""
        return "\n".join(line.text for line, this in self if this == kind and line.text.strip())

    def __iter__(self) -> Iterator[tuple[Line, Kind]]:
        return zip(self.lines, self.kinds, strict=True)


def split_quotes(lines: Sequence[Line], names: Sequence[str] = (), people: Collection[str] = ()) -> SplitMail:
    """Classify each line of a mail.

    `names` are names of its sender, to recognize a signature; `people` are words of the names of its correspondents,
    and their addresses, in lower case, to recognize who is quoted.
    """
    kinds: list[Kind] = ["own"] * len(lines)
    _follow_markup(lines, kinds)
    _cut_older_mail(lines, kinds, people, names)
    _cut_attributions(lines, kinds, people)
    _cut_quotes(lines, kinds)
    trim(lines, kinds, names)
    return SplitMail(tuple(lines), tuple(kinds))


def _follow_markup(lines: Sequence[Line], kinds: list[Kind]) -> None:
    for number, line in enumerate(lines):
        if line.hint in ("quoted", "rest"):
            kinds[number] = "quoted"
        elif line.hint == "attribution" and not patterns().forwarded.fullmatch(line.text):
            kinds[number] = "attribution"
        elif line.hint == "signature":
            kinds[number] = "signature"


def _cut_older_mail(lines: Sequence[Line], kinds: list[Kind], people: Collection[str], names: Sequence[str]) -> None:
    """Mark everything after the headers of an older mail, or after a line that announces one."""
    known = patterns()
    for number, line in enumerate(lines):
        if kinds[number] not in ("own", "attribution"):
            continue
        text = line.text.strip()
        forwarded = bool(known.forwarded.fullmatch(text)) and _announces(text)
        original = bool(known.original.fullmatch(text))
        end = headers_end(lines, number, people, names)
        if not (forwarded or original or end):
            continue
        start = _announced_from(lines, number)
        after = end or headers_end(lines, _next_filled(lines, number + 1), people) or number + 1
        kind: Kind = "forwarded" if forwarded else "quoted"
        first = _next_filled(lines, after)
        while first < len(lines) and RULE.fullmatch(lines[first].text):
            first = _next_filled(lines, after := first + 1)
        if not forwarded and first < len(lines) and is_quoted(lines[first]):
            _mark(kinds, start, after, "attribution")
            return
        _mark(kinds, start, after, "forwarded" if forwarded else "attribution")
        _mark(kinds, after, len(kinds), kind)
        return


def _announced_from(lines: Sequence[Line], headers: int) -> int:
    """Where an older mail begins: at its headers, or at the rules and lines above them that announce it."""
    start = headers
    for at in range(headers - 1, -1, -1):
        text = lines[at].text
        if RULE.fullmatch(text) or ANNOUNCEMENT.fullmatch(text) or is_history(text):
            start = at
        elif text.strip() or start - at > MAX_GAP:
            break
    return start


def _announces(text: str) -> bool:
    """Whether a line announces a forward as programs do: between dashes, or with a colon."""
    return text.startswith(("-", "—", "_", "=", "*")) or text.endswith((":", "-"))


def _cut_attributions(lines: Sequence[Line], kinds: list[Kind], people: Collection[str]) -> None:
    _quote_blocks(lines, kinds, people)
    above = above_quotes(lines, kinds, people)
    last_quoted = max((at for at, line in enumerate(lines) if kinds[at] == "quoted" or is_quoted(line)), default=-1)
    number = 0
    while number < len(lines):
        if number in above:
            _mark(kinds, number, number + above[number], "attribution")
            number += above[number]
            continue
        said = worded(lines, kinds, number)
        length = said or _complete(lines, kinds, number)
        if not length or any(at in above for at in range(number + 1, number + length)):
            number += 1
            continue
        after = _next_filled(lines, number + length)
        quoted_next = after < len(lines) and (kinds[after] == "quoted" or is_quoted(lines[after]))
        quoted_later = last_quoted >= after
        joined = " ".join(line.text for line in lines[number : number + length])
        if quoted_next or after >= len(lines):
            _mark(kinds, number, number + length, "attribution")
        elif not quoted_later and FULL_DATE.search(joined) and (said or is_headline(joined)):
            _mark(kinds, number, number + length, "attribution")
            _mark(kinds, number + length, len(lines), "quoted")
            return
        number += length


def _quote_blocks(lines: Sequence[Line], kinds: list[Kind], people: Collection[str]) -> None:
    """Mark block quotations below a line that says who wrote them and when; others, such as verses, are own text."""
    for number in range(1, len(lines)):
        if lines[number].hint != "indented" or lines[number - 1].hint == "indented" or kinds[number] != "own":
            continue
        above = next((lines[at].text for at in range(number - 1, -1, -1) if lines[at].text.strip()), "")
        if is_complete(above) or is_dated_attribution(above, people):
            end = next((at for at in range(number, len(lines)) if lines[at].hint != "indented"), len(lines))
            _mark(kinds, number, end, "quoted")


def _complete(lines: Sequence[Line], kinds: Sequence[Kind], number: int) -> int:
    """1 if a line has the date and the address of an older mail, and a colon at its end; 0 if not."""
    line = lines[number]
    closed = kinds[number] == "own" and not is_quoted(line) and ends_with_colon(line.text)
    return int(closed and is_complete(line.text.strip()))


def _cut_quotes(lines: Sequence[Line], kinds: list[Kind]) -> None:
    for number, line in enumerate(lines):
        if kinds[number] == "own" and is_quoted(line):
            kinds[number] = "quoted"
    for number in range(1, len(lines) - 1):
        # "> a long quoted line whose" / "end" / "> was broken off": the end is quoted too.
        text, before = lines[number].text.strip(), lines[number - 1].text
        broken = 0 < len(text) <= WRAPPED and len(before) >= LONG and text[:1].islower()
        if kinds[number] == "own" and broken and is_quoted(lines[number - 1]) and is_quoted(lines[number + 1]):
            kinds[number] = "quoted"


def _next_filled(lines: Sequence[Line], start: int) -> int:
    """The next line that is not empty, or the number of lines."""
    while start < len(lines) and not lines[start].text.strip():
        start += 1
    return start


def _mark(kinds: list[Kind], start: int, end: int, kind: Kind) -> None:
    kinds[start:end] = [kind] * (end - start)
