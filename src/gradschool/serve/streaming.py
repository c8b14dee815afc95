"""Incremental text filters: each emits only text that later input cannot change.

`add` takes input and returns the text that is now certain; `end` returns the rest. The returned texts, joined, are
the filtered text.
"""

import re
from collections import deque
from collections.abc import Sequence
from typing import Generic, TypeVar

from gradschool.ground.cite import strip_marks

# An unfinished citation mark, or whitespace before a possible mark or the end.
UNCERTAIN = re.compile(r"(?<!\s)\s*+(?:\[[\d ,;]*+)?\Z")
T = TypeVar("T")
JSON_STARTS = ("{", "[{", '["')
MAY_BE_MARK = re.compile(r"\[ ?(?:[1-9]|\Z)")


class StopStringFilter:
    """Text up to the first stop string; `hit` is true once a stop string was found."""

    def __init__(self, stops: Sequence[str]) -> None:
        self._stops = stops
        self._held = ""
        self.hit = False

    def add(self, text: str) -> str:
        """Add text; after a stop string, nothing more is returned."""
        if self.hit:
            return ""
        self._held += text
        found = [at for stop in self._stops if (at := self._held.find(stop)) >= 0]
        self.hit = bool(found)
        certain = min(found) if found else len(self._held) - self._possible_stop()
        emitted, self._held = self._held[:certain], "" if found else self._held[certain:]
        return emitted

    def end(self) -> str:
        """The text held back because it could have started a stop string."""
        rest, self._held = self._held, ""
        return rest

    def _possible_stop(self) -> int:
        """How many characters at the end could start a stop string."""
        held = self._held
        return max((_overlap(held[-(len(stop) - 1) :], stop) for stop in self._stops if len(stop) > 1), default=0)


class TokensOfText(Generic[T]):
    """The tokens of a text that a filter holds back: each is passed on with the text in which it begins."""

    def __init__(self) -> None:
        self._held: deque[tuple[int, T]] = deque()  # with the position where each begins
        self._added = self._passed = 0

    def add(self, text: str, tokens: Sequence[T]) -> None:
        """Add the text of some tokens; several tokens of one text begin at its start."""
        self._held += [(self._added, token) for token in tokens]
        self._added += len(text)

    def of(self, text: str) -> tuple[T, ...]:
        """The tokens that begin in the next text that is passed on."""
        self._passed += len(text)
        found = list[T]()
        while self._held and self._held[0][0] < self._passed:
            found.append(self._held.popleft()[1])
        return tuple(found)

    def rest(self) -> tuple[T, ...]:
        """The tokens that were held back until the end."""
        found = tuple(token for _, token in self._held)
        self._held.clear()
        return found


def _overlap(tail: str, stop: str) -> int:
    """The length of the longest end of `tail` with which `stop` begins."""
    return next((n for n in range(min(len(tail), len(stop)), 0, -1) if tail.endswith(stop[:n])), 0)


class CitationMarkFilter:
    """Text without citation marks, equal to `strip_marks` of the complete text; `raw` is the text with its marks.

    JSON keeps its brackets. Whether a text is valid JSON is known only at its end, so text that begins like JSON is
    held back from its first possible mark on.
    """

    def __init__(self) -> None:
        self.raw, self._emitted = "", ""

    def add(self, text: str) -> str:
        """Add text."""
        self.raw += text
        if self.raw.lstrip().startswith(JSON_STARTS):
            # Before the first possible mark, JSON and prose differ only in surrounding whitespace, which JSON keeps.
            mark = MAY_BE_MARK.search(self.raw)
            certain = self.raw[: mark.start()] if mark else self.raw
            return self._emit_to("" if certain[:1].isspace() else certain.rstrip())
        uncertain = UNCERTAIN.search(self.raw)
        assert uncertain is not None
        return self._emit_to(strip_marks(self.raw[: uncertain.start()]))

    def end(self) -> str:
        """The rest of the complete text without its marks."""
        return self._emit_to(strip_marks(self.raw))

    def _emit_to(self, text: str) -> str:
        new = text[len(self._emitted) :]
        self._emitted += new
        return new
