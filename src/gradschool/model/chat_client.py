"""The connection to a server with OpenAI's API: its address, its key, what it lists, and requests to it."""

import os
import re
from contextlib import AbstractContextManager
from typing import Any

import httpx

from gradschool.errors import RemoteError
from gradschool.json_text import parse_json
from gradschool.model.connection import proxy_errors, trusts_environment
from gradschool.model.received import PLAIN, whole
from gradschool.settings import Remote

API_PATHS = re.compile(r"/(chat/completions|completions|models|responses|embeddings)$", re.IGNORECASE)
MAX_NAME = 500  # characters of the name of a model
ABOUT = 5.0  # seconds for what a server says about itself


class ChatClient:
    """An HTTP client of one server; raises RemoteError for an address that cannot be used.

    `address` is for display: without a password.
    """

    def __init__(self, address: str, settings: Remote) -> None:
        try:
            url = httpx.URL(address)
        except httpx.InvalidURL as error:
            raise RemoteError(
                f"{address!r} is not an address.", str(error), "write it like http://localhost:11434/v1."
            ) from error
        if not url.host or "%" in url.host:
            raise RemoteError(f"{address!r} has no host.", fix="write it like http://localhost:11434/v1.")
        # Of the address of one of the API's paths, such as /v1/chat/completions, the API itself is meant.
        url = url.copy_with(path=API_PATHS.sub("", url.path.rstrip("/")) or "/v1")
        self.address = str(url.copy_with(userinfo=b"")).rstrip("/")
        self.key, self._timeout = os.environ.get(settings.api_key_env, ""), settings.timeout
        headers = PLAIN | ({"Authorization": f"Bearer {self.key}"} if self.key else {})
        with proxy_errors():
            # Redirects are not followed: the key is only sent to the address that the user gave.
            self._client = httpx.Client(
                base_url=str(url).rstrip("/") + "/",
                headers=headers,
                timeout=settings.timeout,
                follow_redirects=False,
                trust_env=trusts_environment(url.host),
            )

    @property
    def host(self) -> str:
        """The host of the server."""
        return self._client.base_url.host

    def close(self) -> None:
        """Close all connections; requests of other threads fail."""
        self._client.close()

    def stream(self, body: dict[str, Any]) -> AbstractContextManager[httpx.Response]:
        """Send a chat completion; raises httpx.HTTPError."""
        return self._client.stream("POST", "chat/completions", json=body)

    def send(self, body: dict[str, Any]) -> tuple[int, httpx.Headers, bytes]:
        """The status, the headers and the content of the reply to a chat completion; raises httpx.HTTPError."""
        with self.stream(body) as response:
            return response.status_code, response.headers, whole(response, self._timeout)

    def models(self) -> list[dict[str, Any]]:
        """The server's list of models; empty if it has none."""
        try:
            data = self._get("models", self._timeout)["data"]
            named = (model for model in data if isinstance(model, dict) and isinstance(model.get("id"), str))
            return [model for model in named if len(model["id"]) <= MAX_NAME]
        except (httpx.HTTPError, ValueError, LookupError, TypeError):
            return []

    def at_root(self, path: str) -> Any:
        """What the server answers at a path outside its API, as JSON; None without an answer, or if that is no JSON."""
        try:
            return self._get(self._client.base_url.copy_with(path=path), ABOUT)
        except (httpx.HTTPError, ValueError):
            return None

    def hide(self, text: str) -> str:
        """A text of the server without the key."""
        return text.replace(self.key, "***") if self.key else text

    def _get(self, address: httpx.URL | str, seconds: float) -> Any:
        """What the server says about itself, as JSON; raises httpx.HTTPError, or ValueError if it is no JSON."""
        with self._client.stream("GET", address, timeout=seconds) as response:
            return parse_json(whole(response, seconds)) if response.status_code == 200 else None
