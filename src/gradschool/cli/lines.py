"""Print prose wrapped at words, and commands that can be pasted into a shell."""

import os
import re
import shlex
from collections.abc import Iterable
from typing import Any

from rich.cells import cell_len
from rich.console import Console, ConsoleOptions, RenderableType
from rich.markup import escape as without_markup
from rich.segment import Segment
from rich.text import Text

from gradschool.visible import one_line, visible

FULL_WIDTH, WIDE = 80, 100  # in narrower consoles, tables put less side by side
MARGIN = 5  # columns of a command's line for its indent, a space and the sign that it continues
WORD = re.compile(r"(?:`[^`]+`|\S)+")  # a command in `…` counts as one word
HANGING = re.compile(r" *(?:- )?")  # further lines are indented as far


class PlainConsole(Console):
    """A console on which texts of others cannot act: whatever is printed passes through `visible`.

    Names such as :tulip: stay what they are; rich would print a picture.
    """

    def __init__(self, **options: Any) -> None:
        super().__init__(**{"emoji": False, **options})

    def render_str(self, text: str, **options: Any) -> Text:
        """Markup as text; made visible first, since rich drops some control characters."""
        return super().render_str(visible(text), **options)

    def render(self, renderable: RenderableType, options: ConsoleOptions | None = None) -> Iterable[Segment]:
        """The segments of something to print; those of rich itself, which move the cursor, stay as they are."""
        for segment in super().render(renderable, options):
            yield segment if segment.control else Segment(visible(segment.text), segment.style)


def escape(text: str, *, lines: bool = False) -> str:
    """A text of others as markup that shows it as it is: in one line, unless it may have `lines` of its own."""
    return without_markup(text if lines else one_line(text))


def say(console: Console, markup: str, style: str = "") -> None:
    """Print markup as lines that end between words, indented as the first one; a command in `…` stays on one line.

    A pipe gets one line, unless the environment sets its width with COLUMNS.
    """
    for paragraph in Text.from_markup(visible(markup), style=style, emoji=False).split("\n", allow_blank=True):
        for line in _wrapped(console, paragraph):
            console.print(line, highlight=False, soft_wrap=True)


def width_of(console: Console) -> int:
    """The columns of a console; COLUMNS in the environment counts even if it was set after the console was made."""
    columns = os.environ.get("COLUMNS", "")
    return int(columns) if columns.isdigit() and int(columns) > 0 else console.width


def wraps(console: Console) -> bool:
    """Whether prose is wrapped to the width of the console."""
    return console.is_terminal or "COLUMNS" in os.environ


def command_line(console: Console, *words: object, stdin: object = "") -> str:
    """A command with its arguments quoted for a shell, over several lines if it is wider than the console."""
    parts = [shlex.quote(str(word)) for word in words]
    if stdin:
        parts.append(f"< {shlex.quote(str(stdin))}")
    lines = [parts[0]]
    for part in parts[1:]:
        if wraps(console) and cell_len(lines[-1]) + cell_len(part) + MARGIN > width_of(console):
            lines.append(f"    {part}")
        else:
            lines[-1] += f" {part}"
    return " \\\n  ".join(lines)


def _wrapped(console: Console, text: Text) -> list[Text]:
    """A line as several that fit the width; a word or a command that is wider than that stays whole."""
    if not wraps(console) or text.cell_len <= width_of(console):
        return [text]
    hanging = HANGING.match(text.plain)
    indent = hanging.end() if hanging else 0
    ends, start, width = [], indent, width_of(console) - indent
    for word in WORD.finditer(text.plain, indent):
        if word.start() > start and cell_len(text.plain[start : word.end()]) > width:
            start = word.start()
            ends.append(start)
    first, *others = text.divide(ends)
    for line in others:
        line.pad_left(indent)
    for line in (first, *others):
        line.rstrip()
    return [first, *others]
