"""Turning tokens into text while they are generated."""

from collections.abc import Callable, Sequence

REPLACEMENT = "\ufffd"  # decoded from a character whose last byte has not been generated yet


class IncrementalDetokenizer:
    """Token ids to text. Decodes only the last few ids at each step, so that the cost per token is constant.

    `add` takes a token and returns the text that is now certain; `end` returns the rest.
    """

    def __init__(self, decode: Callable[[Sequence[int]], str]) -> None:
        self._decode = decode
        self._ids: list[int] = []
        self._context, self._emitted = 0, 0  # ids are decoded from `_context`; the text before `_emitted` is emitted

    def add(self, token: int) -> str:
        """Add one token."""
        self._ids.append(token)
        before = self._decode(self._ids[self._context : self._emitted])
        text = self._decode(self._ids[self._context :])
        if text.endswith(REPLACEMENT) or len(text) <= len(before):
            return ""
        self._context, self._emitted = self._emitted, len(self._ids)
        return text[len(before) :]

    def end(self) -> str:
        """The text held back."""
        before = self._decode(self._ids[self._context : self._emitted])
        rest = self._decode(self._ids[self._context :])[len(before) :]
        self._context = self._emitted = len(self._ids)
        return rest
