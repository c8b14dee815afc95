"""The HTTP interface: routes, bodies within their limits, and refusals in OpenAI's form."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from gradschool.serve import reply as replies
from gradschool.serve.auth import Door
from gradschool.serve.http_errors import HTTPError
from gradschool.serve.metrics import GONE, Metrics, Watch
from gradschool.serve.reply import Reply
from gradschool.serve.request import Asked, read_chat, read_text
from gradschool.serve.responses import Answering, EventStream, unless_gone
from gradschool.serve.service import Service

SLOW_READER = 30.0  # seconds beyond an answer's own time until a client that does not read is left


def make_app(service: Service, key: str = "") -> Starlette:
    """The whole interface over a service."""
    server = Interface(service, Metrics(service))

    @contextlib.asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        yield
        await service.close()

    app = Starlette(
        routes=[
            Route("/health", server.health),
            Route("/metrics", server.show_metrics),
            Route("/v1/models", server.models),
            Route("/v1/models/{name:path}", server.model),
            Route("/v1/chat/completions", server.chat, methods=["POST"]),
            Route("/v1/completions", server.complete, methods=["POST"]),
        ],
        exception_handlers={
            HTTPError: _refused,  # type: ignore[dict-item]  # declared for Exception alone
            HTTPException: _no_such_place,  # type: ignore[dict-item]
            ClientDisconnect: _gone,  # type: ignore[dict-item]
            Exception: _broken,
        },
        lifespan=lifespan,
    )
    app.add_middleware(Door, key=key)
    return app


@dataclass(frozen=True)
class Interface:
    """What each route does."""

    service: Service
    metrics: Metrics

    async def health(self, request: Request) -> Response:
        """Whether requests are taken."""
        if self.service.closing:
            return JSONResponse({"status": "closing"}, 503)
        return JSONResponse({"status": "ok"})

    async def show_metrics(self, request: Request) -> Response:
        """Counts for Prometheus."""
        return Response(self.metrics.text(), media_type="text/plain; version=0.0.4; charset=utf-8")

    async def models(self, request: Request) -> Response:
        """All specialists."""
        return JSONResponse({"object": "list", "data": [replies.model(one) for one in self.service.served.values()]})

    async def model(self, request: Request) -> Response:
        """One specialist."""
        return JSONResponse(replies.model(self.service.find(request.path_params["name"])))

    async def chat(self, request: Request) -> Response:
        """A conversation, answered."""
        return await self._answer(request, read_chat, chat=True)

    async def complete(self, request: Request) -> Response:
        """A prompt, answered as a question."""
        return await self._answer(request, read_text, chat=False)

    async def _answer(self, request: Request, read: Callable[[bytes], Asked], chat: bool) -> Response:
        watch = Watch(self.metrics)
        try:
            asked = read(await self._body(request))
            served = self.service.find(asked.model)
            watch.model = served.name
            answer = Answering(self.service, served, asked, Reply(served, chat), watch)
            if not asked.stream:
                response: Response = JSONResponse(await unless_gone(request, answer.whole()))
                watch.done(200)
                return response
            # The first event is waited for, so that what is refused is refused with its own status.
            chunks = answer.chunks()
            first = await unless_gone(request, anext(chunks))
            return EventStream(first, chunks, self.service.limits.seconds + SLOW_READER)
        except HTTPError as refusal:
            watch.done(refusal.status)
            raise
        except (ClientDisconnect, asyncio.CancelledError):
            watch.done(GONE)
            raise
        except Exception:
            watch.done(500)
            raise

    async def _body(self, request: Request) -> bytes:
        """The body, within its limits; raises Refusal."""
        limits = self.service.limits
        kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
        if kind != "application/json":  # also what a foreign web page can send unasked
            raise HTTPError(415, "Send JSON, with the header Content-Type: application/json.")
        too_large = HTTPError(413, f"The body is larger than {limits.body} bytes.", code="body_too_large")
        told = request.headers.get("content-length", "0")
        if not told.isdigit() or int(told) > limits.body:
            raise too_large
        content = bytearray()
        try:
            async with asyncio.timeout(limits.body_seconds):
                async for block in request.stream():
                    content += block
                    if len(content) > limits.body:
                        raise too_large
        except TimeoutError:
            raise HTTPError(408, f"The body did not come within {limits.body_seconds:g} seconds.") from None
        return bytes(content)


def _response(refusal: HTTPError) -> Response:
    return JSONResponse(refusal.body(), refusal.status, headers=refusal.headers)


async def _refused(request: Request, refusal: HTTPError) -> Response:
    return _response(refusal)


async def _no_such_place(request: Request, error: HTTPException) -> Response:
    what = f"{request.method} {request.url.path[:80]}: {error.detail}."
    return JSONResponse(HTTPError(error.status_code, what).body(), error.status_code, headers=error.headers)


async def _gone(request: Request, error: ClientDisconnect) -> Response:
    return Response(status_code=GONE)


async def _broken(request: Request, error: Exception) -> Response:
    return _response(HTTPError(500, "A bug of the server; its log says more."))
