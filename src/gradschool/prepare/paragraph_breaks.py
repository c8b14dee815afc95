"""Where the paragraphs of a plain text end: at empty lines, before indented lines, or at the end of each line."""

import re
from bisect import bisect_left
from collections.abc import Sequence
from statistics import median

EMPTY = re.compile(r"\n[ \t]*\n")
INDENTED = re.compile(r"\n(?=[ \t]{2,}\S)|\n(?=\u3000)")  # as in printed books; Japanese and Chinese: one wide space
LINE_END = re.compile(r"\n(?=.)")
NEVER = re.compile(r"(?!)")
FEW = 1_500  # characters on average, from which more paragraphs are looked for
WRAPPED = 100  # characters; lines of wrapped text are shorter


class Spread:
    """A text with an empty line after each paragraph, and the places of its characters in the text itself."""

    def __init__(self, text: str) -> None:
        breaks = [found.start() for found in breaks_of(text).finditer(text)]
        pieces = [text[begin:end] for begin, end in zip([0, *breaks], [*breaks, len(text)], strict=True)]
        self.text = "\n".join(pieces)
        self._added: Sequence[int] = [place + number for number, place in enumerate(breaks)]

    def place(self, spread: int) -> int:
        """The place in the text of a place in the text with empty lines."""
        return spread - bisect_left(self._added, spread)


def breaks_of(text: str) -> re.Pattern[str]:
    """What ends the paragraphs of a text besides empty lines; a pattern that finds nothing if these are enough."""
    if len(EMPTY.findall(text)) * FEW >= len(text):
        return NEVER
    if len(INDENTED.findall(text)) * FEW >= len(text):
        return INDENTED
    lines = [len(line) for line in text.split("\n") if line.strip()]
    return LINE_END if lines and median(lines) > WRAPPED else NEVER
