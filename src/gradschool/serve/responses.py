"""Send the answers to a request, complete or as a stream, and cancel them if its client disconnects."""

import asyncio
import contextlib
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable
from dataclasses import dataclass, field, replace
from typing import Any, TypeVar

from starlette.requests import ClientDisconnect, Request
from starlette.responses import StreamingResponse
from starlette.types import Receive, Scope, Send

from gradschool.model.tool_turns import ToolCall
from gradschool.serve.abstaining import HEADER, Abstained
from gradschool.serve.choices import Choice
from gradschool.serve.http_errors import HTTPError
from gradschool.serve.metrics import CLIENT_CLOSED_REQUEST, RequestMetrics
from gradschool.serve.reply import Reply, error_event
from gradschool.serve.request import CompletionRequest
from gradschool.serve.scheduler import Finished, TextChunk
from gradschool.serve.service import Event, ServedModel, Service

T = TypeVar("T")


@dataclass
class PendingAnswer:
    """One request whose answers are being generated; `abstained` is known before the first event is sent."""

    service: Service
    model: ServedModel
    request: CompletionRequest
    reply: Reply
    metrics: RequestMetrics
    abstained: bool = False
    choices: dict[int, Choice] = field(default_factory=dict)  # by the number of the stream

    @property
    def headers(self) -> dict[str, str]:
        """Whether the specialist abstained, for one that may."""
        may_abstain = self.model.specialist.recipe.abstention is not None
        return {HEADER: str(self.abstained).lower()} if may_abstain else {}

    @property
    def _equal(self) -> int:
        """How many answers of the response are equal to each one that is generated."""
        return self.request.n // self.model.drawn(self.request)

    async def complete(self) -> dict[str, Any]:
        """All answers in one object."""
        async with contextlib.aclosing(self._events()) as events:
            async for _ in events:
                pass
        return self.reply.complete([self.choices[number] for number in sorted(self.choices)] * self._equal)

    async def stream(self) -> AsyncGenerator[bytes, None]:
        """The answers as server-sent events; an error after the first event becomes an event."""
        begun, ended, drawn = set[int](), 0, self.model.drawn(self.request)
        try:
            async with contextlib.aclosing(self._events()) as events:
                async for number, event in events:
                    content = b""
                    for index in range(self._equal) if drawn == 1 else (number,):
                        written = self._written(index, event, self.choices[number])
                        if written is not None and index not in begun:
                            begun.add(index)
                            content += self.reply.begin(index)
                        content += written or b""
                    ended += isinstance(event, Finished | Abstained)
                    if ended == drawn:
                        self.metrics.done(200)
                        finished = [choice.finished for choice in self.choices.values()]
                        content += self.reply.done(finished * self._equal)
                    if content:
                        yield content
        except HTTPError as error:
            if not begun:
                raise
            self.metrics.done(error.status)
            yield error_event(error)
        except Exception:
            self.metrics.done(500)
            raise
        finally:
            self.metrics.done(CLIENT_CLOSED_REQUEST)

    def _written(self, index: int, event: Event, choice: Choice) -> bytes | None:
        """An event as bytes; None if nothing is sent for it."""
        if isinstance(event, TextChunk):
            return self.reply.text(index, event)
        if isinstance(event, ToolCall):
            return self.reply.call(index, event, len(choice.calls) - 1)
        if isinstance(event, Finished):
            return self.reply.end(index, choice)
        return self.reply.abstained(index, event) if isinstance(event, Abstained) else None

    async def _events(self) -> AsyncGenerator[tuple[int, Event], None]:
        """The events of all answers, which are counted, and added to `choices`."""
        async with contextlib.aclosing(self.service.answers(self.model, self.request)) as events:
            async for number, event in events:
                choice = self.choices.setdefault(number, Choice())
                choice.add(event)
                if isinstance(event, TextChunk):
                    self.metrics.text_sent(event.text)
                elif isinstance(event, Finished | Abstained):
                    self._count(choice)
                yield number, event

    def _count(self, choice: Choice) -> None:
        """Count a finished answer, and the prompt with the first one."""
        first = sum(one.finished.prompt_tokens > 0 for one in self.choices.values()) <= 1
        self.metrics.finished(choice.finished if first else replace(choice.finished, prompt_tokens=0))
        if choice.abstained:
            self.abstained = True
            self.metrics.abstained()


class EventStream(StreamingResponse):
    """A response of server-sent events; when it ends, for whatever reason, generation ends too."""

    def __init__(
        self, first: bytes, rest: AsyncGenerator[bytes, None], seconds: float, headers: dict[str, str]
    ) -> None:
        self._rest, self._seconds = rest, seconds

        async def events() -> AsyncIterator[bytes]:
            yield first
            async for chunk in rest:
                yield chunk

        super().__init__(events(), media_type="text/event-stream", headers=headers | {"Cache-Control": "no-store"})

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send all events within the time limit."""
        try:
            async with asyncio.timeout(self._seconds):  # `send` blocks while a client does not read
                await super().__call__(scope, receive, send)
        finally:
            await self._rest.aclose()


async def cancel_on_disconnect(request: Request, work: Awaitable[T]) -> T:
    """Await `work`; if the client disconnects first, cancel it and raise ClientDisconnect."""
    answer, disconnect = asyncio.ensure_future(work), asyncio.ensure_future(_disconnected(request))
    try:
        await asyncio.wait((answer, disconnect), return_when=asyncio.FIRST_COMPLETED)
        if not answer.done():
            raise ClientDisconnect
        return answer.result()
    finally:
        answer.cancel()
        disconnect.cancel()
        await asyncio.gather(answer, disconnect, return_exceptions=True)


async def _disconnected(request: Request) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass
