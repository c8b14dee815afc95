"""Who may come in: with the key, or, where there is none, from this machine and by its own name."""

import hmac
import ipaddress

from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from gradschool.serve.http_errors import HTTPError


class Door:
    """Lets in who brings the key as a bearer token; /health is open to all.

    Without a key, only requests to this machine by its own name are taken: else a web page could point a name of its
    own here, and read specialists through a person's browser.
    """

    def __init__(self, app: ASGIApp, key: str) -> None:
        self._app, self._key = app, key.encode()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, or refuse it."""
        if scope["type"] == "http" and scope["path"] != "/health":
            refusal = self._refusal(dict(scope["headers"]))
            if refusal is not None:
                response = JSONResponse(refusal.body(), refusal.status, headers=refusal.headers)
                await response(scope, receive, send)
                return
        await self._app(scope, receive, send)

    def _refusal(self, headers: dict[bytes, bytes]) -> HTTPError | None:
        if self._key:
            kind, _, given = headers.get(b"authorization", b"").partition(b" ")
            if kind.lower() == b"bearer" and hmac.compare_digest(given.strip(), self._key):
                return None
            return HTTPError(401, "The API key is missing or wrong.", code="invalid_api_key")
        if is_own_name(headers.get(b"host", b"").decode("latin-1")):
            return None
        message = "This server answers only requests to localhost; another name wants an API key."
        return HTTPError(403, message, code="wrong_host")


def is_own_name(host: str) -> bool:
    """Whether a Host header names this machine to itself: localhost, or an address of its loopback."""
    name, colon, port = host.rpartition(":")
    if not colon or not port.isdigit():
        name = host
    if name.lower() == "localhost":
        return True
    try:
        return ipaddress.ip_address(name.removeprefix("[").removesuffix("]")).is_loopback
    except ValueError:
        return False
