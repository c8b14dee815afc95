"""Classify the lines of a mail: written by its sender, quoted, forwarded, signature or footer."""

import itertools
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from gradschool.prepare.mail.lines import Kind, Line, is_quoted, paragraphs, unquoted
from gradschool.prepare.mail.patterns import patterns
from gradschool.prepare.mail.signature import trim

RULE = re.compile(r"\s*[_\-=*~#]{5,}\s*")
HEADER = re.compile(r"[\s>*|]{0,4}\**([A-Za-zÀ-ž][A-Za-zÀ-ž /-]{0,20})\**\s?:\**\s*(.*)")
FULL_DATE = re.compile(r"\d{4}|\d{1,2}[:h.]\d{2}|@")
MAX_ATTRIBUTION = 4  # lines that "On …, … wrote:" may be broken into
MAX_HEADERS = 12  # lines that headers above an older mail may take
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
            Line(unquoted(line.text), "") if line.hint != "quoted" else Line(line.text)
            for line, kind in self
            if kind == "quoted" and not _is_header_line(line.text)
        )

    @property
    def inline(self) -> bool:
        """Whether the sender answers between quoted lines."""
        filled = [kind for line, kind in self if line.text.strip() and kind in ("own", "quoted")]
        return [kind for kind, _ in itertools.groupby(filled)].count("own") > 1

    def removed(self, kind: Kind) -> str:
        """All lines of one kind, as text."""
        return "\n".join(line.text for line, this in self if this == kind and line.text.strip())

    def __iter__(self) -> Iterator[tuple[Line, Kind]]:
        return zip(self.lines, self.kinds, strict=True)


def split_quotes(lines: Sequence[Line], names: Sequence[str] = ()) -> SplitMail:
    """Classify each line of a mail; `names` are names of its sender, to recognise a signature."""
    kinds: list[Kind] = ["own"] * len(lines)
    _follow_markup(lines, kinds)
    _cut_older_mail(lines, kinds)
    _cut_attributions(lines, kinds)
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


def _cut_older_mail(lines: Sequence[Line], kinds: list[Kind]) -> None:
    """Mark everything after the headers of an older mail, or after a line that announces one."""
    known = patterns()
    for number, line in enumerate(lines):
        if kinds[number] not in ("own", "attribution"):
            continue
        text = line.text.strip()
        forwarded = bool(known.forwarded.fullmatch(text)) and _announces(text)
        original = bool(known.original.fullmatch(text))
        end = _headers_end(lines, number)
        if not (forwarded or original or end):
            continue
        start = number
        while start > 0 and RULE.fullmatch(lines[start - 1].text):
            start -= 1
        after = end or _headers_end(lines, _next_filled(lines, number + 1)) or number + 1
        kind: Kind = "forwarded" if forwarded else "quoted"
        first = _next_filled(lines, after)
        if not forwarded and first < len(lines) and is_quoted(lines[first]):
            _mark(kinds, start, after, "attribution")
            return
        _mark(kinds, start, after, "forwarded" if forwarded else "attribution")
        _mark(kinds, after, len(kinds), kind)
        return


def _announces(text: str) -> bool:
    """Whether a line announces a forward as programs do: between dashes, or with a colon."""
    return text.startswith(("-", "—", "_", "=", "*")) or text.endswith((":", "-"))


def _headers_end(lines: Sequence[Line], start: int) -> int:
    """The end of a block of mail headers that begins at `start`; 0 if none does."""
    if start >= len(lines) or _header_name(lines[start].text) not in ("from", "sent", "subject", "to"):
        return 0
    seen: dict[str, str] = {}
    end = at = start
    while at < min(len(lines), start + MAX_HEADERS):
        name = _header_name(lines[at].text)
        text = lines[at].text.strip()
        if name:
            seen.setdefault(name, text)
            end = at + 1
        elif text and at == end and seen and len(seen) < 5 and not text.endswith((".", "!", "?")) and at > start:
            # A long list of recipients continues on the next line.
            if not (at + 1 < len(lines) and _header_name(lines[at + 1].text)):
                break
            end = at + 1
        elif text or (seen.keys() >= {"from", "subject"}) or at > end + 1:
            break
        at += 1
    found = {"from", "sent", "to", "subject"} & seen.keys()
    enough = len(found) >= 3 or (len(found) == 2 and "from" in found and "@" in seen["from"])
    sure = "subject" in found or any("@" in text for text in seen.values())
    return end if "from" in found and enough and sure else 0


def _header_name(text: str) -> str:
    found = HEADER.match(text)
    return patterns().headers.get(" ".join(found[1].split()).casefold(), "") if found else ""


def _is_header_line(text: str) -> bool:
    return _header_name(text) in ("from", "sent", "to", "subject")


def _cut_attributions(lines: Sequence[Line], kinds: list[Kind]) -> None:
    number = 0
    while number < len(lines):
        length = _attribution(lines, kinds, number)
        if not length:
            number += 1
            continue
        after = _next_filled(lines, number + length)
        quoted_next = after < len(lines) and (kinds[after] == "quoted" or is_quoted(lines[after]))
        quoted_later = any(kinds[at] == "quoted" or is_quoted(lines[at]) for at in range(after, len(lines)))
        joined = " ".join(line.text for line in lines[number : number + length])
        if quoted_next or after >= len(lines):
            _mark(kinds, number, number + length, "attribution")
        elif not quoted_later and FULL_DATE.search(joined):
            _mark(kinds, number, number + length, "attribution")
            _mark(kinds, number + length, len(lines), "quoted")
            return
        number += length


def _attribution(lines: Sequence[Line], kinds: Sequence[Kind], start: int) -> int:
    """The number of lines of an attribution that begins here; 0 if there is none."""
    joined = ""
    for length in range(1, MAX_ATTRIBUTION + 1):
        at = start + length - 1
        if at >= len(lines) or kinds[at] != "own" or not lines[at].text.strip() or is_quoted(lines[at]):
            return 0
        joined = f"{joined} {lines[at].text.strip()}".strip()
        if patterns().wrote.search(joined):
            return length
    return 0


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
