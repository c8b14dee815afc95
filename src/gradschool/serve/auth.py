"""Access control: an API key, or without one, requests from this machine only."""

import hmac
import ipaddress

from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from gradschool.serve.http_errors import HTTPError


class ApiKeyMiddleware:
    """Requires the API key as a bearer token on every path but /health.

    Without a key, it accepts only requests whose Host header is a loopback name. This stops DNS rebinding: a web page
    could otherwise point its own domain at 127.0.0.1 and query specialists from the user's browser.
    """

    def __init__(self, app: ASGIApp, key: str) -> None:
        self._app, self._key = app, key.encode()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, or answer it with an error."""
        if scope["type"] == "http" and scope["path"] != "/health":
            error = self._error(dict(scope["headers"]))
            if error is not None:
                response = JSONResponse(error.body(), error.status, headers=error.headers)
                await response(scope, receive, send)
                return
        await self._app(scope, receive, send)

    def _error(self, headers: dict[bytes, bytes]) -> HTTPError | None:
        if self._key:
            scheme, _, token = headers.get(b"authorization", b"").partition(b" ")
            if scheme.lower() == b"bearer" and hmac.compare_digest(token.strip(), self._key):
                return None
            return HTTPError(401, "The API key is missing or wrong.", code="invalid_api_key")
        if is_loopback_host(headers.get(b"host", b"").decode("latin-1")):
            return None
        message = (
            "Without an API key, this server answers only requests to localhost. To use it under another name, as from "
            "a container, start it with a key: set GRADSCHOOL_API_KEY and --host."
        )
        return HTTPError(403, message, code="wrong_host")


def is_loopback_host(host: str) -> bool:
    """Whether a Host header is localhost or a loopback address, with or without a port."""
    name, colon, port = host.rpartition(":")
    if not colon or not port.isdigit():
        name = host
    if name.lower() == "localhost":
        return True
    try:
        return ipaddress.ip_address(name.removeprefix("[").removesuffix("]")).is_loopback
    except ValueError:
        return False
