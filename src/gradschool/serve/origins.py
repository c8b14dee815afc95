"""Web pages that may use the server from a browser: CORS for origins that the user names, and no others.

A browser asks with an OPTIONS request before it lets a page of another origin send a request. That preflight carries no
API key, so it is answered before the key is checked.
"""

import re
from collections.abc import Iterable, Sequence

import httpx
from starlette.datastructures import Headers
from starlette.middleware.cors import CORSMiddleware
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from gradschool.errors import UsageError
from gradschool.serve.abstaining import HEADER
from gradschool.serve.http_errors import HTTPError

ANY = ("*", "null")  # every page; "null" is the origin of files and of sandboxed frames on any page
METHODS = ("GET", "HEAD", "POST")
EXPOSED = ("Retry-After", HEADER)
PORTS = {"http": 80, "https": 443}  # which browsers leave out of an origin
FORM = re.compile(r"([a-z][a-z0-9+.-]*)://([^\s/?#@*\\]+)/?", re.IGNORECASE)


def parse_origins(given: Iterable[str], key: str) -> tuple[str, ...]:
    """Origins as browsers send them; raises UsageError for what no browser sends, and for `*` without an API key."""
    origins = tuple(dict.fromkeys(_origin(text.strip()) for text in given))
    for origin in origins:
        if origin in ANY and not key:
            raise UsageError(
                f"--allow-origin {origin} needs an API key.",
                "Without a key, every web page that you open could use your specialists.",
                "name the origin, such as http://localhost:3000; or set a key with --api-key-file.",
            )
    return origins


def _origin(text: str) -> str:
    if text in ANY:
        return text
    form = FORM.fullmatch(text)
    if form is None:
        raise UsageError(
            f"--allow-origin {text!r} is not the origin of a web page.",
            "An origin is scheme://host or scheme://host:port, without a path and without wildcards.",
            "copy it from the address bar up to the first single slash, such as http://localhost:3000.",
        )
    scheme = form[1].lower()
    try:
        url = httpx.URL(f"{scheme}://{form[2]}")
    except httpx.InvalidURL as error:
        raise UsageError(f"--allow-origin {text!r} is not an address.", f"{error}.", "correct it.") from error
    host = url.raw_host.decode("ascii").lower()  # of an international name, the form that browsers send
    host = f"[{host}]" if ":" in host else host
    return f"{scheme}://{host}" + (f":{url.port}" if url.port not in (None, PORTS.get(scheme)) else "")


class OriginMiddleware:
    """Answers preflights of the named origins and marks responses to them; preflights of others get an error."""

    def __init__(self, app: ASGIApp, origins: Sequence[str]) -> None:
        self._app = app
        self._cors = CORSMiddleware(
            app,
            allow_origins=origins,
            allow_methods=METHODS,
            allow_headers=["*"],
            allow_private_network=True,
            expose_headers=EXPOSED,
        )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, or answer a preflight."""
        headers = Headers(scope=scope) if scope["type"] == "http" else {}
        origin = headers.get("origin")
        if origin is None:
            await self._app(scope, receive, send)
        elif self._cors.is_allowed_origin(origin):
            await self._cors(scope, receive, send)
        elif scope["method"] == "OPTIONS":
            message = f"Pages of {origin[:200]} may not use this server; start it with --allow-origin to allow them."
            error = HTTPError(403, message, code="origin_not_allowed")
            await JSONResponse(error.body(), error.status, headers={"Vary": "Origin"})(scope, receive, send)
        else:  # the browser does not show the answer to the page
            await self._app(scope, receive, send)
