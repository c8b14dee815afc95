"""The schedulers of models behind another server: llama.cpp, which we start, or whatever a specialist is based on.

What is asked is streamed on as it comes; a request that is given up closes its connection, which frees its place there.
"""

import asyncio
import contextlib
import json
import os
from collections.abc import AsyncGenerator, Sequence
from typing import Any, Protocol

import httpx

from gradschool.errors import RemoteError
from gradschool.model.remote import RemoteEngine
from gradschool.records import Conversation, Decoding
from gradschool.serve.http_errors import HTTPError
from gradschool.serve.scheduler import Ended, Piece, Pieces, Prompt

FAILED = "The model behind this server failed."
SEEDS = 1 << 32  # llama.cpp's are so many; the last one means: any


class Wire(Protocol):
    """How a server is asked, and what its events say."""

    path: str

    def body(self, prompt: Prompt) -> dict[str, Any]:
        """The request."""
        ...

    def piece(self, event: dict[str, Any]) -> str:
        """The text in an event."""
        ...

    def last(self, event: dict[str, Any]) -> bool:
        """Whether no more text comes after this event."""
        ...

    def end(self, event: dict[str, Any], so_far: Ended) -> Ended:
        """What an event says about the end and the cost, over what was known before."""
        ...


class UpstreamScheduler:
    """Asks a server for each request, at most `at_once` at a time."""

    def __init__(self, client: httpx.AsyncClient, speech: Wire, at_once: int, context_length: int) -> None:
        self.at_once, self.context_length = at_once, context_length
        self._client, self._speech = client, speech
        self._places = asyncio.Semaphore(at_once)

    def tokens(self, conversation: Conversation) -> tuple[int, tuple[int, ...]]:
        """Not known here: the server counts, and refuses what is too long."""
        return 0, ()

    async def answer(self, prompt: Prompt) -> Pieces:
        """Answer piece by piece; closing the generator closes the connection."""
        count, whole, ended = 0, False, Ended("stop", prompt.tokens, 0)
        async with self._places, contextlib.aclosing(self._events(prompt)) as events:
            async for event in events:
                try:
                    text, ended = self._speech.piece(event), self._speech.end(event, ended)
                    whole = whole or self._speech.last(event)
                except (ValueError, TypeError, LookupError, AttributeError) as error:
                    raise RemoteError(FAILED, f"It says {str(event)[:200]}.") from error
                if text:
                    count += 1
                    yield Piece(text, count)
        if not whole:
            raise RemoteError(FAILED, "Its answer broke off before the end.")
        yield Ended(ended.stop, ended.prompt_tokens, ended.new_tokens or count)

    async def close(self) -> None:
        """Drop all connections."""
        await self._client.aclose()

    async def _events(self, prompt: Prompt) -> AsyncGenerator[dict[str, Any], None]:
        """The events of one answer (server-sent events, each a JSON object)."""
        body = self._speech.body(prompt)
        try:
            async with self._client.stream("POST", self._speech.path, json=body) as response:
                if response.status_code != 200:
                    raise self._refused(response.status_code, (await response.aread())[:2000])
                async for line in response.aiter_lines():
                    data = line.removeprefix("data:").strip()
                    if line.startswith("data:") and data != "[DONE]":
                        yield self._understood(data)
        except httpx.HTTPError as error:
            raise RemoteError(
                "The model behind this server does not answer.", f"{str(error) or type(error).__name__}."
            ) from error

    def _understood(self, data: str) -> dict[str, Any]:
        try:
            event = json.loads(data)
        except ValueError:
            event = None
        if not isinstance(event, dict) or event.get("error"):
            raise RemoteError(FAILED, f"It says {data[:200]}.")
        return event

    def _refused(self, status: int, content: bytes) -> HTTPError:
        try:
            said = json.loads(content)["error"]["message"]
        except (ValueError, LookupError, TypeError):
            said = content.decode(errors="replace").strip()
        about = f"The model behind this server answers {status}: {' '.join(str(said).split())[:300]}"
        if status in (400, 413, 422):
            return HTTPError(400, about, code="context_length_exceeded" if "context" in about.lower() else None)
        return HTTPError(503 if status in (429, 503) else 502, about, code="bad_gateway")


class LlamaWire:
    """llama.cpp's own /completion, which takes tokens: what a person wrote cannot pose as a control token."""

    path = "completion"

    def body(self, prompt: Prompt) -> dict[str, Any]:
        """The tokens."""
        return llama_body(prompt.ids, prompt.decoding) | {"stream": True}

    def piece(self, event: dict[str, Any]) -> str:
        """The text in an event."""
        return str(event.get("content") or "")

    def last(self, event: dict[str, Any]) -> bool:
        """Whether it is the last one."""
        return bool(event.get("stop"))

    def end(self, event: dict[str, Any], so_far: Ended) -> Ended:
        """The last event says why it is the last, and counts."""
        if not event.get("stop"):
            return so_far
        counts = int(event["tokens_evaluated"]), int(event["tokens_predicted"])
        return Ended("length" if event.get("stop_type") == "limit" else "stop", *counts)


def llama_body(ids: Sequence[int], decoding: Decoding) -> dict[str, Any]:
    """A request to llama.cpp that leaves nothing to its own sampling defaults."""
    return {
        "prompt": list(ids),
        "n_predict": decoding.max_new_tokens,
        "temperature": decoding.temperature,
        "top_p": decoding.top_p,
        "top_k": 0,
        "min_p": 0.0,
        "seed": decoding.seed % (SEEDS - 1),
    }


class ChatWire:
    """OpenAI's chat completions, as Ollama, vLLM and others speak them."""

    path = "chat/completions"

    def __init__(self, model: str) -> None:
        self._model = model

    def body(self, prompt: Prompt) -> dict[str, Any]:
        """The conversation as turns."""
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

    def piece(self, event: dict[str, Any]) -> str:
        """The text in an event."""
        return str((self._choice(event).get("delta") or {}).get("content") or "")

    def last(self, event: dict[str, Any]) -> bool:
        """Whether the answer ended; its usage may still come."""
        return bool(self._choice(event).get("finish_reason"))

    def end(self, event: dict[str, Any], so_far: Ended) -> Ended:
        """One event says why the answer ended, one may bring the usage."""
        usage = event.get("usage") or {}
        return Ended(
            "length" if self._choice(event).get("finish_reason") == "length" else so_far.stop,
            int(usage.get("prompt_tokens") or so_far.prompt_tokens),
            int(usage.get("completion_tokens") or so_far.new_tokens),
        )

    def _choice(self, event: dict[str, Any]) -> dict[str, Any]:
        choices = event.get("choices")
        return choices[0] if isinstance(choices, list) and choices and isinstance(choices[0], dict) else {}


def client_of(address: str, key: str, timeout: float, trust_env: bool) -> httpx.AsyncClient:
    """A connection for each request: one that is kept may be closed over there just when it is used again."""
    headers, limits = {"Authorization": f"Bearer {key}"} if key else {}, httpx.Limits(max_keepalive_connections=0)
    place = address.rstrip("/") + "/"
    return httpx.AsyncClient(base_url=place, headers=headers, timeout=timeout, limits=limits, trust_env=trust_env)


def remote_scheduler(engine: RemoteEngine, at_once: int | None, context_length: int | None) -> UpstreamScheduler:
    """The scheduler of a base that is a model on another server."""
    settings = engine.settings
    key = os.environ.get(settings.api_key_env, "")
    client = client_of(engine.identity["address"], key, settings.timeout, trust_env=True)
    longest = min(engine.context_length, context_length or engine.context_length)
    return UpstreamScheduler(client, ChatWire(engine.model), at_once or settings.concurrency, longest)
