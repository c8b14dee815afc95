"""Requests to an OpenAI-compatible server: with retries, time limits and validated replies."""

import email.utils
import json
import os
import random
import threading
import time
from collections.abc import Iterator
from typing import Any

import httpx

from gradschool.errors import RemoteError, nearest
from gradschool.records import Conversation, Decoding, Failure
from gradschool.settings import Remote

RETRIED = {408, 409, 425, 429, 500, 502, 503, 504}
FIRST_PAUSE, MAX_PAUSE = 0.5, 60.0  # seconds
MAX_REPLY = 8 << 20  # bytes
TOO_LONG = ("context length", "context_length", "context size", "context window", "exceed_context", "too many tokens")


class QuestionFailed(Exception):
    """One question got no answer; others may get one."""

    def __init__(self, failure: Failure) -> None:
        super().__init__(failure.reason)
        self.failure = failure


class ChatApi:
    """A client of one model of one server. Raises RemoteError for failures that affect all questions."""

    def __init__(self, address: str, model: str, settings: Remote) -> None:
        try:
            url = httpx.URL(address)
        except httpx.InvalidURL as error:
            raise RemoteError(
                f"{address!r} is not an address.", str(error), "write it like http://localhost:11434/v1."
            ) from error
        if not url.host or "%" in url.host:
            raise RemoteError(f"{address!r} has no host.", fix="write it like http://localhost:11434/v1.")
        if url.path in ("", "/"):
            url = url.copy_with(path="/v1")
        self.address = str(url.copy_with(userinfo=b"")).rstrip("/")  # for display: without a password
        self.model, self.settings = model, settings
        self._key = os.environ.get(settings.api_key_env, "")
        headers = {"Authorization": f"Bearer {self._key}"} if self._key else {}
        # Redirects are not followed: the key is only sent to the address that the user gave.
        self._client = httpx.Client(
            base_url=str(url).rstrip("/") + "/", headers=headers, timeout=settings.timeout, follow_redirects=False
        )
        self._random = random.Random()

    def close(self) -> None:
        """Close all connections; requests of other threads fail."""
        self._client.close()

    def ask(self, conversation: Conversation, decoding: Decoding, cancelled: threading.Event) -> dict[str, Any]:
        """The server's reply, with at least one choice that has a message.

        Temporary failures are retried after pauses that double, with jitter, or that the server asks for (Retry-After).
        Raises QuestionFailed after the last attempt.
        """
        body = self._body(conversation, decoding)
        for attempt in range(self.settings.retries + 1):
            wait: float | None = None
            try:
                status, headers, content = self._send(body)
            except httpx.TimeoutException:
                reason = f"no answer within {self.settings.timeout:g} seconds"
            except httpx.HTTPError as error:
                reason = f"the connection failed: {str(error) or type(error).__name__}"
            else:
                if status == 200:
                    reply, reason = _parse(content)
                    if reply is not None:
                        return reply
                else:
                    reason = self._refusal(status, content)
                    wait = _retry_after(headers.get("Retry-After"))
            if attempt < self.settings.retries:
                pause = FIRST_PAUSE * 2**attempt * self._random.uniform(0.5, 1.5) if wait is None else wait
                if cancelled.wait(min(pause, MAX_PAUSE)):
                    break
        attempts = self.settings.retries + 1
        raise QuestionFailed(Failure("server", f"{self.address}: {self._hide(reason)} ({attempts} attempts)"))

    def stream(self, conversation: Conversation, decoding: Decoding) -> Iterator[str]:
        """The answer's chunks of text, from server-sent events."""
        body = {**self._body(conversation, decoding), "stream": True}
        ended = False
        try:
            with self._client.stream("POST", "chat/completions", json=body) as response:
                if response.status_code != 200:
                    reason = self._refusal(response.status_code, response.read())
                    raise self._error(reason)
                if "text/event-stream" not in response.headers.get("Content-Type", ""):
                    reply, reason = _parse(response.read())
                    if reply is None:
                        raise self._error(reason)
                    yield reply["choices"][0]["message"].get("content") or ""
                    return
                for line in response.iter_lines():
                    if not line.startswith("data:"):
                        continue
                    data = line.removeprefix("data:").strip()
                    if data == "[DONE]":
                        return
                    chunk, last = self._chunk(data)
                    ended = ended or last
                    if chunk:
                        yield chunk
        except httpx.TimeoutException as error:
            raise self._error(f"no further text within {self.settings.timeout:g} seconds") from error
        except httpx.HTTPError as error:
            raise self._error(f"the connection failed: {str(error) or type(error).__name__}") from error
        except QuestionFailed as error:
            raise self._error(error.failure.reason) from error
        if not ended:
            raise self._error("the stream ended before the answer did")

    def models(self) -> list[dict[str, Any]]:
        """The server's list of models; empty if it has none."""
        try:
            data = self._client.get("models").json()["data"]
            return [model for model in data if isinstance(model, dict) and isinstance(model.get("id"), str)]
        except (httpx.HTTPError, ValueError, LookupError, TypeError):
            return []

    def _body(self, conversation: Conversation, decoding: Decoding) -> dict[str, Any]:
        return {
            "model": self.model,
            "messages": [{"role": message.role, "content": message.content} for message in conversation],
            "max_tokens": decoding.max_new_tokens,
            "temperature": decoding.temperature,
            "top_p": decoding.top_p,
            "seed": decoding.seed,
        }

    def _send(self, body: dict[str, Any]) -> tuple[int, httpx.Headers, bytes]:
        # The client's timeout is for each read: a server that sends a byte now and then needs a deadline for the reply.
        deadline = time.monotonic() + self.settings.timeout
        content = bytearray()
        with self._client.stream("POST", "chat/completions", json=body) as response:
            for block in response.iter_bytes():
                content += block
                if time.monotonic() > deadline:
                    raise httpx.ReadTimeout("the answer took too long")
                if len(content) > MAX_REPLY:
                    raise httpx.ReadError(f"more than {MAX_REPLY >> 20} MB received")
            return response.status_code, response.headers, bytes(content)

    def _refusal(self, status: int, content: bytes) -> str:
        """The reason of a temporary refusal; raises RemoteError or QuestionFailed for a permanent one."""
        message = self._hide(_message(content))
        if status in (401, 403):
            name = self.settings.api_key_env
            raise RemoteError(
                f"{self.address} refused the request ({status}{': ' * bool(message)}{message}).",
                f"The key in {name} is not accepted." if self._key else f"It needs a key; {name} is not set.",
                f"export {name}=… , or name another variable with remote.api_key_env.",
            )
        if status == 413 or (status in (400, 422) and any(phrase in message.lower() for phrase in TOO_LONG)):
            raise QuestionFailed(Failure("too long for the model", f"{self.address}: {message}"))
        if status in (400, 404) and (status == 404 or "model" in message.lower()):
            names = sorted(model["id"] for model in self.models())
            if self.model not in names or status == 404:
                listed = f"It serves {', '.join(names[:20])}." if names else "It does not list its models."
                raise RemoteError(
                    f"{self.address} has no model {self.model!r} ({status}{': ' * bool(message)}{message}).",
                    listed,
                    f"set model: {nearest(self.model, names)}" if names else "check base_model (it often ends in /v1).",
                )
        if status not in RETRIED:
            raise QuestionFailed(Failure("server", f"{self.address} answers {status}: {message or 'nothing'}"))
        return f"it answers {status}{': ' * bool(message)}{message}"

    def _chunk(self, data: str) -> tuple[str, bool]:
        try:
            event = json.loads(data)
            if "error" in event:
                raise self._error(_message(data.encode()))
            if not event["choices"]:  # the last event may carry the usage alone
                return "", False
            choice = event["choices"][0]
            return (choice.get("delta") or {}).get("content") or "", choice.get("finish_reason") is not None
        except (ValueError, LookupError, TypeError, AttributeError) as error:
            raise self._error(f"an event of the stream cannot be read: {data[:80]!r}") from error

    def _error(self, reason: str) -> RemoteError:
        return RemoteError(
            f"{self.address} did not answer.",
            f"Reason: {self._hide(reason)}.",
            "check the server and try again.",
        )

    def _hide(self, text: str) -> str:
        return text.replace(self._key, "***") if self._key else text


def _parse(content: bytes) -> tuple[dict[str, Any] | None, str]:
    """The reply, or None and the reason why it has no answer."""
    try:
        reply = json.loads(content)
    except ValueError:
        start = content[:60].decode(errors="replace").strip()
        kind = "a web page" if start.lower().startswith(("<!doctype", "<html")) else "no JSON"
        return None, f"it answers {kind} ({start!r})"
    if not isinstance(reply, dict):
        return None, "its reply is no JSON object"
    if reply.get("error"):
        return None, f"it reports an error: {_message(content)}"
    choices = reply.get("choices")
    if not (isinstance(choices, list) and choices and isinstance(choices[0], dict)):
        return None, "its reply has no choices"
    message = choices[0].get("message")
    if not (isinstance(message, dict) and isinstance(message.get("content") or "", str)):
        return None, "its reply has no message"
    return reply, ""


def _message(content: bytes) -> str:
    """The message of an error reply, in one short line."""
    text = content[:2000].decode(errors="replace")
    try:
        error = json.loads(content).get("error", text)
        text = str(error.get("message", error) if isinstance(error, dict) else error)
    except (ValueError, AttributeError):
        pass
    return " ".join(text.split())[:200]


def _retry_after(value: str | None) -> float | None:
    """The seconds of a Retry-After header, which are a number or a date (RFC 9110, 10.2.3)."""
    if value is None:
        return None
    try:
        return max(0.0, float(value))
    except ValueError:
        pass
    try:
        return max(0.0, email.utils.parsedate_to_datetime(value).timestamp() - time.time())
    except ValueError:
        return None
