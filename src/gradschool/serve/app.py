"""The HTTP API: routes, limits on request bodies, and errors in OpenAI's format."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from gradschool.serve.auth import ApiKeyMiddleware
from gradschool.serve.http_errors import HTTPError
from gradschool.serve.metrics import CLIENT_CLOSED_REQUEST, Metrics, RequestMetrics
from gradschool.serve.origins import OriginMiddleware
from gradschool.serve.reply import Reply, model_object
from gradschool.serve.request import CompletionRequest, parse_chat, parse_completion
from gradschool.serve.responses import EventStream, PendingAnswer, cancel_on_disconnect
from gradschool.serve.service import Service

SLOW_CLIENT_SECONDS = 30.0  # added to the time limit of an answer, for clients that read their stream slowly


def make_app(service: Service, key: str = "", origins: Sequence[str] = ()) -> Starlette:
    """The ASGI application over a service; an empty `key` means that no API key is required.

    Pages of these `origins` may use it from a browser.
    """
    api = Api(service, Metrics(service))

    @contextlib.asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        yield
        await service.close()

    app = Starlette(
        routes=[
            Route("/health", api.health),
            Route("/metrics", api.show_metrics),
            Route("/v1/models", api.models),
            Route("/v1/models/{name:path}", api.model),
            Route("/v1/chat/completions", api.chat, methods=["POST"]),
            Route("/v1/completions", api.complete, methods=["POST"]),
        ],
        exception_handlers={
            HTTPError: _http_error,  # type: ignore[dict-item]  # Starlette declares handlers for Exception only
            HTTPException: _routing_error,  # type: ignore[dict-item]
            ClientDisconnect: _client_disconnected,  # type: ignore[dict-item]
            Exception: _internal_error,
        },
        lifespan=lifespan,
    )
    app.router.redirect_slashes = False  # clients do not send a request's body again
    app.add_middleware(ApiKeyMiddleware, key=key)
    app.add_middleware(OriginMiddleware, origins=origins)  # runs first
    return app


@dataclass(frozen=True)
class Api:
    """The request handlers."""

    service: Service
    metrics: Metrics

    async def health(self, request: Request) -> Response:
        """GET /health: whether the server accepts requests."""
        if self.service.closing:
            return JSONResponse({"status": "closing"}, 503)
        if failures := [base.scheduler.failure for base in self.service.bases if base.scheduler.failure]:
            return JSONResponse({"status": "failing", "failure": failures[0]}, 503)
        return JSONResponse({"status": "ok"})

    async def show_metrics(self, request: Request) -> Response:
        """GET /metrics: metrics in Prometheus' text format."""
        return Response(self.metrics.text(), media_type="text/plain; version=0.0.4; charset=utf-8")

    async def models(self, request: Request) -> Response:
        """GET /v1/models: all specialists."""
        return JSONResponse({"object": "list", "data": [model_object(one) for one in self.service.models.values()]})

    async def model(self, request: Request) -> Response:
        """GET /v1/models/NAME: one specialist."""
        return JSONResponse(model_object(self.service.find(request.path_params["name"])))

    async def chat(self, request: Request) -> Response:
        """POST /v1/chat/completions: answer a conversation."""
        return await self._answer(request, parse_chat, chat=True)

    async def complete(self, request: Request) -> Response:
        """POST /v1/completions: answer a prompt as a user's question."""
        return await self._answer(request, parse_completion, chat=False)

    async def _answer(self, request: Request, parse: Callable[[bytes], CompletionRequest], chat: bool) -> Response:
        metrics = RequestMetrics(self.metrics)
        try:
            asked = parse(await self._body(request))
            model = self.service.find(asked.model)
            metrics.model = model.name
            reply = Reply(model, chat, asked.top is not None, asked.include_usage)
            answer = PendingAnswer(self.service, model, asked, reply, metrics)
            if not asked.stream:
                body = await cancel_on_disconnect(request, answer.complete())
                response: Response = JSONResponse(body, headers=answer.headers)
                metrics.done(200)
                return response
            # Wait for the first event, so that an error before it is answered with its own HTTP status.
            events = answer.stream()
            first = await cancel_on_disconnect(request, anext(events))
            return EventStream(first, events, self.service.limits.seconds + SLOW_CLIENT_SECONDS, answer.headers)
        except HTTPError as error:
            metrics.done(error.status)
            raise
        except (ClientDisconnect, asyncio.CancelledError):
            metrics.done(CLIENT_CLOSED_REQUEST)
            raise
        except Exception:
            metrics.done(500)
            raise

    async def _body(self, request: Request) -> bytes:
        """The request body; raises HTTPError if it is too large, too slow or not declared as JSON."""
        limits = self.service.limits
        kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
        if kind != "application/json":  # a web page can send other types across origins without a preflight request
            raise HTTPError(415, "Send JSON, with the header Content-Type: application/json.")
        what = f"The body is larger than {limits.body} bytes: send less, or smaller images."
        too_large = HTTPError(413, what, code="body_too_large")
        declared = request.headers.get("content-length", "0")
        if not declared.isdigit() or int(declared) > limits.body:
            raise too_large
        content = bytearray()
        try:
            async with asyncio.timeout(limits.body_seconds):
                async for block in request.stream():
                    content += block
                    if len(content) > limits.body:
                        raise too_large
        except TimeoutError:
            raise HTTPError(408, f"The body did not arrive within {limits.body_seconds:g} seconds.") from None
        return bytes(content)


def _response(error: HTTPError) -> Response:
    return JSONResponse(error.body(), error.status, headers=error.headers)


async def _http_error(request: Request, error: HTTPError) -> Response:
    return _response(error)


async def _routing_error(request: Request, error: HTTPException) -> Response:
    path, known = request.url.path, [route.path for route in request.app.routes if "{" not in route.path]
    message = f"{request.method} {path[:80]}: {error.detail}."
    if error.status_code == 404:
        end = path.rstrip("/").removeprefix("/v1")
        meant = next((one for one in known if one.removeprefix("/v1") == end), "")
        message += f" Ask {meant} instead." if meant else f" The paths are {', '.join(known)}; clients need /v1."
    return JSONResponse(HTTPError(error.status_code, message).body(), error.status_code, headers=error.headers)


async def _client_disconnected(request: Request, error: ClientDisconnect) -> Response:
    return Response(status_code=CLIENT_CLOSED_REQUEST)


async def _internal_error(request: Request, error: Exception) -> Response:
    return _response(HTTPError(500, "Internal error: this is a bug in gradschool. The server's log has the details."))
