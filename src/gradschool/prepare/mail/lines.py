"""Lines of a mail's text: how plain text becomes lines, and how lines become paragraphs again."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

Hint = Literal["", "quoted", "attribution", "signature", "rest"]
Kind = Literal["own", "quoted", "attribution", "forwarded", "signature", "disclaimer", "list footer", "app footer"]
QUOTE = re.compile(r"\s{0,3}(?:[A-Z]{1,3}(?=>))?((?:>\s?)+)")
BULLET = re.compile(r"\s*(?:[-*•–·+o]\s|\(?\d{1,3}[.)]\s|[a-z]\)\s)")
MIN_WIDTH, MAX_WIDTH = 55, 100  # of texts that a mail program has wrapped
MAX_LINE = 20_000  # characters; a longer line is no letter's


@dataclass(frozen=True, slots=True)
class Line:
    """One line; `hint` is what the mail's own markup says about it ("rest": all that follows is an older mail)."""

    text: str
    hint: Hint = ""


def plain_lines(text: str, *, flowed: bool = False, delete_space: bool = False) -> list[Line]:
    """Plain text as lines; flowed text (RFC 3676) is joined where its sender broke it only for the eye."""
    raw = [line[:MAX_LINE] for line in text.replace("\r\n", "\n").replace("\r", "\n").split("\n")]
    if flowed:
        raw = _unflow(raw, delete_space)
    return [Line(line.replace("\u00a0", " ").replace("\u200b", "").rstrip()) for line in raw]


def _unflow(raw: list[str], delete_space: bool) -> list[str]:
    joined: list[str] = []
    open_depth = -1  # depth of quotes of a line that goes on
    for line in raw:
        depth = len(line) - len(line.lstrip(">"))
        content = line[depth:]
        content = content[1:] if content.startswith(" ") else content  # RFC 3676: space-stuffed
        goes_on = content.endswith(" ") and content != "-- "
        if open_depth == depth and content != "-- ":
            joined[-1] += content
        else:
            joined.append(">" * depth + (" " if depth else "") + content)
        if goes_on and delete_space:
            joined[-1] = joined[-1][:-1]
        open_depth = depth if goes_on else -1
    return joined


def is_quoted(line: Line) -> bool:
    """Whether a line carries a sign of quoting, or its markup says that it is quoted."""
    return line.hint == "quoted" or bool(QUOTE.match(line.text))


def unquoted(text: str) -> str:
    """A quoted line without its first sign of quoting.

    >>> unquoted("> > Hello")
    '> Hello'
    """
    return re.sub(r"^\s{0,3}(?:[A-Z]{1,3}(?=>))?>\s?", "", text)


def paragraphs(lines: Sequence[str]) -> str:
    """Lines as a text: line breaks that only a narrow window made are taken out, empty lines are at most one.

    A block counts as wrapped where no line but its last had room for the first word of the next line. So addresses,
    lists and verses keep their lines.
    """
    blocks: list[list[str]] = [[]]
    for line in lines:
        if line.strip():
            blocks[-1].append(line.rstrip())
        elif blocks[-1]:
            blocks.append([])
    filled = [block for block in blocks if block]
    width = _width(filled)
    return "\n\n".join("\n".join(_unwrap(block, width)) for block in filled)


def _width(blocks: Sequence[Sequence[str]]) -> int:
    """The width that all blocks of a mail were wrapped to; 0 where none was."""
    longest = max((len(line) for block in blocks if len(block) > 1 for line in block[:-1]), default=0)
    return longest if MIN_WIDTH <= longest <= MAX_WIDTH else 0


def _unwrap(block: Sequence[str], width: int) -> list[str]:
    joined = [block[0]]
    before = block[0]
    for line in block[1:]:
        first = line.split(maxsplit=1)[0]
        had_room = len(before) + 1 + len(first) <= width
        if not width or had_room or BULLET.match(line) or line[:1] in " \t|" or len(before) < MIN_WIDTH - 15:
            joined.append(line)
        else:
            joined[-1] += " " + line.strip()
        before = line
    return joined
