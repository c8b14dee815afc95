"""Lines of server-sent events: they end at CR, LF or both, and at no other character, whatever Unicode calls a line."""

import codecs
import re
from collections.abc import AsyncIterable, AsyncIterator, Iterable, Iterator

import httpx

from gradschool.model.received import MAX_REPLY

ENDS = re.compile(r"\r\n|\n|\r")


class Lines:
    """Divides the bytes of a stream into lines; texts may contain U+2028, U+0085 and others that `splitlines` takes.

    Raises httpx.ReadError for a line longer than any reply.
    """

    def __init__(self) -> None:
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self._parts, self._length, self._held = list[str](), 0, ""  # of the last line, and its carriage return

    def add(self, block: bytes, final: bool = False) -> list[str]:
        """The lines that are complete after these bytes."""
        text = self._held + self._decoder.decode(block, final)
        self._held = "\r" if text.endswith("\r") and not final else ""  # a line feed may follow
        first, *others = ENDS.split(text.removesuffix(self._held))
        self._parts.append(first)
        self._length += len(first)
        if self._length > MAX_REPLY:
            raise httpx.ReadError("a line of its stream does not end")
        if not others:
            return self._taken() if final and self._length else []
        lines, rest = [*self._taken(), *others[:-1]], others[-1]
        self._parts, self._length = [rest], len(rest)
        return lines + (self._taken() if final and rest else [])

    def _taken(self) -> list[str]:
        line, self._parts, self._length = "".join(self._parts), [], 0
        return [line]


def lines_of(blocks: Iterable[bytes]) -> Iterator[str]:
    """The lines of a stream of bytes."""
    lines = Lines()
    for block in blocks:
        yield from lines.add(block)
    yield from lines.add(b"", final=True)


def data_of(line: str) -> str | None:
    """The data in a line of an event; None for other lines."""
    return line.removeprefix("data:").strip() if line.startswith("data:") else None


async def lines_of_async(blocks: AsyncIterable[bytes]) -> AsyncIterator[str]:
    """The lines of an asynchronous stream of bytes."""
    lines = Lines()
    async for block in blocks:
        for line in lines.add(block):
            yield line
    for line in lines.add(b"", final=True):
        yield line
