"""The application of the studio: pages, what they ask for, and errors as all commands report them."""

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator
from pathlib import Path

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Mount, Route
from starlette.staticfiles import StaticFiles

from gradschool.errors import GradschoolError
from gradschool.studio import climbs, examples, pages, preparing, results, shipping, start, talk, uploads
from gradschool.studio.guard import Guard
from gradschool.studio.replies import NotFound, Working, error_reply, json_reply
from gradschool.studio.studio import Studio

STATIC = Path(__file__).parent / "static"
log = logging.getLogger(__name__)


def make_app(studio: Studio, token: str, port: int) -> Starlette:
    """The ASGI application of a studio that listens on a port of this machine."""

    @contextlib.asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        working = asyncio.create_task(studio.keep_working())
        yield
        working.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await working

    areas = (pages, start, climbs, results, uploads, preparing, examples, talk, shipping)
    routes: list[BaseRoute] = [route for area in areas for route in area.ROUTES]
    app = Starlette(
        routes=[*routes, Mount("/static", StaticFiles(directory=STATIC)), Route("/{rest:path}", _missing)],
        exception_handlers={
            GradschoolError: _known,
            Working: _working,  # type: ignore[dict-item]  # as below
            OSError: _known,
            HTTPException: _routing,  # type: ignore[dict-item]  # Starlette declares handlers for Exception only
            Exception: _bug,
        },
        lifespan=lifespan,
    )
    app.router.redirect_slashes = False
    app.state.studio = studio
    app.add_middleware(Guard, token=token, port=port)
    return app


def _is_page(request: Request) -> bool:
    return not request.url.path.startswith("/api/")


async def _known(request: Request, error: Exception) -> Response:
    return error_reply(error, page=_is_page(request))


async def _working(request: Request, working: Working) -> Response:
    return json_reply({"working": working.progress}, 202)


async def _missing(request: Request) -> Response:
    raise NotFound("There is no such page.", "The address is not one of the studio.", "go back to the start page.")


async def _routing(request: Request, error: HTTPException) -> Response:
    what = NotFound("There is no such page.", f"The server says: {error.detail}.", "go back to the start page.")
    return error_reply(what, page=_is_page(request))


async def _bug(request: Request, error: Exception) -> Response:
    log.error("a request failed", exc_info=error)
    return error_reply(error, page=_is_page(request))
