"""Remove hard line breaks within the paragraphs of a text, where its lines show that it was wrapped to one width.

In wrapped text, each line has as many words as fit into the width: the first word of the next line did not. Verses,
addresses, lists, tables and code end their lines elsewhere, and keep them.
"""

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

import regex
from rich.cells import cell_len

from gradschool.data.broken_words import join_broken_words
from gradschool.data.normalize import SPACELESS
from gradschool.ground.passages import FENCE

MIN_WIDTH, MAX_WIDTH = 45, 140  # columns
MIN_BREAKS = 3  # line breaks that fit a width, from which a text may be wrapped to it
MIN_SHARE = 0.5  # of the breaks of the text, and MIN_OF_BLOCK of those of a block, fit the width
MIN_OF_BLOCK = 0.75
SHORT = 0.6  # of the width; a shorter line ends something, such as a greeting
VERSE = 0.85  # of the lines of a block begin with a capital, from which they are verses unless all breaks fit
MAX_WORD = 24  # columns of the first word of a line that may not have fitted; addresses of pages are longer
WIDE_BREAK = 6  # columns by which a line may be shorter in a script that breaks between any two characters
CLOSING = 3  # words of a line after a sentence, which are no sentence: "Yours," and a name
ENDS = (".", "!", "?", "…", "”", '"')
ITEM = re.compile(r"[ \t]*(?:[-*+•‣–—·]|\(?\d{1,3}[.)]|[a-zA-Z][.)]|\(\w{1,3}\))[ \t]")
KEPT = re.compile(r"[ ]{0,3}(?:#{1,6}[ \t]|>|\||[=\-_*~]{3,}[ \t]*$)|\t|[ ]{7}")  # headings, quotes, rules, code
SPACELESS_END = regex.compile(rf"{SPACELESS.pattern}$")


@dataclass(frozen=True, slots=True)
class _Break:
    """A break between two lines of running text, and the widths to which the text may be wrapped if it is no end."""

    first: int
    last: int

    def fits(self, width: int) -> bool:
        return self.first <= width <= self.last


def width_of(text: str) -> int:
    """The width in columns to which a text is wrapped; 0 if it is not."""
    breaks = [one for block in _blocks(text) if not _is_verse(block) for one in _breaks(block) if one]
    if len(breaks) < MIN_BREAKS:
        return 0
    changes: Counter[int] = Counter()
    for one in breaks:
        if MIN_WIDTH <= one.first <= MAX_WIDTH:
            changes[one.first] += 1
            changes[one.last + 1] -= 1
    best = fitting = now = 0
    for width in sorted(changes):
        now += changes[width]
        if now > fitting:
            best, fitting = width, now
    return best if fitting >= max(MIN_BREAKS, MIN_SHARE * len(breaks)) else 0


def unwrapped(text: str, width: int) -> str:
    """A text, or a part of one, without the breaks by which it is wrapped to a width.

    >>> unwrapped("of many words\\nup to twelve.\\nShort.", 13)
    'of many words up to twelve.\\nShort.'
    """
    if not width:
        return text
    joined: list[str] = []
    for block in _blocks(text, every=True):
        breaks = _breaks(block)
        known = [one.fits(width) for one in breaks if one and one.first >= SHORT * width]
        needed = len(known) if _is_verse(block) else MIN_OF_BLOCK * len(known)
        if not known or sum(known) < needed:
            joined += block
            continue
        joined.append(block[0])
        for one, line in zip(breaks, block[1:], strict=True):
            if one and one.fits(width):
                joined[-1] = _joined(joined[-1], line.strip())
            else:
                joined.append(line)
    return "\n".join(joined)


def _blocks(text: str, *, every: bool = False) -> Iterator[list[str]]:
    """The lines of each paragraph; with `every`, all other lines too, each as a block of its own."""
    block: list[str] = []
    fence = ""
    for line in text.split("\n"):
        mark = FENCE.match(line)
        inside = bool(fence)
        if mark and not inside:
            fence = mark[1][:3]
        elif mark and mark[1].startswith(fence) and inside:
            fence = ""
        if line.strip() and not mark and not inside and not _is_kept(line):
            block.append(line)
            continue
        if block:
            yield block
        block = []
        if every:
            yield [line]
    if block:
        yield block


def _is_kept(line: str) -> bool:
    """Whether a line is no running text: a heading, a quote, a row of a table, code, a rule; or breaks on purpose."""
    if KEPT.match(line) or line.endswith(("\\", "  ")):
        return True
    said = line.strip()
    row = "\t" in said or "   " in said or said.count("|") > 1
    return row or said.endswith(("{", "}")) or (said.endswith(";") and ("=" in said or "(" in said))


def _breaks(block: Sequence[str]) -> list[_Break | None]:
    """The breaks between the lines of a block; None for one before an item, an indented paragraph, or a closing."""
    return [None if _begins(before, after) else _break(before, after) for before, after in pairwise(block)]


def _begins(before: str, after: str) -> bool:
    if ITEM.match(after) or (_indent(after) > _indent(before) and not ITEM.match(before)):
        return True
    alone = len(after.split()) <= CLOSING and after.strip()[:1].isupper() and not after.rstrip().endswith(ENDS)
    return alone and before.rstrip().endswith(ENDS)


def _indent(line: str) -> int:
    return len(line) - len(line.lstrip())


def _break(before: str, after: str) -> _Break | None:
    length = cell_len(before.rstrip())
    if regex.search(SPACELESS_END, before.rstrip()) and SPACELESS.match(after.lstrip()):
        return _Break(length, length + WIDE_BREAK)
    word = min(cell_len(after.split(maxsplit=1)[0]), MAX_WORD)
    return _Break(length, length + word)


def _is_verse(block: Sequence[str]) -> bool:
    """Whether nearly all lines begin with a capital, as verses and entries do; in a script that has them."""
    letters = [first for line in block if (first := next(filter(str.isalpha, line), ""))]
    cased = [letter for letter in letters if letter.lower() != letter.upper()]
    return len(cased) > MIN_BREAKS and sum(letter.isupper() for letter in cased) >= VERSE * len(cased)


def _joined(before: str, after: str) -> str:
    whole = join_broken_words(f"{before.rstrip()[-60:]}\n{after}")
    if "\n" not in whole:
        return before.rstrip()[:-60] + whole
    return f"{before.rstrip()} {after}"
