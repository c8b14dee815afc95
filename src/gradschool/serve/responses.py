"""One answer on its way out, whole or as a stream; it ends when its client goes away."""

import asyncio
import contextlib
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable
from dataclasses import dataclass
from typing import Any, TypeVar

from starlette.requests import ClientDisconnect, Request
from starlette.responses import StreamingResponse
from starlette.types import Receive, Scope, Send

from gradschool.records import Passage
from gradschool.serve import reply as replies
from gradschool.serve.http_errors import HTTPError
from gradschool.serve.metrics import GONE, Watch
from gradschool.serve.reply import Reply
from gradschool.serve.request import Asked
from gradschool.serve.scheduler import Ended, Piece
from gradschool.serve.service import Served, Service

T = TypeVar("T")


@dataclass(frozen=True)
class Answering:
    """One request on its way to an answer."""

    service: Service
    served: Served
    asked: Asked
    reply: Reply
    watch: Watch

    async def whole(self) -> dict[str, Any]:
        """The answer in one object."""
        text, citations = "", tuple[Passage, ...]()
        async with contextlib.aclosing(self.service.answer(self.served, self.asked)) as events:
            async for event in events:
                if isinstance(event, Piece):
                    text += event.text
                    self.watch.piece(event.text)
                elif isinstance(event, Ended):
                    self.watch.ended(event)
                    return self.reply.whole(text, citations, event)
                else:
                    citations = event
        raise AssertionError("an answer without an end")

    async def chunks(self) -> AsyncGenerator[bytes, None]:
        """The answer as server-sent events; what fails after the first one is told by an event."""
        citations, begun, with_usage = tuple[Passage, ...](), False, self.asked.include_usage
        try:
            async with contextlib.aclosing(self.service.answer(self.served, self.asked)) as events:
                async for event in events:
                    if isinstance(event, Ended):
                        self.watch.ended(event)
                        head = b"" if begun else self.reply.begin(with_usage)
                        self.watch.done(200)
                        yield head + self.reply.end(citations, event, with_usage)
                    elif not isinstance(event, Piece):
                        citations = event
                    elif event.text or not begun:
                        head = b"" if begun else self.reply.begin(with_usage)
                        begun = True
                        self.watch.piece(event.text)
                        yield head + (self.reply.piece(event.text, with_usage) if event.text else b"")
        except HTTPError as refusal:
            if not begun:
                raise
            self.watch.done(refusal.status)
            yield replies.failed(refusal)
        except Exception:
            self.watch.done(500)
            raise
        finally:
            self.watch.done(GONE)


class EventStream(StreamingResponse):
    """Server-sent events; whatever ends the response, also a client that left, ends the answer."""

    def __init__(self, first: bytes, rest: AsyncGenerator[bytes, None], seconds: float) -> None:
        self._rest, self._seconds = rest, seconds

        async def events() -> AsyncIterator[bytes]:
            yield first
            async for chunk in rest:
                yield chunk

        super().__init__(events(), media_type="text/event-stream", headers={"Cache-Control": "no-store"})

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send all events, in time."""
        try:
            async with asyncio.timeout(self._seconds):  # a client that does not read holds up `send`
                await super().__call__(scope, receive, send)
        finally:
            await self._rest.aclose()


async def unless_gone(request: Request, work: Awaitable[T]) -> T:
    """The result of some work, which is cancelled when the client goes away (ClientDisconnect)."""
    answer, left = asyncio.ensure_future(work), asyncio.ensure_future(_left(request))
    try:
        await asyncio.wait((answer, left), return_when=asyncio.FIRST_COMPLETED)
        if not answer.done():
            raise ClientDisconnect
        return answer.result()
    finally:
        answer.cancel()
        left.cancel()
        await asyncio.gather(answer, left, return_exceptions=True)


async def _left(request: Request) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass
