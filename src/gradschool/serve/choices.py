"""The answers to one request: one, or several that are drawn with different seeds and generated at the same time."""

import asyncio
import contextlib
import hashlib
from collections.abc import AsyncGenerator, Sequence
from dataclasses import dataclass, field, replace
from typing import TypeVar

from gradschool.model.tool_turns import ToolCall
from gradschool.records import Decoding, Passage
from gradschool.serve.abstaining import FINISH_REASON, Abstained
from gradschool.serve.scheduler import Finished, ScoredToken, TextChunk

T = TypeVar("T")
SEED_BITS = 31  # what all engines and servers take


@dataclass(slots=True)
class Choice:
    """One answer as far as it has been generated; `abstained` is what is said instead of one."""

    text: str = ""
    tokens: list[ScoredToken] = field(default_factory=list)
    calls: list[ToolCall] = field(default_factory=list)
    citations: tuple[Passage, ...] = ()
    finished: Finished = field(default_factory=lambda: Finished("stop", 0, 0))
    abstained: bool = False

    @property
    def reason(self) -> str:
        """Its finish reason in OpenAI's words."""
        return FINISH_REASON if self.abstained else "tool_calls" if self.calls else self.finished.stop

    def add(self, event: TextChunk | ToolCall | Finished | Abstained | tuple[Passage, ...]) -> None:
        """Add an event of its stream."""
        if isinstance(event, TextChunk):
            self.text += event.text
            self.tokens += event.tokens
        elif isinstance(event, ToolCall):
            self.calls.append(event)
        elif isinstance(event, Finished):
            self.finished = event
        elif isinstance(event, Abstained):
            self.text, self.finished, self.abstained = event.text, event.finished, True
        else:
            self.citations = event


def drawn(decoding: Decoding, n: int) -> list[Decoding]:
    """How each of `n` answers is generated; only one is if all would be equal.

    The first one has the seed of the decoding, so that it is the answer to a request for one. The others have seeds
    that follow from it.
    """
    if decoding.temperature == 0 or decoding.compares:
        return [decoding]
    return [replace(decoding, seed=_seed(decoding.seed, number) if number else decoding.seed) for number in range(n)]


def _seed(first: int, number: int) -> int:
    digest = hashlib.sha256(f"{first} {number}".encode()).digest()
    return int.from_bytes(digest[:4]) >> (32 - SEED_BITS)


async def merged(streams: Sequence[AsyncGenerator[T, None]]) -> AsyncGenerator[tuple[int, T], None]:
    """The events of several streams as they come, each with the number of its stream; an error ends all of them."""
    if len(streams) == 1:
        async with contextlib.aclosing(streams[0]) as events:
            async for event in events:
                yield 0, event
        return
    queue = asyncio.Queue[tuple[int, T] | Exception | None]()

    async def drain(number: int, stream: AsyncGenerator[T, None]) -> None:
        end: Exception | None = None
        try:
            async with contextlib.aclosing(stream) as events:
                async for event in events:
                    queue.put_nowait((number, event))
        except Exception as error:  # raised below
            end = error
        queue.put_nowait(end)

    tasks = [asyncio.create_task(drain(number, stream)) for number, stream in enumerate(streams)]
    left = len(tasks)
    try:
        while left:
            item = await queue.get()
            if isinstance(item, Exception):
                raise item
            if item is None:
                left -= 1
            else:
                yield item
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def decided(events: AsyncGenerator[tuple[int, T], None], count: int) -> AsyncGenerator[tuple[int, T], None]:
    """The events of `count` streams once it is known which of them abstain: these come first."""
    held, seen = list[tuple[int, T]](), set[int]()
    async with contextlib.aclosing(events):
        async for number, event in events:
            if len(seen) == count:
                yield number, event
                continue
            held.append((number, event))
            seen.add(number)
            if len(seen) == count:
                for one in sorted(held, key=lambda one: not isinstance(one[1], Abstained)):
                    yield one
