"""The text of an answer as it comes: only what is certain is handed on, so that the pieces joined are the answer.

Each of the three takes what comes with `add`, which returns what has become certain, and gives the rest at `end`.
"""

import re
from collections.abc import Callable, Sequence

from gradschool.ground.cite import strip_marks

# What may still become a citation mark, or space before one or before the end.
UNCERTAIN = re.compile(r"\s*(?:\[[\d ,;]*)?\Z")
JSON_STARTS = ("{", "[{", '["')
MAY_BE_MARK = re.compile(r"\[ ?(?:[1-9]|\Z)")
HALF = "\ufffd"  # a letter whose last byte has not come yet


class Decoded:
    """Tokens to text. Only the last tokens are decoded anew each time, so that long answers cost no more than short."""

    def __init__(self, decode: Callable[[Sequence[int]], str]) -> None:
        self._decode = decode
        self._ids: list[int] = []
        self._known, self._read = 0, 0  # tokens before `_known` are no longer looked at, those before `_read` are said

    def add(self, token: int) -> str:
        """One more token."""
        self._ids.append(token)
        before = self._decode(self._ids[self._known : self._read])
        text = self._decode(self._ids[self._known :])
        if text.endswith(HALF) or len(text) <= len(before):
            return ""
        self._known, self._read = self._read, len(self._ids)
        return text[len(before) :]

    def end(self) -> str:
        """What was held back."""
        before = self._decode(self._ids[self._known : self._read])
        rest = self._decode(self._ids[self._known :])[len(before) :]
        self._known = self._read = len(self._ids)
        return rest


class Until:
    """Text up to the first stop string; `hit` tells that one came."""

    def __init__(self, stops: Sequence[str]) -> None:
        self._stops = stops
        self._held = ""
        self.hit = False

    def add(self, text: str) -> str:
        """More text; nothing is returned any more once a stop string came."""
        if self.hit:
            return ""
        self._held += text
        found = [at for stop in self._stops if (at := self._held.find(stop)) >= 0]
        self.hit = bool(found)
        sure = min(found) if found else len(self._held) - self._doubtful()
        certain, self._held = self._held[:sure], "" if found else self._held[sure:]
        return certain

    def end(self) -> str:
        """What was held back, for it might have begun a stop string."""
        rest, self._held = self._held, ""
        return rest

    def _doubtful(self) -> int:
        """How many letters at the end may begin a stop string."""
        lengths = (n for stop in self._stops for n in range(len(stop) - 1, 0, -1) if self._held.endswith(stop[:n]))
        return max(lengths, default=0)


class Unmarked:
    """Text without citation marks, as `strip_marks` gives it; `raw` is the text with them.

    Whether a text is JSON, which keeps its brackets, is known at its end only: there all waits from the first mark on.
    """

    def __init__(self) -> None:
        self.raw, self._said = "", ""

    def add(self, text: str) -> str:
        """More text."""
        self.raw += text
        if self.raw.lstrip().startswith(JSON_STARTS):
            # JSON keeps even the space around it; so far as nothing would be taken out, both readings agree.
            mark = MAY_BE_MARK.search(self.raw)
            certain = self.raw[: mark.start()] if mark else self.raw
            return self._up_to("" if certain[:1].isspace() else certain.rstrip())
        uncertain = UNCERTAIN.search(self.raw)
        assert uncertain is not None
        return self._up_to(strip_marks(self.raw[: uncertain.start()]))

    def end(self) -> str:
        """The rest of the whole text without its marks."""
        return self._up_to(strip_marks(self.raw))

    def _up_to(self, text: str) -> str:
        piece = text[len(self._said) :]
        self._said += piece
        return piece
