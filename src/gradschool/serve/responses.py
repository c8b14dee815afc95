"""Send one answer, complete or as a stream, and cancel it if its client disconnects."""

import asyncio
import contextlib
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable
from dataclasses import dataclass
from typing import Any, TypeVar

from starlette.requests import ClientDisconnect, Request
from starlette.responses import StreamingResponse
from starlette.types import Receive, Scope, Send

from gradschool.records import Passage
from gradschool.serve.abstaining import HEADER, Abstained
from gradschool.serve.http_errors import HTTPError
from gradschool.serve.metrics import CLIENT_CLOSED_REQUEST, RequestMetrics
from gradschool.serve.reply import Reply, error_event
from gradschool.serve.request import CompletionRequest
from gradschool.serve.scheduler import Finished, TextChunk
from gradschool.serve.service import ServedModel, Service

T = TypeVar("T")


@dataclass
class PendingAnswer:
    """One request whose answer is being generated; `abstained` is known before the first event is sent."""

    service: Service
    model: ServedModel
    request: CompletionRequest
    reply: Reply
    metrics: RequestMetrics
    abstained: bool = False

    @property
    def headers(self) -> dict[str, str]:
        """Whether the specialist abstained, for one that may."""
        may_abstain = self.model.specialist.recipe.abstention is not None
        return {HEADER: str(self.abstained).lower()} if may_abstain else {}

    def _abstain(self, event: Abstained) -> None:
        self.abstained = True
        self.metrics.finished(event.finished)
        self.metrics.abstained()

    async def complete(self) -> dict[str, Any]:
        """The complete answer in one object."""
        text, citations = "", tuple[Passage, ...]()
        async with contextlib.aclosing(self.service.answer(self.model, self.request)) as events:
            async for event in events:
                if isinstance(event, TextChunk):
                    text += event.text
                    self.metrics.text_sent(event.text)
                elif isinstance(event, Finished):
                    self.metrics.finished(event)
                    return self.reply.complete(text, citations, event)
                elif isinstance(event, Abstained):
                    self._abstain(event)
                    return self.reply.abstained(event)
                else:
                    citations = event
        raise AssertionError("an answer ended without Finished")

    async def stream(self) -> AsyncGenerator[bytes, None]:
        """The answer as server-sent events; an error after the first event becomes an event."""
        citations, begun, with_usage = tuple[Passage, ...](), False, self.request.include_usage
        try:
            async with contextlib.aclosing(self.service.answer(self.model, self.request)) as events:
                async for event in events:
                    if isinstance(event, Finished):
                        self.metrics.finished(event)
                        head = b"" if begun else self.reply.begin(with_usage)
                        self.metrics.done(200)
                        yield head + self.reply.end(citations, event, with_usage)
                    elif isinstance(event, Abstained):
                        self._abstain(event)
                        self.metrics.done(200)
                        yield self.reply.begin(with_usage) + self.reply.end_abstained(event, with_usage)
                    elif not isinstance(event, TextChunk):
                        citations = event
                    elif event.text or not begun:
                        head = b"" if begun else self.reply.begin(with_usage)
                        begun = True
                        self.metrics.text_sent(event.text)
                        yield head + (self.reply.text(event.text, with_usage) if event.text else b"")
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
