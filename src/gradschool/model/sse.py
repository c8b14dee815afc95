"""Lines of server-sent events: they end at CR, LF or both, and at no other character, whatever Unicode calls a line."""

import codecs
import re
from collections.abc import AsyncIterable, AsyncIterator, Iterable, Iterator

ENDS = re.compile(r"\r\n|\n|\r")


class Lines:
    """Divides the bytes of a stream into lines; texts may contain U+2028, U+0085 and others that `splitlines` takes."""

    def __init__(self) -> None:
        self._decoder, self._rest = codecs.getincrementaldecoder("utf-8")("replace"), ""

    def add(self, block: bytes, final: bool = False) -> list[str]:
        """The lines that are complete after these bytes."""
        text = self._rest + self._decoder.decode(block, final)
        if text.endswith("\r") and not final:  # a line feed may follow
            text, held = text[:-1], "\r"
        else:
            held = ""
        *lines, rest = ENDS.split(text)
        self._rest = rest + held
        return [*lines, rest] if final and rest else lines


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
