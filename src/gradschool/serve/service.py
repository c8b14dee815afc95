"""Specialists by name, and an answer for each request: limits, retrieval before it, citations behind it."""

import asyncio
import contextlib
from collections.abc import AsyncGenerator, Awaitable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from typing import TypeVar

from gradschool.errors import GradschoolError, nearest
from gradschool.ground.cite import resolve
from gradschool.records import Passage
from gradschool.serve.http_errors import HTTPError, closing, http_error_of, overloaded, too_long, too_slow
from gradschool.serve.request import Asked
from gradschool.serve.scheduler import Ended, Piece, Pieces, Prompt, Scheduler
from gradschool.serve.streaming import Unmarked, Until
from gradschool.specialist import Specialist

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Limits:
    """What one request, and all of them together, may take."""

    body: int = 1 << 20  # bytes
    body_seconds: float = 20.0  # until the whole body is there
    seconds: float = 300.0  # from the whole body to the end of the answer
    waiting: int = 256  # requests that wait for a place, of each base
    grace: float = 15.0  # seconds for what is under way when the server is told to end


@dataclass(eq=False)
class Base:
    """A scheduler, the one thread that makes prompts for it, and how many requests have come and are not done."""

    scheduler: Scheduler
    open: int = 0
    prompts: ThreadPoolExecutor = field(default_factory=lambda: ThreadPoolExecutor(1, "gradschool-prompts"))

    @property
    def running(self) -> int:
        """How many requests have a place."""
        return min(self.open, self.scheduler.at_once)

    @property
    def waiting(self) -> int:
        """How many requests wait for one."""
        return self.open - self.running


@dataclass(frozen=True)
class Served:
    """A specialist as clients see it: its name, when it was made (seconds of 1970), and the seal of its package."""

    name: str
    specialist: Specialist
    base: Base
    created: int = 0
    seal: str = ""
    verdict: str = ""

    def prompt(self, asked: Asked) -> tuple[Prompt, tuple[Passage, ...]]:
        """Look up passages, put the question together, and see that it fits; takes its time."""
        scheduler, recipe = self.base.scheduler, self.specialist.recipe
        conversation, passages = self.specialist.conversation(asked.question)
        tokens, ids = scheduler.tokens(conversation)
        room = scheduler.context_length - tokens
        if room < 1:
            raise too_long(tokens, scheduler.context_length)
        decoding = asked.decoding(recipe.decoding)
        decoding = replace(decoding, max_new_tokens=min(decoding.max_new_tokens, room))
        return Prompt(conversation, tokens, ids, decoding, asked.stop, recipe.adapter), passages


class Service:
    """All specialists of a server, by the names that clients give as `model`."""

    def __init__(self, served: Mapping[str, Served], limits: Limits | None = None) -> None:
        self.served, self.limits = served, limits or Limits()
        self.bases = list({id(one.base): one.base for one in served.values()}.values())
        self.closing = False
        self._end: float | None = None  # by the loop's clock
        self._clocks: set[asyncio.Timeout] = set()

    def find(self, name: str) -> Served:
        """The specialist of a name; raises Refusal (404) with the names that there are."""
        if name not in self.served:
            hint = nearest(name[:80], self.served)
            raise HTTPError(404, f"There is no model {name[:80]!r}; {hint}.", param="model", code="model_not_found")
        return self.served[name]

    async def answer(self, served: Served, asked: Asked) -> AsyncGenerator[Piece | Ended | tuple[Passage, ...], None]:
        """Answer piece by piece: text, then the passages that it cites, then its end.

        Closing the generator frees its place at once. Raises Refusal where the request cannot be answered, the queue
        is full, or time is up.
        """
        deadline = asyncio.get_running_loop().time() + self.limits.seconds
        unmarked = Unmarked() if served.specialist.recipe.passages else None
        passages: tuple[Passage, ...] = ()
        with self._place(served.base):
            try:
                prompt, passages = await self._in_time(self._prompt(served, asked), deadline)
                async with contextlib.aclosing(until(served.base.scheduler.answer(prompt), prompt)) as events:
                    while True:
                        event = await self._in_time(anext(events), deadline)
                        if isinstance(event, Ended):
                            if unmarked:
                                yield Piece(unmarked.end(), event.new_tokens)
                                yield resolve(unmarked.raw, passages)
                            yield event
                            return
                        yield replace(event, text=unmarked.add(event.text)) if unmarked else event
            except GradschoolError as error:
                raise http_error_of(error) from error

    def drain(self) -> None:
        """Take no more requests, and give those that are under way the grace to be done; to be called in the loop."""
        self.closing = True
        self._end = asyncio.get_running_loop().time() + self.limits.grace
        for clock in self._clocks:
            if not clock.expired():
                clock.reschedule(min(clock.when() or self._end, self._end))

    async def close(self) -> None:
        """End all work."""
        self.closing = True
        for base in self.bases:
            base.prompts.shutdown(wait=False, cancel_futures=True)
            await base.scheduler.close()

    @contextlib.contextmanager
    def _place(self, base: Base) -> Iterator[None]:
        if self.closing:
            raise closing()
        if base.open >= base.scheduler.at_once + self.limits.waiting:
            raise overloaded(base.waiting)
        base.open += 1
        try:
            yield
        finally:
            base.open -= 1

    async def _prompt(self, served: Served, asked: Asked) -> tuple[Prompt, tuple[Passage, ...]]:
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(served.base.prompts, served.prompt, asked)

    async def _in_time(self, work: Awaitable[T], deadline: float) -> T:
        end = deadline if self._end is None else min(deadline, self._end)
        clock = asyncio.timeout_at(end)
        self._clocks.add(clock)
        try:
            async with clock:
                return await work
        except TimeoutError:
            raise (closing() if self.closing else too_slow(self.limits.seconds)) from None
        finally:
            self._clocks.discard(clock)


async def until(pieces: Pieces, prompt: Prompt) -> Pieces:
    """An answer up to the first of its stop strings."""
    text, count = Until(prompt.stop), 0
    async with contextlib.aclosing(pieces):
        async for event in pieces:
            if isinstance(event, Ended):
                yield Piece(text.end(), event.new_tokens)
                yield event
                return
            count = event.new_tokens
            yield Piece(text.add(event.text), count)
            if text.hit:
                yield Ended("stop", prompt.tokens, count)
                return
