"""Access to the studio: this machine only, by a token, from its own pages; and headers that keep text from acting.

The token is in the address that the terminal shows. The first page puts it into a cookie that scripts cannot read.
A Host header of another name is refused, which stops DNS rebinding, and so is a request that another page sends.
"""

import hmac
from http.cookies import CookieError, SimpleCookie
from urllib.parse import parse_qsl, urlencode

from starlette.datastructures import MutableHeaders
from starlette.responses import RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from gradschool.errors import TrustError
from gradschool.studio.replies import error_reply

TOKEN = "token"
SAFE = ("GET", "HEAD")
OPEN = "/static/style.css"  # for the page that says that there is no key
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
# The report of a run is a page of its own, with one script that its own policy names by its hash.
REPORT_POLICY = "sandbox allow-scripts; frame-ancestors 'none'"
HEADERS = {
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "cache-control": "no-store",
}


class Guard:
    """Passes on requests of this studio's own pages, and answers all others with an error."""

    def __init__(self, app: ASGIApp, token: str, port: int) -> None:
        self._app, self._token = app, token
        self._hosts = {f"{name}:{port}" for name in ("127.0.0.1", "localhost", "[::1]")}
        self._cookie = f"gradschool-studio-{port}"  # browsers send a cookie to all ports of a host

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, or answer it."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in {**HEADERS, "content-security-policy": POLICY}.items():
                    headers.setdefault(name, value)
            await send(message)

        response = self._answer(scope)
        await (response or self._app)(scope, receive, send_with_headers)

    def _answer(self, scope: Scope) -> Response | None:
        """The answer to a request that is not passed on."""
        headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
        host = headers.get("host", "").lower()
        if host not in self._hosts:
            return self._refusal(
                scope, "This is not the studio's own address.", f"The browser asked for {host[:100]!r}."
            )
        origin = headers.get("origin")
        if scope["method"] not in SAFE and origin != f"http://{host}":
            return self._refusal(scope, "Another page sent this request.", "Only the studio's own pages may.")
        if headers.get("sec-fetch-site", "none") not in ("same-origin", "none") and not self._is_link(scope, headers):
            return self._refusal(scope, "Another page sent this request.", "Only the studio's own pages may.")
        query = dict(parse_qsl(scope["query_string"].decode("latin-1"), keep_blank_values=True))
        if TOKEN in query and scope["method"] in SAFE:
            return self._enter(scope, query)
        if self._is_token(self._given(headers.get("cookie", ""))) or scope["path"] == OPEN:
            return None
        return self._refusal(
            scope, "This browser has no key to the studio.", "Its cookie is missing or of another one."
        )

    def _is_link(self, scope: Scope, headers: dict[str, str]) -> bool:
        """Whether a request only opens a page: a link elsewhere may lead here, and its page learns nothing."""
        return scope["method"] in SAFE and headers.get("sec-fetch-mode") == "navigate"

    def _enter(self, scope: Scope, query: dict[str, str]) -> Response:
        if not self._is_token(query.pop(TOKEN)):
            return self._refusal(scope, "The key in this address is wrong.", "It may be of a studio that has ended.")
        response = RedirectResponse(scope["path"] + (f"?{urlencode(query)}" if query else ""), 303)
        response.set_cookie(self._cookie, self._token, httponly=True, samesite="strict", max_age=90 * 24 * 3600)
        return response

    def _given(self, cookies: str) -> str:
        try:
            found = SimpleCookie(cookies).get(self._cookie)
        except CookieError:
            return ""
        return found.value if found else ""

    def _is_token(self, text: str) -> bool:
        return hmac.compare_digest(text.encode(), self._token.encode())

    def _refusal(self, scope: Scope, what: str, why: str) -> Response:
        error = TrustError(what, why, "open the address that the terminal shows; it ends in ?token=…")
        return error_reply(error, page=not scope["path"].startswith("/api/"))
