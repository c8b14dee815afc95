"""Convert the plain text of a mail to lines, and lines to paragraphs."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

Hint = Literal["", "quoted", "attribution", "signature", "rest", "ruled", "label", "indented"]
Kind = Literal["own", "quoted", "attribution", "forwarded", "signature", "disclaimer", "list footer", "app footer"]
QUOTE = re.compile(r"\s{0,3}(?:[A-Z]{1,3}(?=>))?((?:>\s?)+)")
BULLET = re.compile(r"\s*(?:[-*•–·+o]\s|\(?\d{1,3}[.)]\s|[a-z]\)\s)")
MIN_WIDTH, MAX_WIDTH = 55, 100  # of text wrapped by a mail program
QUESTION_ENDS = ("?", "？", "؟")
ANSWERED = "answered"
MAX_LINE = 20_000  # characters; the rest of a longer line is ignored


@dataclass(frozen=True, slots=True)
class Line:
    """A line; `hint` comes from the markup of the mail.

    "rest": an older mail begins here; "ruled": in a block with a rule above it; "label": it begins with a bold word;
    "indented": in a block quotation, of a mail or of anything else. `emphasis` is the colour of the whole line, or
    "bold", or ANSWERED if a question in plain text is followed by words with emphasis.
    """

    text: str
    hint: Hint = ""
    emphasis: str = ""


def plain_lines(text: str, *, flowed: bool = False, delete_space: bool = False) -> list[Line]:
    """Plain text as lines; in flowed text (RFC 3676), soft line breaks are removed."""
    raw = [line[:MAX_LINE] for line in text.replace("\r\n", "\n").replace("\r", "\n").split("\n")]
    if flowed:
        raw = _unflow(raw, delete_space)
    return [Line(line.replace("\u00a0", " ").replace("\u200b", "").rstrip()) for line in raw]


def _unflow(raw: list[str], delete_space: bool) -> list[str]:
    joined: list[str] = []
    open_depth = -1  # quote depth of a line that continues
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
    """Whether a line begins with a quote character or is marked as quoted."""
    return line.hint == "quoted" or bool(QUOTE.match(line.text))


def unquoted(text: str) -> str:
    """A quoted line without its first quote character.

    >>> unquoted("> > Hello")
    '> Hello'
    """
    return re.sub(r"^\s{0,3}(?:[A-Z]{1,3}(?=>))?>\s?", "", text)


def paragraphs(lines: Sequence[str]) -> str:
    """Join lines to paragraphs: removes hard wrapping, and keeps at most one empty line between blocks.

    A line break is removed if the first word of the next line did not fit. Addresses, lists and verses keep their
    lines.
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
    """The width that a mail was wrapped to; 0 if it was not."""
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
