"""A scheduler for models on another HTTP server: llama.cpp in a child process, or the remote base of a specialist.

Answers are streamed through. A cancelled request closes its connection, so that the other server cancels it too.
"""

import asyncio
import contextlib
import json
import os
from collections.abc import AsyncGenerator
from typing import Any, Protocol

import httpx

from gradschool.errors import RemoteError
from gradschool.model.connection import trusts_environment
from gradschool.model.llama_cpp import completion_body
from gradschool.model.remote import RemoteEngine
from gradschool.records import Conversation
from gradschool.serve.http_errors import HTTPError
from gradschool.serve.scheduler import AnswerStream, Finished, Prompt, TextChunk

UPSTREAM_FAILED = "The upstream model failed."


class Wire(Protocol):
    """The protocol of an upstream server: how to build a request and how to read its events."""

    path: str

    def body(self, prompt: Prompt) -> dict[str, Any]:
        """The body of the request."""
        ...

    def text(self, event: dict[str, Any]) -> str:
        """The text of an event."""
        ...

    def is_last(self, event: dict[str, Any]) -> bool:
        """Whether no text follows this event."""
        ...

    def finished(self, event: dict[str, Any], so_far: Finished) -> Finished:
        """Finish reason and token counts after this event; `so_far` holds those known before it."""
        ...


class UpstreamScheduler:
    """Sends each request to an upstream server, at most `at_once` at a time."""

    def __init__(self, client: httpx.AsyncClient, wire: Wire, at_once: int, context_length: int) -> None:
        self.at_once, self.context_length = at_once, context_length
        self._client, self._wire = client, wire
        self._slots = asyncio.Semaphore(at_once)

    def tokens(self, conversation: Conversation) -> tuple[int, tuple[int, ...]]:
        """Unknown (0): the upstream server counts tokens and rejects prompts that are too long."""
        return 0, ()

    async def answer(self, prompt: Prompt) -> AnswerStream:
        """Stream an answer; closing the generator closes the connection."""
        count, complete, finished = 0, False, Finished("stop", prompt.tokens, 0)
        async with self._slots, contextlib.aclosing(self._events(prompt)) as events:
            async for event in events:
                try:
                    text, finished = self._wire.text(event), self._wire.finished(event, finished)
                    complete = complete or self._wire.is_last(event)
                except (ValueError, TypeError, LookupError, AttributeError) as error:
                    raise RemoteError(UPSTREAM_FAILED, f"Unexpected event: {str(event)[:200]}.") from error
                if text:
                    count += 1
                    yield TextChunk(text, count)
        if not complete:
            raise RemoteError(UPSTREAM_FAILED, "Its answer ended early.")
        yield Finished(finished.stop, finished.prompt_tokens, finished.new_tokens or count)

    async def close(self) -> None:
        """Close all connections."""
        await self._client.aclose()

    async def _events(self, prompt: Prompt) -> AsyncGenerator[dict[str, Any], None]:
        """The events of one answer (server-sent events, each a JSON object)."""
        body = self._wire.body(prompt)
        try:
            async with self._client.stream("POST", self._wire.path, json=body) as response:
                if response.status_code != 200:
                    raise self._error(response.status_code, (await response.aread())[:2000])
                async for line in response.aiter_lines():
                    data = line.removeprefix("data:").strip()
                    if line.startswith("data:") and data != "[DONE]":
                        yield self._parsed(data)
        except httpx.HTTPError as error:
            raise RemoteError(
                "The upstream model does not answer.", f"{str(error) or type(error).__name__}."
            ) from error

    def _parsed(self, data: str) -> dict[str, Any]:
        try:
            event = json.loads(data)
        except ValueError:
            event = None
        if not isinstance(event, dict) or event.get("error"):
            raise RemoteError(UPSTREAM_FAILED, f"It sent: {data[:200]}.")
        return event

    def _error(self, status: int, content: bytes) -> HTTPError:
        try:
            reason = json.loads(content)["error"]["message"]
        except (ValueError, LookupError, TypeError):
            reason = content.decode(errors="replace").strip()
        message = f"The upstream model answered {status}: {' '.join(str(reason).split())[:300]}"
        if status in (400, 413, 422):
            return HTTPError(400, message, code="context_length_exceeded" if "context" in message.lower() else None)
        return HTTPError(503 if status in (429, 503) else 502, message, code="bad_gateway")


class LlamaWire:
    """llama.cpp's /completion, which takes token ids: text from users cannot become control tokens."""

    path = "completion"

    def body(self, prompt: Prompt) -> dict[str, Any]:
        """A request with token ids."""
        return completion_body(prompt.ids, prompt.decoding) | {"stream": True}

    def text(self, event: dict[str, Any]) -> str:
        """The text of an event."""
        return str(event.get("content") or "")

    def is_last(self, event: dict[str, Any]) -> bool:
        """Whether this is the last event."""
        return bool(event.get("stop"))

    def finished(self, event: dict[str, Any], so_far: Finished) -> Finished:
        """The last event has the finish reason and the counts."""
        if not event.get("stop"):
            return so_far
        counts = int(event["tokens_evaluated"]), int(event["tokens_predicted"])
        return Finished("length" if event.get("stop_type") == "limit" else "stop", *counts)


class ChatWire:
    """OpenAI's chat completions, as in Ollama, vLLM and others."""

    path = "chat/completions"

    def __init__(self, model: str) -> None:
        self._model = model

    def body(self, prompt: Prompt) -> dict[str, Any]:
        """A request with messages."""
        return {
            "model": self._model,
            "messages": [{"role": m.role, "content": m.content} for m in prompt.conversation],
            "stream": True,
            "stream_options": {"include_usage": True},
            "max_tokens": prompt.decoding.max_new_tokens,
            "temperature": prompt.decoding.temperature,
            "top_p": prompt.decoding.top_p,
            "seed": prompt.decoding.seed,
            **({"stop": list(prompt.stop)} if prompt.stop else {}),
        }

    def text(self, event: dict[str, Any]) -> str:
        """The text of an event."""
        return str((self._choice(event).get("delta") or {}).get("content") or "")

    def is_last(self, event: dict[str, Any]) -> bool:
        """Whether the answer ended; an event with its usage may follow."""
        return bool(self._choice(event).get("finish_reason"))

    def finished(self, event: dict[str, Any], so_far: Finished) -> Finished:
        """One event has the finish reason, another may have the usage."""
        usage = event.get("usage") or {}
        return Finished(
            "length" if self._choice(event).get("finish_reason") == "length" else so_far.stop,
            int(usage.get("prompt_tokens") or so_far.prompt_tokens),
            int(usage.get("completion_tokens") or so_far.new_tokens),
        )

    def _choice(self, event: dict[str, Any]) -> dict[str, Any]:
        choices = event.get("choices")
        return choices[0] if isinstance(choices, list) and choices and isinstance(choices[0], dict) else {}


def client_of(address: str, key: str, timeout: float, trust_env: bool) -> httpx.AsyncClient:
    """A client without keep-alive: the server could close an idle connection just as it is used again."""
    headers, limits = {"Authorization": f"Bearer {key}"} if key else {}, httpx.Limits(max_keepalive_connections=0)
    url = address.rstrip("/") + "/"
    return httpx.AsyncClient(base_url=url, headers=headers, timeout=timeout, limits=limits, trust_env=trust_env)


def remote_scheduler(engine: RemoteEngine, at_once: int | None, context_length: int | None) -> UpstreamScheduler:
    """The scheduler for a remote base."""
    settings = engine.settings
    key = os.environ.get(settings.api_key_env, "")
    address = engine.identity.address
    client = client_of(address, key, settings.timeout, trust_env=trusts_environment(httpx.URL(address).host))
    longest = min(engine.context_length, context_length or engine.context_length)
    return UpstreamScheduler(client, ChatWire(engine.model), at_once or settings.concurrency, longest)
